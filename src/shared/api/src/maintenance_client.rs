//! The client for a node in maintenance, whose certificate only the pairing code vouches for.
//!
//! A first connection does nothing but a handshake: its certificate must be of the key that the code names. All calls
//! then trust exactly that certificate, and send the secret of the code. So nothing is sent before the node is known.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use ureq::http::HeaderValue;
use ureq::http::header::AUTHORIZATION;
use ureq::middleware::{Middleware, MiddlewareNext};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::call::{CONNECT_TIMEOUT, Caller, url, with_port};
use crate::{
    ClientError, DiskList, Done, InstallOrder, Installation, LinkList, LogQuery, Logs, Maintenance,
    PAIRING_SCHEME, PairingCode, PartitionCalls, SERVER_NAME,
};

/// A client for one node in maintenance.
///
/// Every call returns a [`ClientError`] as those of [`Client`](crate::Client) do; [`ClientError::Node`] with status 401
/// if the node does not take the code.
#[derive(Debug)]
pub struct MaintenanceClient {
    caller: Caller,
}

impl MaintenanceClient {
    /// Connects to the node at `address`, `HOST` or `HOST:PORT`, and makes sure that `code` is of its key.
    ///
    /// # Errors
    /// [`ClientError::Address`] if `address` is malformed, [`ClientError::NotPaired`] if the code is of another key;
    /// otherwise [`ClientError`] as for every call. The secret of the code was not sent.
    pub fn connect(address: &str, code: &PairingCode) -> Result<MaintenanceClient, ClientError> {
        let certificate = certificate_of(address, code)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[Certificate::from_der(&certificate).to_owned()]))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let mut value = HeaderValue::from_str(&format!("{PAIRING_SCHEME} {}", code.secret()))
            .map_err(|e| ClientError::Credentials(e.to_string()))?;
        value.set_sensitive(true);
        Ok(MaintenanceClient { caller: Caller::with_middleware(address, tls, Authorize(value))? })
    }

    /// Returns the state of the node.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`]; the node is unchanged.
    pub fn status(&self) -> Result<Maintenance, ClientError> {
        self.caller.get("/v1/maintenance")
    }

    /// Returns the node's network links.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`]; the node is unchanged.
    pub fn links(&self) -> Result<LinkList, ClientError> {
        self.caller.get("/v1/maintenance/links")
    }

    /// Returns the node's disks.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`]; the node is unchanged.
    pub fn disks(&self) -> Result<DiskList, ClientError> {
        self.caller.get("/v1/maintenance/disks")
    }

    /// Returns log lines; with `follow` the iterator ends only when the connection does.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`], also from the iterator if the connection breaks
    /// later; 404 in [`ClientError::Node`] for an unknown service.
    pub fn logs(&self, query: &LogQuery) -> Result<Logs, ClientError> {
        self.caller.logs("/v1/maintenance/logs", query)
    }

    /// Returns the calls about partitions that could not be mounted.
    #[must_use]
    pub fn partitions(&self) -> PartitionCalls<'_> {
        PartitionCalls { caller: &self.caller, path: "/v1/maintenance/partitions" }
    }

    /// Reboots the machine.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`].
    pub fn reboot(&self) -> Result<(), ClientError> {
        self.caller.post::<Done>("/v1/maintenance/reboot", b"").map(drop)
    }

    /// Powers off the machine.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`].
    pub fn shutdown(&self) -> Result<(), ClientError> {
        self.caller.post::<Done>("/v1/maintenance/shutdown", b"").map(drop)
    }

    /// Gives the node its config, the text of the node's documents. Maintenance ends with that.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`]; 422 in [`ClientError::Node`] if the config can't be
    /// used, with all its errors, 409 if the node can't keep one or has got one meanwhile. The node is unchanged then.
    pub fn apply(&self, config: &str) -> Result<(), ClientError> {
        let request = self.caller.agent.post(url("/v1/maintenance/config")).content_type("application/yaml");
        let response = self.caller.check(request.send(config.as_bytes()))?;
        self.caller.read::<Done>(response).map(drop)
    }
}

impl MaintenanceClient {
    /// Has a node that runs from an installation medium install itself to a disk; returns once it has begun.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`]; 409 or 422 in [`ClientError::Node`] if there is no such
    /// disk, it holds data, or the config can't be used. Nothing was written then.
    pub fn install(&self, order: &InstallOrder) -> Result<Installation, ClientError> {
        self.caller.post("/v1/maintenance/install", &self.caller.to_json(order)?)
    }

    /// Returns how far the installation is.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`MaintenanceClient`]; the node is unchanged.
    pub fn installation(&self) -> Result<Installation, ClientError> {
        self.caller.get("/v1/maintenance/install")
    }
}

/// Adds the secret of the code to each request. It is sent only after the handshake with the known certificate.
struct Authorize(HeaderValue);

impl Middleware for Authorize {
    fn handle(
        &self,
        mut request: ureq::http::Request<ureq::SendBody<'_>>,
        next: MiddlewareNext<'_>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        request.headers_mut().insert(AUTHORIZATION, self.0.clone());
        next.handle(request)
    }
}

/// Makes a handshake with whatever answers at `address`; returns its certificate if that is of the code's key.
fn certificate_of(address: &str, code: &PairingCode) -> Result<CertificateDer<'static>, ClientError> {
    let address = with_port(address).ok_or_else(|| ClientError::Address(address.to_owned()))?;
    let failed = |e: std::io::Error| ClientError::from_ureq(&address, ureq::Error::Io(e));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = KeyOfCode { code: *code, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| ClientError::Credentials(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = ServerName::try_from(SERVER_NAME).expect("the name is one of DNS");
    let mut connection = ClientConnection::new(Arc::new(config), name)
        .map_err(|e| ClientError::from_ureq(&address, ureq::Error::Rustls(e)))?;
    let mut stream = connect(&address)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(failed)?;
    }
    let certificate = connection.peer_certificates().and_then(|chain| chain.first()).cloned();
    connection.send_close_notify();
    // What is needed has come; a node that is gone already is found by the next call.
    let _ = connection.complete_io(&mut stream);
    certificate.ok_or_else(|| ClientError::Malformed { address, cause: "no certificate".to_owned() })
}

/// Opens a connection to the first address that answers, with a limit on every wait.
fn connect(address: &str) -> Result<Bounded, ClientError> {
    let unreachable =
        |cause: &str| ClientError::Unreachable { address: address.to_owned(), cause: cause.to_owned() };
    let addresses = address.to_socket_addrs().map_err(|_| unreachable("host name not found"))?;
    let mut last = unreachable("host name not found");
    for one in addresses.take(8) {
        let connected = TcpStream::connect_timeout(&one, CONNECT_TIMEOUT).and_then(|stream| {
            stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
            stream.set_write_timeout(Some(CONNECT_TIMEOUT))?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => return Ok(Bounded { stream, left: MAX_HANDSHAKE_BYTES }),
            Err(e) => last = ClientError::from_ureq(address, ureq::Error::Io(e)),
        }
    }
    Err(last)
}

/// Longest handshake in bytes; ours has 1 KB.
const MAX_HANDSHAKE_BYTES: usize = 64 << 10;

/// A stream that ends after some bytes, so that a peer that never comes to an end is left.
struct Bounded {
    stream: TcpStream,
    left: usize,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.left);
        let read = self.stream.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// Takes the certificate of one key, whatever else stands in it.
#[derive(Debug)]
struct KeyOfCode {
    code: PairingCode,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for KeyOfCode {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let hash = ring::digest::digest(&ring::digest::SHA256, &key);
        match <&[u8; 32]>::try_from(hash.as_ref()) {
            Ok(hash) if self.code.is_of_key(hash) => Ok(ServerCertVerified::assertion()),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }

    /// The proof that the peer has the key, and not only its certificate.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
