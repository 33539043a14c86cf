//! The client: blocking, one method for each route, with a limit on every wait and every response.
//!
//! It connects to the given address and verifies [`SERVER_NAME`] in the node's certificate, so the URL always
//! has that name, and a custom resolver maps it to the address.

use std::fmt;
use std::io::Read;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use crate::{
    BootOnceRequest, ClientError, Done, ErrorBody, Kubeconfig, KubeconfigRequest, LogQuery, Logs,
    MAX_ANSWER_BYTES, PORT, SERVER_NAME, ServiceList, SignalRequest, StateOrdered, StateRequest, Status,
    StoreRestore, StoreRestoreRequest, Time, TimeSetRequest, Upgrade, UpgradeRequest,
};

/// Time limit for connecting, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit of a call; an emulated node under load is slow.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum time without data of a followed log; the node sends empty lines more often.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(60);

/// The operator's certificate, key and trusted CA, as PEM. `Debug` shows none of them.
#[derive(Clone)]
pub struct Credentials {
    /// Certificate of the operator CA.
    pub ca: String,
    /// The operator's certificate, followed by intermediate certificates.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// A client for the API of one node.
///
/// Every call returns a [`ClientError`] if the node can't be reached or is not trusted, if it rejects our certificate,
/// does not respond within 60 s or responds with anything but the expected answer; [`ClientError::Node`] has the
/// node's own error. After [`ClientError::Timeout`] and [`ClientError::Lost`] the node may have carried out the call.
#[derive(Debug)]
pub struct Client {
    address: String,
    agent: Agent,
}

impl Client {
    /// Prepares a client for the node at `address`, `HOST` or `HOST:PORT`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Address`] if `address` is malformed, [`ClientError::Credentials`] if certificate or key can't
    /// be used.
    pub fn new(address: &str, credentials: &Credentials) -> Result<Client, ClientError> {
        let target = with_port(address).ok_or_else(|| ClientError::Address(address.to_owned()))?;
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(CALL_TIMEOUT))
            .tls_config(tls_config(credentials)?)
            .user_agent("ironhull")
            .build();
        let connector = DefaultConnector::default();
        let agent = Agent::with_parts(config, connector, FixedResolver { target: target.clone() });
        Ok(Client { address: target, agent })
    }

    /// Returns the status of the node.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status")
    }

    /// Returns all services.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn services(&self) -> Result<ServiceList, ClientError> {
        self.get("/v1/services")
    }

    /// Returns log lines; with `follow` the iterator ends only when the connection does.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`], also from the iterator if the connection breaks later; 404
    /// in [`ClientError::Node`] for an unknown service.
    pub fn logs(&self, query: &LogQuery) -> Result<Logs, ClientError> {
        let mut request = self.agent.get(url("/v1/logs"));
        for (key, value) in [
            ("service", query.service.clone()),
            ("lines", query.lines.to_string()),
            ("follow", query.follow.to_string()),
        ] {
            request = request.query(key, value);
        }
        if let Some(generation) = query.generation {
            request = request.query("generation", generation.to_string());
        }
        let (global, silence) = match query.follow {
            true => (None, Some(FOLLOW_TIMEOUT)),
            false => (Some(CALL_TIMEOUT), None),
        };
        let request = request.config().timeout_global(global).timeout_per_read(silence).build();
        let response = self.check(request.call())?;
        Ok(Logs::new(self.address.clone(), response.into_body().into_reader()))
    }

    /// Restarts a service.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 404 in [`ClientError::Node`] for an unknown service.
    pub fn restart(&self, service: &str) -> Result<(), ClientError> {
        self.post::<Done>(&self.of_service(service, "restart")?, b"").map(drop)
    }

    /// Sends a signal to the main process of a service.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 404 in [`ClientError::Node`] for an unknown service.
    pub fn signal(&self, service: &str, signal: i32) -> Result<(), ClientError> {
        let body = self.to_json(&SignalRequest { signal })?;
        self.post::<Done>(&self.of_service(service, "signal")?, &body).map(drop)
    }

    /// Returns the path of an action on a service; fails without a request if the name is invalid.
    fn of_service(&self, service: &str, what: &str) -> Result<String, ClientError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if service.is_empty() || !service.chars().all(plain) {
            return Err(ClientError::Node {
                address: self.address.clone(),
                status: 404,
                error: format!("service {service:?} does not exist"),
                hint: None,
            });
        }
        Ok(format!("/v1/services/{service}/{what}"))
    }

    /// Serializes a request's body.
    fn to_json(&self, body: &impl serde::Serialize) -> Result<Vec<u8>, ClientError> {
        serde_json::to_vec(body)
            .map_err(|e| ClientError::Malformed { address: self.address.clone(), cause: e.to_string() })
    }

    /// Requests an admin kubeconfig.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn kubeconfig(&self, request: &KubeconfigRequest) -> Result<Kubeconfig, ClientError> {
        self.post("/v1/kubeconfig", &self.to_json(request)?)
    }

    /// Retires the running generation: the next boot starts the other one.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the state of the slots
    /// forbids it, with the boot record unchanged.
    pub fn rollback(&self) -> Result<(), ClientError> {
        self.post::<Done>("/v1/boot/rollback", b"").map(drop)
    }

    /// Starts a slot once, at the next boot.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the state of the slots
    /// forbids it, with the boot record unchanged.
    pub fn boot_once(&self, request: &BootOnceRequest) -> Result<(), ClientError> {
        self.post::<Done>("/v1/boot/once", &self.to_json(request)?).map(drop)
    }

    /// Cancels a change for the next boot.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if there is nothing to cancel.
    pub fn cancel(&self) -> Result<(), ClientError> {
        self.post::<Done>("/v1/boot/cancel", b"").map(drop)
    }

    /// Orders that a snapshot of the state be restored, or takes that order back: at once if no service runs, else at
    /// the next boot.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if it can't be restored, with
    /// nothing changed.
    pub fn restore_state(&self, request: &StateRequest) -> Result<StateOrdered, ClientError> {
        self.post("/v1/state/restore", &self.to_json(request)?)
    }

    /// Removes a snapshot of the state.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if there is none of that name, or
    /// it is needed.
    pub fn remove_snapshot(&self, request: &StateRequest) -> Result<StateOrdered, ClientError> {
        self.post("/v1/state/remove", &self.to_json(request)?)
    }

    /// Begins to make a snapshot of the running store, and returns it to be read to its end. Without the SHA-256 at its
    /// end it is not whole.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the store does not run, or
    /// another one is being made. The node is unchanged.
    pub fn store_snapshot(&self) -> Result<impl Read + use<>, ClientError> {
        let request = self.agent.get(url("/v1/store/snapshot"));
        let request = request.config().timeout_global(None).timeout_per_read(Some(CALL_TIMEOUT)).build();
        Ok(self.check(request.call())?.into_body().into_reader())
    }

    /// Returns the progress of a restore of the store.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn store_restore(&self) -> Result<StoreRestore, ClientError> {
        self.get("/v1/store/restore")
    }

    /// Begins or resumes a restore of the store. `done_bytes` of the answer is how much the node has already.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the node refuses a restore
    /// now, with nothing changed.
    pub fn begin_store_restore(&self, request: &StoreRestoreRequest) -> Result<StoreRestore, ClientError> {
        self.post("/v1/store/restore", &self.to_json(request)?)
    }

    /// Uploads a piece of the snapshot whose SHA-256 is `id`, as [`Client::upload`] one of a bundle.
    ///
    /// # Errors
    /// As [`Client::upload`].
    pub fn upload_store(&self, id: &str, offset: u64, piece: &[u8]) -> Result<StoreRestore, ClientError> {
        self.put("/v1/store/restore/data", (id, offset), piece)
    }

    /// Returns the progress of an upgrade.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn upgrade(&self) -> Result<Upgrade, ClientError> {
        self.get("/v1/upgrade")
    }

    /// Begins or resumes an upgrade. For an upload, `done_bytes` of the answer is how much the node has already.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the node refuses an upgrade
    /// now, with no slot changed.
    pub fn begin_upgrade(&self, request: &UpgradeRequest) -> Result<Upgrade, ClientError> {
        self.post("/v1/upgrade", &self.to_json(request)?)
    }

    /// Uploads a piece of the bundle whose SHA-256 is `id`, at most [`crate::MAX_PIECE_BYTES`], that belongs at
    /// `offset`.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the piece does not follow
    /// the last one or belongs to another bundle. The node keeps the pieces before it.
    pub fn upload(&self, id: &str, offset: u64, piece: &[u8]) -> Result<Upgrade, ClientError> {
        self.put("/v1/upgrade/data", (id, offset), piece)
    }

    /// Cancels an upgrade that is not installed yet.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if there is no upgrade.
    pub fn cancel_upgrade(&self) -> Result<Upgrade, ClientError> {
        self.post("/v1/upgrade/cancel", b"")
    }

    /// Starts a complete read of both slots in the background; the condition `SlotsSound` reports the result.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`].
    pub fn scrub(&self) -> Result<(), ClientError> {
        self.post::<Done>("/v1/scrub", b"").map(drop)
    }

    /// Returns the clock, and what the time servers said last.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn time(&self) -> Result<Time, ClientError> {
        self.get("/v1/time")
    }

    /// Has the node ask its time servers and follow them, however far the step is.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if they say nothing, different
    /// things, or what can't be. The clock is unchanged then.
    pub fn accept_time(&self) -> Result<Time, ClientError> {
        self.post("/v1/time/accept", b"")
    }

    /// Sets the clock.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if it can't be that time. The
    /// clock is unchanged then.
    pub fn set_time(&self, request: &TimeSetRequest) -> Result<Time, ClientError> {
        self.post("/v1/time/set", &self.to_json(request)?)
    }

    /// Stops all services in order and reboots the machine.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`].
    pub fn reboot(&self) -> Result<(), ClientError> {
        self.post::<Done>("/v1/reboot", b"").map(drop)
    }

    /// Stops all services in order and powers off the machine.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`].
    pub fn shutdown(&self) -> Result<(), ClientError> {
        self.post::<Done>("/v1/shutdown", b"").map(drop)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let response = self.check(self.agent.get(url(path)).call())?;
        self.read(response)
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, ClientError> {
        let request = self.agent.post(url(path)).content_type("application/json");
        let response = self.check(request.send(body))?;
        self.read(response)
    }

    fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        (id, offset): (&str, u64),
        piece: &[u8],
    ) -> Result<T, ClientError> {
        let request = self.agent.put(url(path)).query("id", id).query("offset", offset.to_string());
        let response = self.check(request.content_type("application/octet-stream").send(piece))?;
        self.read(response)
    }

    /// Converts a failed request, or a status of 400 or more, to an error.
    fn check(&self, result: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, ClientError> {
        let response = result.map_err(|e| ClientError::from_ureq(&self.address, e))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(self.refusal(status, response)),
        }
    }

    /// Reads the error in a response.
    fn refusal(&self, status: StatusCode, response: Response<Body>) -> ClientError {
        let unnamed = || ErrorBody { error: status.to_string(), hint: None };
        let body = match self.read::<ErrorBody>(response) {
            Ok(body) => body,
            Err(ClientError::Malformed { .. }) => unnamed(),
            Err(other) => return other,
        };
        let address = self.address.clone();
        ClientError::Node { address, status: status.as_u16(), error: body.error, hint: body.hint }
    }

    /// Reads a JSON body, up to its maximum length.
    fn read<T: DeserializeOwned>(&self, response: Response<Body>) -> Result<T, ClientError> {
        let malformed = |cause| ClientError::Malformed { address: self.address.clone(), cause };
        let mut text = Vec::new();
        let limit = MAX_ANSWER_BYTES as u64 + 1;
        let mut body = response.into_body().into_reader().take(limit);
        body.read_to_end(&mut text).map_err(|e| ClientError::from_ureq(&self.address, ureq::Error::Io(e)))?;
        if text.len() > MAX_ANSWER_BYTES {
            return Err(malformed(format!("longer than {MAX_ANSWER_BYTES} bytes")));
        }
        serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))
    }
}

/// Returns the URL of a route; its host is the name that is verified, not the address.
fn url(path: &str) -> String {
    format!("https://{SERVER_NAME}{path}")
}

/// Adds [`PORT`] if `address` has no port; `None` if it is not an address.
fn with_port(address: &str) -> Option<String> {
    let bare_v6 = address.parse::<std::net::Ipv6Addr>().is_ok();
    let (host, port) = match address.rsplit_once(':') {
        _ if bare_v6 => return Some(format!("[{address}]:{PORT}")),
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()?),
        _ => (address, PORT),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let good = match bracketed {
        true => host[1..host.len() - 1].parse::<std::net::Ipv6Addr>().is_ok(),
        false => !host.is_empty() && host.chars().all(plain),
    };
    (good && port != 0).then(|| format!("{host}:{port}"))
}

/// Parses the PEM texts.
fn tls_config(credentials: &Credentials) -> Result<TlsConfig, ClientError> {
    let wrong = |what: &str| ClientError::Credentials(what.to_owned());
    let authorities = certificates(&credentials.ca);
    let chain = certificates(&credentials.certificate);
    if authorities.is_empty() {
        return Err(wrong("the operator CA holds no PEM certificate"));
    }
    if chain.is_empty() {
        return Err(wrong("the operator's certificate is not PEM"));
    }
    let key = PrivateKey::from_pem(credentials.key.as_bytes())
        .map_err(|_| wrong("the operator's key is not PEM"))?;
    check_pair(&chain, credentials).map_err(|e| {
        ClientError::Credentials(format!("the operator's certificate and key can't be used: {e}"))
    })?;
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&authorities))
        .client_cert(Some(ClientCert::new_with_certs(&chain, key)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

/// Checks that certificate and key belong together, which `ureq` does not.
fn check_pair(chain: &[Certificate<'_>], credentials: &Credentials) -> Result<(), rustls::Error> {
    let key = PrivateKeyDer::from_pem_slice(credentials.key.as_bytes())
        .map_err(|e| rustls::Error::General(e.to_string()))?;
    let chain = chain.iter().map(|c| CertificateDer::from(c.der().to_vec())).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_auth_cert(chain, key)
        .map(drop)
}

/// Returns all certificates in a PEM text.
fn certificates(pem: &str) -> Vec<Certificate<'static>> {
    let certificate = |item| match item {
        Ok(PemItem::Certificate(c)) => Some(c),
        _ => None,
    };
    parse_pem(pem.as_bytes()).filter_map(certificate).collect()
}

/// Resolves every name to one address.
#[derive(Debug)]
struct FixedResolver {
    target: String,
}

impl Resolver for FixedResolver {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &ureq::config::Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found: Vec<SocketAddr> =
            self.target.to_socket_addrs().map_err(|_| ureq::Error::HostNotFound)?.take(8).collect();
        let mut addresses = self.empty();
        found.into_iter().for_each(|a| addresses.push(a));
        match addresses.is_empty() {
            true => Err(ureq::Error::HostNotFound),
            false => Ok(addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_the_port_where_none_is_named() {
        let cases = [
            ("10.0.0.1", Some("10.0.0.1:9443")),
            ("10.0.0.1:19443", Some("10.0.0.1:19443")),
            ("node-1.lan", Some("node-1.lan:9443")),
            ("::1", Some("[::1]:9443")),
            ("[::1]", Some("[::1]:9443")),
            ("[::1]:80", Some("[::1]:80")),
            ("", None),
            ("a:b", None),
            ("a:0", None),
            ("https://a", None),
            ("a/b:1", None),
            ("[x]:1", None),
        ];
        for (given, expected) in cases {
            assert_eq!(with_port(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn refuses_credentials_that_are_no_pem() {
        let credentials = Credentials { ca: "x".into(), certificate: "y".into(), key: "z".into() };
        let error = Client::new("127.0.0.1", &credentials).unwrap_err();
        assert!(matches!(error, ClientError::Credentials(_)), "{error}");
    }
}
