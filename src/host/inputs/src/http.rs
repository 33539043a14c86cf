//! Downloads: pinned files are verified while they stream, interrupted ones resume, failures are retried.
//!
//! Proxies are taken from the environment. The host's certificate store, if there is one, is trusted instead of
//! the public roots, so that a proxy with its own CA works. Timeouts limit the time without data, so a slow download
//! still completes. Credentials in a URL are sent and never printed.

mod connect;
mod proxy;

use std::fs::{self, File};
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use weburl::WebUrl;
use weburl::resume::{Answer, answer};

use crate::digest::{Digest, Hashing};
use crate::error::{Error, Result};
use crate::progress::Step;

/// Debian's file with all trusted certificates.
const HOST_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Size of a read in bytes.
const PIECE_BYTES: usize = 1 << 16;

/// The expected size and hash of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
}

/// One download.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Download<'a> {
    pub(crate) url: &'a WebUrl,
    pub(crate) expected: Expected,
    /// The file to write; an incomplete file of an earlier attempt is resumed.
    pub(crate) part: &'a Path,
    pub(crate) step: &'a Step<'a>,
}

/// When a client gives up.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Number of attempts before a file counts as unreachable.
    tries: u32,
    /// Pause after the first attempt; doubled after each further one.
    pause: Duration,
    /// Time limit for connecting.
    connect: Duration,
    /// Longest wait for a response, and between two reads of its body.
    silence: Duration,
}

/// Four attempts, with pauses of 1, 2 and 4 seconds.
const LIMITS: Limits = Limits {
    tries: 4,
    pause: Duration::from_secs(1),
    connect: Duration::from_secs(20),
    silence: Duration::from_secs(60),
};

/// An HTTP client.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    proxies: Arc<proxy::Proxies>,
    limits: Limits,
}

/// Why one attempt failed.
enum Failed {
    /// Another attempt may succeed.
    Again(String),
    /// Like `Again`; this many bytes are there now.
    Further(u64, String),
    /// Another attempt would fail too.
    Final(Error),
}

impl Client {
    /// Returns a client that uses the proxies of the environment.
    pub(crate) fn new() -> Client {
        Client::with(LIMITS, proxy::Proxies::of_environment())
    }

    /// Returns a client without proxies, for test servers on this host.
    #[cfg(test)]
    pub(crate) fn direct() -> Client {
        Client::with(LIMITS, proxy::Proxies::default())
    }

    fn with(limits: Limits, proxies: proxy::Proxies) -> Client {
        let proxies = Arc::new(proxies);
        let tls = TlsConfig::builder().root_certs(roots()).build();
        Client { agent: connect::agent(Arc::clone(&proxies), limits, tls), proxies, limits }
    }

    /// Downloads a small file into memory; it is not pinned.
    pub(crate) fn get(&self, url: &WebUrl, limit: u64) -> Result<Vec<u8>> {
        self.try_often(url, || {
            let (_, mut response) = self.request(url, 0)?;
            let mut bytes = Vec::new();
            let body = response.body_mut().as_reader();
            body.take(limit + 1).read_to_end(&mut bytes).map_err(|e| broken(&e))?;
            if weburl::is_web_page(&bytes) {
                return Err(web_page(url, &response));
            }
            if bytes.len() as u64 > limit {
                let (expected, found) = (format!("at most {limit} bytes"), "more".to_owned());
                return Err(Failed::Final(Error::Checksum { url: url.to_string(), expected, found }));
            }
            Ok(bytes)
        })
    }

    /// Downloads a pinned file. On success the part file is complete and has the right size and hash; a part
    /// file with a wrong hash is removed.
    pub(crate) fn download(&self, download: &Download<'_>) -> Result<()> {
        let mut fresh = false;
        self.try_often(download.url, || match self.stream(download) {
            // The part file of an earlier run may be damaged, which is not the mirror's fault: try once more
            // from the start.
            Err(Failed::Final(Error::Checksum { .. })) if !fresh => {
                fresh = true;
                self.stream(download)
            }
            other => other,
        })
    }

    /// One attempt of a download.
    fn stream(&self, download: &Download<'_>) -> std::result::Result<(), Failed> {
        let Download { url, expected, part, .. } = *download;
        let there = fs::metadata(part).map_or(0, |m| m.len());
        // A part file that is too long is emptied: the bytes after the new end would not be hashed.
        let (there, truncate) = if there > expected.size { (0, true) } else { (there, false) };
        let mut file = File::options().create(true).truncate(truncate).read(true).write(true).open(part);
        let file = file.as_mut().map_err(|e| failed_write(part, e))?;
        let mut hash = Hashing::new(&mut *file);
        let mut old = Read::by_ref(&mut hash).take(there);
        io::copy(&mut old, &mut io::sink()).map_err(|e| failed_write(part, &e))?;
        if there < expected.size {
            let (answer, mut response) = self.request(url, there)?;
            let whole = answer == Answer::Whole;
            let mut body = io::BufReader::with_capacity(PIECE_BYTES, response.body_mut().as_reader());
            if whole && weburl::is_web_page(body.fill_buf().map_err(|e| broken(&e))?) {
                drop(body);
                return Err(web_page(url, &response));
            }
            if there > 0 && answer != Answer::Rest {
                // The server does not support resuming: start again.
                fs::remove_file(part).map_err(|e| failed_write(part, &e))?;
                return self.stream(download);
            }
            let copied = copy(&mut body, &mut hash, download);
            copied.map_err(|e| further(e, there, hash.passed()))?;
        }
        let passed = hash.passed();
        if passed < expected.size {
            let reason = format!("expected {} bytes, the connection ended after {passed}", expected.size);
            return Err(further(Failed::Again(reason), there, passed));
        }
        let Err((expected, found)) = judge(expected, passed, hash.finish()) else { return Ok(()) };
        fs::remove_file(part).map_err(|e| failed_write(part, &e))?;
        Err(Failed::Final(Error::Checksum { url: url.to_string(), expected, found }))
    }

    /// Requests a file from byte `from` on; a response without any of the file is a failure.
    fn request(
        &self,
        url: &WebUrl,
        from: u64,
    ) -> std::result::Result<(Answer, Response<ureq::Body>), Failed> {
        let malformed = |_| Failed::Final(Error::Address { url: url.to_string() });
        let uri: Uri = url.without_user().parse().map_err(malformed)?;
        self.proxies.of(&uri).map_err(Failed::Final)?;
        let mut request = self.agent.get(&uri);
        if let Some(credentials) = url.authorization() {
            request = request.header("Authorization", credentials);
        }
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|e| self.unanswered(url, &uri, e))?;
        let (status, range) = (response.status().as_u16(), response.headers().get("Content-Range"));
        match answer(from, status, range.and_then(|range| range.to_str().ok())) {
            Answer::Nothing => Err(failed_status(url, status, &self.proxies.way(&uri))),
            answer => Ok((answer, response)),
        }
    }

    /// Returns why there is no response. Errors that contain a URL, whose query may be a credential, are
    /// replaced.
    fn unanswered(&self, url: &WebUrl, uri: &Uri, error: ureq::Error) -> Failed {
        use ureq::Error as E;
        let reason = match error {
            E::Other(error) => match error.downcast::<Error>() {
                Ok(ours) => return Failed::Final(*ours),
                Err(other) => other.to_string(),
            },
            E::BadUri(_) | E::Http(_) => return Failed::Final(Error::Address { url: url.to_string() }),
            E::Protocol(e) if e.to_string().contains("location") => {
                return Failed::Final(Error::Address { url: url.to_string() });
            }
            other => told(&other),
        };
        Failed::Again(format!("{reason}{}", self.proxies.way(uri)))
    }

    fn try_often<T>(
        &self,
        url: &WebUrl,
        mut once: impl FnMut() -> std::result::Result<T, Failed>,
    ) -> Result<T> {
        let (mut tried, mut most) = (0, 0);
        loop {
            tried += 1;
            let reason = match once() {
                Ok(done) => return Ok(done),
                Err(Failed::Final(error)) => return Err(error),
                // Compared with the most ever received, not with the start of this attempt: otherwise a
                // truncated file on a server that does not support resuming would be downloaded for ever.
                Err(Failed::Further(bytes, _)) if bytes > most => {
                    (tried, most) = (0, bytes);
                    continue;
                }
                Err(Failed::Further(_, reason)) => reason,
                Err(Failed::Again(reason)) => reason,
            };
            if tried >= self.limits.tries {
                return Err(Error::Fetch { url: url.to_string(), reason, tries: tried });
            }
            std::thread::sleep(self.limits.pause * 2_u32.pow(tried - 1));
        }
    }
}

/// Returns the failure for a body that broke off.
fn broken(error: &io::Error) -> Failed {
    let ours = error.get_ref().and_then(|e| e.downcast_ref::<ureq::Error>());
    Failed::Again(ours.map_or_else(|| error.to_string(), told))
}

/// Returns the client's description of a connection error, in our words where its own are not meaningful to
/// users.
fn told(error: &ureq::Error) -> String {
    use ureq::{Error as E, Timeout};
    match error {
        E::Timeout(Timeout::Resolve | Timeout::Connect) => "connecting took too long".to_owned(),
        E::Timeout(_) => "the server was silent for too long".to_owned(),
        E::Io(e) => e.to_string(),
        other => other.to_string(),
    }
}

/// Decides by the status of a response without any of the file; `way` names the proxy, if any.
fn failed_status(url: &WebUrl, status: u16, way: &str) -> Failed {
    match status {
        404 | 410 => Failed::Final(Error::NotFound { url: url.to_string() }),
        408 | 425 | 429 => Failed::Again(format!("the server answered HTTP {status}{way}")),
        400..=499 | 511 => {
            Failed::Final(Error::Refused { url: url.to_string(), status, way: way.to_owned() })
        }
        _ => Failed::Again(format!("the server answered HTTP {status}{way}")),
    }
}

/// Returns the failure for a web page, with the host that sent it: a sign-in page is often on another host.
fn web_page(url: &WebUrl, response: &Response<ureq::Body>) -> Failed {
    use ureq::ResponseExt as _;
    let from = response.get_uri().host().unwrap_or_default().to_owned();
    Failed::Final(Error::WebPage { url: url.to_string(), from })
}

/// Records in a failure that the attempt has advanced from byte `there` to `passed`.
fn further(failed: Failed, there: u64, passed: u64) -> Failed {
    match failed {
        Failed::Again(reason) if passed > there => Failed::Further(passed, reason),
        other => other,
    }
}

/// Compares what was downloaded with what was pinned; the error names both.
fn judge(expected: Expected, bytes: u64, sha256: Digest) -> std::result::Result<(), (String, String)> {
    if bytes > expected.size {
        return Err((format!("{} bytes", expected.size), "more".to_owned()));
    }
    if sha256 != expected.sha256 {
        return Err((format!("sha256 {}", expected.sha256), format!("sha256 {sha256}")));
    }
    Ok(())
}

/// Copies a body to the part file, at most slightly more than expected, and reports the progress.
fn copy(
    body: &mut impl Read,
    to: &mut Hashing<&mut File>,
    download: &Download<'_>,
) -> std::result::Result<(), Failed> {
    let mut buffer = vec![0; PIECE_BYTES];
    while to.passed() <= download.expected.size {
        let n = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) => return Err(broken(&e)),
        };
        to.write_all(&buffer[..n]).map_err(|e| failed_write(download.part, &e))?;
        download.step.at(to.passed());
    }
    Ok(())
}

fn failed_write(part: &Path, error: &io::Error) -> Failed {
    let source =
        error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error);
    Failed::Final(Error::io("writing", part)(source))
}

/// Returns the host's certificates, or the public roots if the host has none.
fn roots() -> RootCerts {
    let pem = fs::read(HOST_CERTIFICATES).unwrap_or_default();
    let certificates = ureq::tls::parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(&certificates) }
}

#[cfg(test)]
mod tests;
