//! Requests to the apiserver, over TLS with a client certificate.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::{HeaderValue, Request, Response, header};
use ureq::middleware::MiddlewareNext;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::{Agent, Body, SendBody};

/// Time limit of a request; an API server that has just started is slow.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for connecting on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum length of a response.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// The name under which this program owns the fields that it applies.
pub const FIELD_MANAGER: &str = "ironhull";

/// URL of the API server and credentials for it.
#[derive(Clone, Debug)]
pub struct Access {
    /// URL such as `https://127.0.0.1:6443`.
    pub server: String,
    /// Certificate of the cluster's authority, PEM.
    pub authority: PathBuf,
    /// The client certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// The API server's refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the apiserver answers {status}: {message}")]
pub struct Refused {
    /// The status as HTTP has it.
    pub status: u16,
    /// Its reason, if it has given one.
    pub message: String,
}

/// Returns the status with which the API server has refused, if that is what went wrong.
pub fn refused_with(error: &anyhow::Error) -> Option<u16> {
    error.downcast_ref::<Refused>().map(|refused| refused.status)
}

impl Access {
    /// Returns access with the files `ca.crt`, `NAME.crt` and `NAME.key` in a directory.
    pub fn in_directory(server: &str, directory: &Path, name: &str) -> Access {
        Access {
            server: server.to_owned(),
            authority: directory.join("ca.crt"),
            certificate: directory.join(format!("{name}.crt")),
            key: directory.join(format!("{name}.key")),
        }
    }
}

/// Returns a client of this node's own API server, which listens on `port`, with the current certificate of
/// `noded`. Certificates are renewed, so a client must not be kept for long.
///
/// # Errors
/// If the certificates can't be read. Nothing is sent yet.
pub fn connect(port: u16) -> Result<Kube> {
    let directory = Path::new(cluster::PKI_DIRECTORY).join("noded");
    Kube::new(&Access::in_directory(&format!("https://127.0.0.1:{port}"), &directory, "client"))
}

/// An object as it is after it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whether it did not exist before.
    pub created: bool,
    /// Its UID.
    pub uid: String,
    /// Its version, which changes with every write.
    pub resource_version: String,
}

/// The fields of it that are read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Stored {
    metadata: StoredMetadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StoredMetadata {
    uid: String,
    resource_version: String,
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
    /// If a file can't be read or is not PEM.
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
        Ok(Kube::with(&access.server, tls, None))
    }

    /// A client that shows a token instead of a certificate; `authority` is the certificate of the cluster's authority,
    /// PEM. Nothing is sent yet.
    ///
    /// # Errors
    /// If the certificate is not PEM, or the token can't stand in a header.
    pub fn with_token(server: &str, authority: &str, token: &str) -> Result<Kube> {
        let authority =
            Certificate::from_pem(authority.as_bytes()).context("reading the cluster's authority")?;
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {token}")).context("the token can't be sent")?;
        bearer.set_sensitive(true);
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[authority]))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        Ok(Kube::with(server, tls, Some(bearer)))
    }

    fn with(server: &str, tls: TlsConfig, bearer: Option<HeaderValue>) -> Kube {
        let authorize = move |mut request: Request<SendBody<'_>>, next: MiddlewareNext<'_>| {
            if let Some(bearer) = &bearer {
                request.headers_mut().insert(header::AUTHORIZATION, bearer.clone());
            }
            next.handle(request)
        };
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent("noded")
            .tls_config(tls)
            .middleware(authorize)
            .build();
        Kube { server: server.trim_end_matches('/').to_owned(), agent: config.new_agent() }
    }

    /// Returns whether the API server is ready.
    ///
    /// # Errors
    /// If it can't be reached or does not respond in time.
    pub fn is_ready(&self) -> Result<bool> {
        let response = self.agent.get(self.url("/readyz")).call().context("calling the API server")?;
        let ready = response.status().as_u16() == 200;
        // The connection is kept only if the body has been read.
        read(response)?;
        Ok(ready)
    }

    /// Returns whether the API server authorizes its clients: it has created the roles that allow its users
    /// this request. Unlike [`Kube::is_ready`], this does not make it run all its checks.
    ///
    /// # Errors
    /// If it can't be reached or does not respond in time.
    pub fn is_serving(&self) -> Result<bool> {
        let response = self.agent.get(self.url("/version")).call().context("calling the API server")?;
        let serving = response.status().as_u16() == 200;
        read(response)?;
        Ok(serving)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason.
    pub fn get<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T> {
        let response = self.agent.get(self.url(path)).call().with_context(|| format!("reading {path}"))?;
        let text = checked(response).with_context(|| format!("reading {path}"))?;
        serde_json::from_slice(&text).with_context(|| format!("reading {path}"))
    }

    /// Reads an object; `None` if it does not exist.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason.
    pub fn find<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<Option<T>> {
        let response = self.agent.get(self.url(path)).call().with_context(|| format!("reading {path}"))?;
        if response.status().as_u16() == 404 {
            return read(response).map(|_| None);
        }
        let text = checked(response).with_context(|| format!("reading {path}"))?;
        serde_json::from_slice(&text).map(Some).with_context(|| format!("reading {path}"))
    }

    /// Applies `object` by server-side apply; takes over fields that others own.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason; the object is unchanged when it
    /// refuses.
    pub fn apply(&self, path: &str, object: &Value) -> Result<Applied> {
        self.apply_as(FIELD_MANAGER, path, object)
    }

    /// Like [`Kube::apply`], as another field manager: server-side apply removes fields that this manager no
    /// longer sets, and keeps those of other managers.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason; the object is unchanged when it
    /// refuses.
    pub fn apply_as(&self, manager: &str, path: &str, object: &Value) -> Result<Applied> {
        let url = format!("{}?fieldManager={manager}&force=true", self.url(path));
        // JSON is valid YAML, and server-side apply accepts only this content type.
        let request = self.agent.patch(url).content_type("application/apply-patch+yaml");
        let sent = request.send(&serde_json::to_vec(object)?[..]);
        let response = sent.with_context(|| format!("applying {path}"))?;
        let created = response.status().as_u16() == 201;
        let text = checked(response).with_context(|| format!("applying {path}"))?;
        let stored: Stored = serde_json::from_slice(&text).with_context(|| format!("applying {path}"))?;
        Ok(Applied { created, uid: stored.metadata.uid, resource_version: stored.metadata.resource_version })
    }

    /// Deletes the object with this UID, and what belongs to it; one that does not exist is deleted already.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason; nothing is deleted when it refuses.
    pub fn delete_with_uid(&self, path: &str, uid: &str) -> Result<()> {
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": { "uid": uid },
        });
        let request = self.agent.delete(self.url(path)).force_send_body().content_type("application/json");
        let response = request.send(&serde_json::to_vec(&options)?[..]);
        let response = response.with_context(|| format!("deleting {path}"))?;
        if response.status().as_u16() == 404 {
            return read(response).map(drop);
        }
        checked(response).map(drop).with_context(|| format!("deleting {path}"))
    }

    /// Posts an object.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason; nothing is created when it refuses.
    pub fn post(&self, path: &str, object: &Value) -> Result<()> {
        let request = self.agent.post(self.url(path)).content_type("application/json");
        let response = request.send(&serde_json::to_vec(object)?[..]);
        let response = response.with_context(|| format!("posting to {path}"))?;
        checked(response).map(drop).with_context(|| format!("posting to {path}"))
    }

    /// Replaces an object, or a part of it such as its approval.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason; the object is unchanged when it refuses.
    pub fn put(&self, path: &str, object: &Value) -> Result<()> {
        let request = self.agent.put(self.url(path)).content_type("application/json");
        let response = request.send(&serde_json::to_vec(object)?[..]);
        let response = response.with_context(|| format!("replacing {path}"))?;
        checked(response).map(drop).with_context(|| format!("replacing {path}"))
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason: 404 if there is none.
    pub fn delete(&self, path: &str) -> Result<()> {
        let response = self.agent.delete(self.url(path)).call();
        let response = response.with_context(|| format!("deleting {path}"))?;
        checked(response).map(drop).with_context(|| format!("deleting {path}"))
    }

    /// Opens a stream of events, which the API server ends after `longest`.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses, with its reason.
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

/// Reads a body up to its maximum length.
fn read(response: Response<Body>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut body = response.into_body().into_reader().take(MAX_ANSWER_BYTES + 1);
    body.read_to_end(&mut text).context("reading the apiserver's answer")?;
    ensure!(text.len() as u64 <= MAX_ANSWER_BYTES, "answer is longer than {MAX_ANSWER_BYTES} bytes");
    Ok(text)
}

/// Returns the body of a successful response, otherwise the API server's reason.
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
        return Err(Refused { status: status.as_u16(), message: refusal.message }.into());
    }
    Ok(text)
}
