//! The client: blocking, one method for each route.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::call::{CALL_TIMEOUT, Caller, url};
use crate::{
    BootOnceRequest, ClientError, CreatedToken, Done, KeptSnapshots, Kubeconfig, KubeconfigRequest, LogQuery,
    Logs, PartitionCalls, SNAPSHOT_PATIENCE, ServiceList, SignalRequest, StateOrdered, StateRequest, Status,
    StoreCare, StoreOrder, StoreRestore, StoreRestoreRequest, Time, TimeSetRequest, TokenList, TokenRequest,
    Upgrade, UpgradeRequest,
};

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
    caller: Caller,
}

impl Client {
    /// Prepares a client for the node at `address`, `HOST` or `HOST:PORT`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Address`] if `address` is malformed, [`ClientError::Credentials`] if certificate or key can't
    /// be used.
    pub fn new(address: &str, credentials: &Credentials) -> Result<Client, ClientError> {
        Ok(Client { caller: Caller::new(address, tls_config(credentials)?)? })
    }

    /// Returns the status of the node.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn status(&self) -> Result<Status, ClientError> {
        self.caller.get("/v1/status")
    }

    /// Returns all services.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn services(&self) -> Result<ServiceList, ClientError> {
        self.caller.get("/v1/services")
    }

    /// Returns log lines; with `follow` the iterator ends only when the connection does.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`], also from the iterator if the connection breaks later; 404
    /// in [`ClientError::Node`] for an unknown service.
    pub fn logs(&self, query: &LogQuery) -> Result<Logs, ClientError> {
        self.caller.logs("/v1/logs", query)
    }

    /// Restarts a service.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 404 in [`ClientError::Node`] for an unknown service.
    pub fn restart(&self, service: &str) -> Result<(), ClientError> {
        self.caller.post::<Done>(&self.of_service(service, "restart")?, b"").map(drop)
    }

    /// Sends a signal to the main process of a service.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 404 in [`ClientError::Node`] for an unknown service.
    pub fn signal(&self, service: &str, signal: i32) -> Result<(), ClientError> {
        let body = self.caller.to_json(&SignalRequest { signal })?;
        self.caller.post::<Done>(&self.of_service(service, "signal")?, &body).map(drop)
    }

    /// Returns the path of an action on a service; fails without a request if the name is invalid.
    fn of_service(&self, service: &str, what: &str) -> Result<String, ClientError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if service.is_empty() || !service.chars().all(plain) {
            return Err(ClientError::Node {
                address: self.caller.address.clone(),
                status: 404,
                error: format!("service {service:?} does not exist"),
                hint: None,
                details: None,
            });
        }
        Ok(format!("/v1/services/{service}/{what}"))
    }

    fn of_token(&self, id: &str) -> Result<String, ClientError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if id.is_empty() || !id.chars().all(plain) {
            return Err(ClientError::Node {
                address: self.caller.address.clone(),
                status: 404,
                error: format!("there is no token {id:?}"),
                hint: Some("`ironhull token list` shows those that there are".to_owned()),
                details: None,
            });
        }
        Ok(format!("/v1/tokens/{id}/revoke"))
    }

    /// Makes a token with which machines join the cluster.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the node has no control plane.
    pub fn create_token(&self, request: &TokenRequest) -> Result<CreatedToken, ClientError> {
        self.caller.post("/v1/tokens", &self.caller.to_json(request)?)
    }

    /// Lists the tokens with which machines can join the cluster.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the node has no control plane.
    pub fn tokens(&self) -> Result<TokenList, ClientError> {
        self.caller.get("/v1/tokens")
    }

    /// Revokes a token; machines that have joined with it stay.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 404 in [`ClientError::Node`] if there is none, 409 if the node
    /// has no control plane.
    pub fn revoke_token(&self, id: &str) -> Result<(), ClientError> {
        self.caller.post::<Done>(&self.of_token(id)?, b"").map(drop)
    }

    /// Requests an admin kubeconfig.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn kubeconfig(&self, request: &KubeconfigRequest) -> Result<Kubeconfig, ClientError> {
        self.caller.post("/v1/kubeconfig", &self.caller.to_json(request)?)
    }

    /// Retires the running generation: the next boot starts the other one.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the state of the slots
    /// forbids it, with the boot record unchanged.
    pub fn rollback(&self) -> Result<(), ClientError> {
        self.caller.post::<Done>("/v1/boot/rollback", b"").map(drop)
    }

    /// Starts a slot once, at the next boot.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the state of the slots
    /// forbids it, with the boot record unchanged.
    pub fn boot_once(&self, request: &BootOnceRequest) -> Result<(), ClientError> {
        self.caller.post::<Done>("/v1/boot/once", &self.caller.to_json(request)?).map(drop)
    }

    /// Cancels a change for the next boot.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if there is nothing to cancel.
    pub fn cancel(&self) -> Result<(), ClientError> {
        self.caller.post::<Done>("/v1/boot/cancel", b"").map(drop)
    }

    /// Orders that a snapshot of the state be restored, or takes that order back: at once if no service runs, else at
    /// the next boot.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if it can't be restored, with
    /// nothing changed.
    pub fn restore_state(&self, request: &StateRequest) -> Result<StateOrdered, ClientError> {
        self.caller.post("/v1/state/restore", &self.caller.to_json(request)?)
    }

    /// Removes a snapshot of the state.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if there is none of that name, or
    /// it is needed.
    pub fn remove_snapshot(&self, request: &StateRequest) -> Result<StateOrdered, ClientError> {
        self.caller.post("/v1/state/remove", &self.caller.to_json(request)?)
    }

    /// Returns the calls about partitions that could not be mounted.
    #[must_use]
    pub fn partitions(&self) -> PartitionCalls<'_> {
        PartitionCalls { caller: &self.caller, path: "/v1/partitions" }
    }

    /// Begins to make a snapshot of the running store, or takes one that the node has `kept`, and returns it to be read
    /// to its end. Without the SHA-256 at its end it is not whole.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the store does not run, or
    /// another one is being made, 404 for an unknown name. The node is unchanged.
    pub fn store_snapshot(&self, kept: Option<&str>) -> Result<impl Read + use<>, ClientError> {
        let request = self.caller.agent.get(url("/v1/store/snapshot"));
        let request = kept.into_iter().fold(request, |r, name| r.query("kept", name));
        let patience = if kept.is_some() { CALL_TIMEOUT } else { SNAPSHOT_PATIENCE };
        let request = request.config().timeout_global(None).timeout_per_read(Some(patience)).build();
        Ok(self.caller.check(request.call())?.into_body().into_reader())
    }

    /// Returns the snapshots of the store that the node has made by itself.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn kept_snapshots(&self) -> Result<KeptSnapshots, ClientError> {
        self.caller.get("/v1/store/kept")
    }

    /// Begins to carry out an order that gives etcd room again; [`Client::store_care`] returns its result.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the store is not etcd, or
    /// another order is being carried out.
    pub fn care_for_store(&self, order: StoreOrder) -> Result<StoreCare, ClientError> {
        let path = match order {
            StoreOrder::Defrag => "/v1/store/defrag",
            StoreOrder::Disarm => "/v1/store/disarm",
        };
        self.caller.post(path, b"")
    }

    /// Returns the last order about the store and its result.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn store_care(&self) -> Result<StoreCare, ClientError> {
        self.caller.get("/v1/store/care")
    }

    /// Returns the progress of a restore of the store.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn store_restore(&self) -> Result<StoreRestore, ClientError> {
        self.caller.get("/v1/store/restore")
    }

    /// Begins or resumes a restore of the store. `done_bytes` of the answer is how much the node has already.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the node refuses a restore
    /// now, with nothing changed.
    pub fn begin_store_restore(&self, request: &StoreRestoreRequest) -> Result<StoreRestore, ClientError> {
        self.caller.post("/v1/store/restore", &self.caller.to_json(request)?)
    }

    /// Uploads a piece of the snapshot whose SHA-256 is `id`, as [`Client::upload`] one of a bundle.
    ///
    /// # Errors
    /// As [`Client::upload`].
    pub fn upload_store(&self, id: &str, offset: u64, piece: &[u8]) -> Result<StoreRestore, ClientError> {
        self.caller.put("/v1/store/restore/data", (id, offset), piece)
    }

    /// Returns the progress of an upgrade.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn upgrade(&self) -> Result<Upgrade, ClientError> {
        self.caller.get("/v1/upgrade")
    }

    /// Begins or resumes an upgrade. For an upload, `done_bytes` of the answer is how much the node has already.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the node refuses an upgrade
    /// now, with no slot changed.
    pub fn begin_upgrade(&self, request: &UpgradeRequest) -> Result<Upgrade, ClientError> {
        self.caller.post("/v1/upgrade", &self.caller.to_json(request)?)
    }

    /// Uploads a piece of the bundle whose SHA-256 is `id`, at most [`crate::MAX_PIECE_BYTES`], that belongs at
    /// `offset`.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if the piece does not follow
    /// the last one or belongs to another bundle. The node keeps the pieces before it.
    pub fn upload(&self, id: &str, offset: u64, piece: &[u8]) -> Result<Upgrade, ClientError> {
        self.caller.put("/v1/upgrade/data", (id, offset), piece)
    }

    /// Cancels an upgrade that is not installed yet.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if there is no upgrade.
    pub fn cancel_upgrade(&self) -> Result<Upgrade, ClientError> {
        self.caller.post("/v1/upgrade/cancel", b"")
    }

    /// Starts a complete read of both slots in the background; the condition `SlotsSound` reports the result.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`].
    pub fn scrub(&self) -> Result<(), ClientError> {
        self.caller.post::<Done>("/v1/scrub", b"").map(drop)
    }

    /// Returns the clock, and what the time servers said last.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; the node is unchanged.
    pub fn time(&self) -> Result<Time, ClientError> {
        self.caller.get("/v1/time")
    }

    /// Has the node ask its time servers and follow them, however far the step is.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if they say nothing, different
    /// things, or what can't be. The clock is unchanged then.
    pub fn accept_time(&self) -> Result<Time, ClientError> {
        self.caller.post("/v1/time/accept", b"")
    }

    /// Sets the clock.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`]; 409 in [`ClientError::Node`] if it can't be that time. The
    /// clock is unchanged then.
    pub fn set_time(&self, request: &TimeSetRequest) -> Result<Time, ClientError> {
        self.caller.post("/v1/time/set", &self.caller.to_json(request)?)
    }

    /// Stops all services in order and reboots the machine.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`].
    pub fn reboot(&self) -> Result<(), ClientError> {
        self.caller.post::<Done>("/v1/reboot", b"").map(drop)
    }

    /// Stops all services in order and powers off the machine.
    ///
    /// # Errors
    /// [`ClientError`] as for every call of [`Client`].
    pub fn shutdown(&self) -> Result<(), ClientError> {
        self.caller.post::<Done>("/v1/shutdown", b"").map(drop)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_credentials_that_are_no_pem() {
        let credentials = Credentials { ca: "x".into(), certificate: "y".into(), key: "z".into() };
        let error = Client::new("127.0.0.1", &credentials).unwrap_err();
        assert!(matches!(error, ClientError::Credentials(_)), "{error}");
    }
}
