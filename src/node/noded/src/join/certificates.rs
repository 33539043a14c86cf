//! Asks the cluster for a certificate and waits for it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cluster::member::{Kind, Request};
use cluster::{Facts, Ownership};
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;

use super::not_joined;
use crate::kube::{Kube, refused_with};

const COLLECTION: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
/// How long the cluster may take to issue a certificate; then it is asked for the same again.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at the request.
const PAUSE: Duration = Duration::from_millis(500);

/// The fields of a request's object that are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    certificate: String,
    conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    message: String,
}

/// What has become of a request.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing yet.
    Pending,
    /// The certificate, PEM.
    Issued(String),
    /// It won't be issued, and why.
    Denied(String),
}

/// Asks for a certificate, waits for it and writes it with its key.
///
/// # Errors
/// If the API server can't be reached or refuses, the request is denied, or nobody decides in time. A denied request is
/// not made again with the same key.
pub fn obtain(kind: Kind, facts: &Facts, kube: &Kube) -> Result<()> {
    let pending = kind.pending_path();
    let key = pending_key(&pending)?;
    let request = kind.request(facts, &key)?;
    match kube.post(COLLECTION, &object(&request)) {
        // It was made before an interruption.
        Err(e) if refused_with(&e) == Some(409) => {}
        other => other?,
    }
    let certificate = match wait(kube, &request)? {
        Outcome::Issued(certificate) => certificate,
        Outcome::Denied(why) => {
            remove(&pending)?;
            return Err(not_joined("Denied", format!("the cluster denies {}: {why}", kind.name())));
        }
        Outcome::Pending => bail!("nobody has decided about the request {}", request.name),
    };
    cluster::apply(Path::new("/"), &[], &[kind.file(&certificate, &key)], Ownership::Set)
        .with_context(|| format!("writing certificate {}", kind.name()))?;
    remove(&pending)
}

/// Returns the key of a request that was interrupted, otherwise a new one, which is on the disk then.
fn pending_key(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(key) if certs::Key::from_pem(&key).is_ok() => return Ok(key),
        Err(e) if e.kind() != ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("reading {}", path.display()));
        }
        _ => {}
    }
    let key = certs::Key::generate().context("making a key")?.to_pem();
    durable::replace(path, key.as_bytes(), 0o600).with_context(|| format!("writing {}", path.display()))?;
    Ok(key)
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("removing {}", path.display()))
}

/// Returns the object for a request.
fn object(request: &Request) -> serde_json::Value {
    json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": { "name": request.name },
        "spec": {
            "request": BASE64.encode(request.pem.as_bytes()),
            "signerName": request.signer,
            "usages": request.usages,
        },
    })
}

/// Waits until a request is decided, or the time is over.
fn wait(kube: &Kube, request: &Request) -> Result<Outcome> {
    let end = Instant::now() + PATIENCE;
    loop {
        let object: Object = kube.get(&format!("{COLLECTION}/{}", request.name))?;
        let outcome = outcome(object.status)?;
        if outcome != Outcome::Pending || Instant::now() >= end {
            return Ok(outcome);
        }
        thread::sleep(PAUSE);
    }
}

fn outcome(status: Status) -> Result<Outcome> {
    if let Some(no) = status.conditions.into_iter().find(|c| matches!(c.r#type.as_str(), "Denied" | "Failed"))
    {
        return Ok(Outcome::Denied(no.message));
    }
    if status.certificate.is_empty() {
        return Ok(Outcome::Pending);
    }
    let pem = BASE64.decode(status.certificate.as_bytes()).context("reading the issued certificate")?;
    Ok(Outcome::Issued(String::from_utf8(pem).context("reading the issued certificate")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(status: serde_json::Value) -> Outcome {
        let object: Object = serde_json::from_value(json!({ "status": status })).unwrap();
        outcome(object.status).unwrap()
    }

    #[test]
    fn a_request_is_pending_until_it_is_issued_or_denied() {
        let approved = json!({ "type": "Approved", "message": "yes" });
        assert_eq!(outcome_of(json!({})), Outcome::Pending);
        assert_eq!(outcome_of(json!({ "conditions": [approved] })), Outcome::Pending);
        let issued = json!({ "conditions": [approved], "certificate": BASE64.encode(b"pem") });
        assert_eq!(outcome_of(issued), Outcome::Issued("pem".into()));
        let denied = json!({ "conditions": [{ "type": "Denied", "message": "node x exists" }] });
        assert_eq!(outcome_of(denied), Outcome::Denied("node x exists".into()));
    }

    #[test]
    fn an_interrupted_request_is_made_again_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client-next.key");
        let first = pending_key(&path).unwrap();
        assert_eq!(pending_key(&path).unwrap(), first);
        fs::write(&path, "half").unwrap();
        assert_ne!(pending_key(&path).unwrap(), first);
        assert!(certs::Key::from_pem(&fs::read_to_string(&path).unwrap()).is_ok());
    }
}
