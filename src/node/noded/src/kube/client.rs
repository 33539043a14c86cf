//! Requests to the apiserver, over TLS with a client certificate.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Response;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Longest time of a request; an apiserver that has just started is slow.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a connection on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// Where the apiserver is and what it is shown.
#[derive(Clone, Debug)]
pub struct Access {
    /// `https://127.0.0.1:6443`.
    pub server: String,
    /// Certificate of the cluster's authority, PEM.
    pub authority: PathBuf,
    /// Our certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

impl Access {
    /// Access by the files `ca.crt`, `NAME.crt` and `NAME.key` of a directory.
    pub fn in_directory(server: &str, directory: &Path, name: &str) -> Access {
        Access {
            server: server.to_owned(),
            authority: directory.join("ca.crt"),
            certificate: directory.join(format!("{name}.crt")),
            key: directory.join(format!("{name}.key")),
        }
    }
}

/// Returns a client of this node's own apiserver, which listens on `port`, with the certificate of `noded` that is
/// there now: certificates are renewed, so a client is not kept for long.
///
/// # Errors
/// If the certificates can't be read. Nothing is sent yet.
pub fn connect(port: u16) -> Result<Kube> {
    let directory = Path::new(cluster::PKI_DIRECTORY).join("noded");
    Kube::new(&Access::in_directory(&format!("https://127.0.0.1:{port}"), &directory, "client"))
}

/// A client of the apiserver. Connections are kept between requests.
#[derive(Debug)]
pub struct Kube {
    server: String,
    agent: Agent,
}

impl Kube {
    /// Reads the files; nothing is sent yet.
    ///
    /// # Errors
    /// If a file can't be read or holds no PEM.
    pub fn new(access: &Access) -> Result<Kube> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
        let pem = |path: &Path| -> Result<Certificate<'static>> {
            Certificate::from_pem(&read(path)?).with_context(|| format!("reading {}", path.display()))
        };
        let key = PrivateKey::from_pem(&read(&access.key)?)
            .map_err(|_| anyhow::anyhow!("reading {}: expected a key as PEM", access.key.display()))?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[pem(&access.authority)?]))
            .client_cert(Some(ClientCert::new_with_certs(&[pem(&access.certificate)?], key)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent("noded")
            .tls_config(tls)
            .build();
        Ok(Kube { server: access.server.clone(), agent: config.new_agent() })
    }

    /// Whether the apiserver says that it is ready.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn is_ready(&self) -> Result<bool> {
        let response = self.agent.get(self.url("/readyz")).call().context("calling the API server")?;
        let ready = response.status().as_u16() == 200;
        // The connection is kept only when the body has been read.
        read(response)?;
        Ok(ready)
    }

    /// Whether the apiserver serves those whom it knows: it has made the roles that let any of its users
    /// ask this. Costs it nothing; [`Kube::is_ready`] makes it run all its checks.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn is_serving(&self) -> Result<bool> {
        let response = self.agent.get(self.url("/version")).call().context("calling the API server")?;
        let serving = response.status().as_u16() == 200;
        read(response)?;
        Ok(serving)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// If it can't be read, with the apiserver's reason.
    pub fn get<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T> {
        let response = self.agent.get(self.url(path)).call().with_context(|| format!("reading {path}"))?;
        let text = checked(response).with_context(|| format!("reading {path}"))?;
        serde_json::from_slice(&text).with_context(|| format!("reading {path}"))
    }

    /// Makes an object what `object` says, by server-side apply; fields that others own are taken over.
    ///
    /// # Errors
    /// If the apiserver refuses, with its reason.
    pub fn apply(&self, path: &str, object: &Value) -> Result<()> {
        self.apply_as("ironhull", path, object)
    }

    /// The same under another name: what one manager does not name any more is taken away, the fields of
    /// another one stay.
    ///
    /// # Errors
    /// If the apiserver refuses, with its reason.
    pub fn apply_as(&self, manager: &str, path: &str, object: &Value) -> Result<()> {
        let url = format!("{}?fieldManager={manager}&force=true", self.url(path));
        // JSON is YAML, and the only content type that takes it is this one.
        let request = self.agent.patch(url).content_type("application/apply-patch+yaml");
        let sent = request.send(&serde_json::to_vec(object)?[..]);
        let response = sent.with_context(|| format!("applying {path}"))?;
        checked(response).map(drop).with_context(|| format!("applying {path}"))
    }

    /// Posts an object.
    ///
    /// # Errors
    /// If the apiserver refuses, with its reason.
    pub fn post(&self, path: &str, object: &Value) -> Result<()> {
        let request = self.agent.post(self.url(path)).content_type("application/json");
        let response = request.send(&serde_json::to_vec(object)?[..]);
        let response = response.with_context(|| format!("posting to {path}"))?;
        checked(response).map(drop).with_context(|| format!("posting to {path}"))
    }

    /// Opens a stream of events that the apiserver ends after `longest`.
    ///
    /// # Errors
    /// If the apiserver refuses.
    pub fn stream(&self, path_and_query: &str, longest: Duration) -> Result<impl Read + use<>> {
        let url = format!("{}&timeoutSeconds={}", self.url(path_and_query), longest.as_secs());
        let request = self.agent.get(url).config().timeout_global(Some(longest + TIMEOUT)).build();
        let response = request.call().with_context(|| format!("watching {path_and_query}"))?;
        match response.status().as_u16() {
            200 => Ok(response.into_body().into_reader()),
            _ => Err(checked(response).err().unwrap_or_else(|| anyhow::anyhow!("unexpected answer"))),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }
}

/// Reads a bounded body.
fn read(response: Response<Body>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut body = response.into_body().into_reader().take(MAX_ANSWER_BYTES + 1);
    body.read_to_end(&mut text).context("reading the apiserver's answer")?;
    ensure!(text.len() as u64 <= MAX_ANSWER_BYTES, "answer is longer than {MAX_ANSWER_BYTES} bytes");
    Ok(text)
}

/// The body of a good answer, else the reason that the apiserver gives.
fn checked(response: Response<Body>) -> Result<Vec<u8>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        message: String,
    }
    let status = response.status();
    let text = read(response)?;
    if !status.is_success() {
        let refusal: Refusal = serde_json::from_slice(&text).unwrap_or_default();
        bail!("the apiserver answers {status}: {}", refusal.message);
    }
    Ok(text)
}
