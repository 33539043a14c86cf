//! Fetches a bundle into the staging directory, and goes on where a connection broke.
//!
//! What vouches for a bundle are its signatures, so plain `http` will do; `https` is checked against the
//! certificate authorities of the image. Spec: RFC 9110, 14 (ranges) and 8.8 (what tells versions of a file apart).

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use update::{Source, Staged};
use ureq::http::Response;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::back_off::BackOff;

/// Certificate authorities of the image.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Longest wait for a connection, and longest silence of a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(60);
/// After this time without a single byte there is no use in trying on.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bytes read at once.
const PIECE_BYTES: usize = 256 << 10;

/// Returns whether a text is an address that can be fetched.
pub fn is_url(text: &str) -> bool {
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_graphic();
    rest.is_some_and(|r| {
        !r.starts_with('/') && !r.is_empty() && text.len() <= 2048 && text.chars().all(plain)
    })
}

/// What is fetched, and where to.
struct Fetch<'a> {
    agent: Agent,
    url: &'a str,
    directory: &'a Path,
    free_bytes: u64,
}

/// Is told how much of how much is here, and says false to stop.
type Advanced<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// Fetches `url` into `directory`, where there is room for `free_bytes`.
///
/// # Errors
/// When the server refuses, no longer has the same file, or nothing comes for ten minutes.
pub fn fetch(url: &str, directory: &Path, free_bytes: u64, advanced: Advanced<'_>) -> Result<Staged> {
    let fetch = Fetch { agent: agent(), url, directory, free_bytes };
    let mut pauses = BackOff::new(Duration::from_secs(1), Duration::from_secs(30));
    let (mut last_progress, mut most) = (Instant::now(), 0);
    loop {
        let error = match fetch.try_once(advanced) {
            Ok(Attempt::Whole(staged)) => return Ok(staged),
            Ok(Attempt::Refused(why)) => return Err(why.context(format!("fetching {url}"))),
            Ok(Attempt::Broken(received, error)) => {
                if received > most {
                    (most, last_progress) = (received, Instant::now());
                    pauses.reset();
                }
                error
            }
            Err(error) => error,
        };
        if last_progress.elapsed() > PATIENCE {
            return Err(error.context(format!("fetching {url}: nothing has come for 10 minutes")));
        }
        eprintln!("noded: fetching {url}: {error:#}; trying again");
        ensure!(advanced(most, 0), "called off");
        pauses.sleep();
    }
}

/// How a try ended.
enum Attempt {
    /// All is here.
    Whole(Staged),
    /// There is no use in trying again.
    Refused(anyhow::Error),
    /// The connection broke after so many bytes.
    Broken(u64, anyhow::Error),
}

impl Fetch<'_> {
    /// Asks once, for the rest of what is here.
    fn try_once(&self, advanced: Advanced<'_>) -> Result<Attempt> {
        // The head says what it is part of; only then is it known whether anything of it is here.
        let head = self.agent.get(self.url).call()?;
        if head.status().as_u16() != 200 {
            return Ok(Attempt::Refused(anyhow!("the server answers {}", head.status())));
        }
        let Some(bytes) = number(head.headers(), CONTENT_LENGTH.as_str()) else {
            return Ok(Attempt::Refused(anyhow!("the server does not say how long it is")));
        };
        let tag = tag(head.headers());
        let source = Source { id: format!("{} {}", self.url, tag.as_deref().unwrap_or_default()), bytes };
        let mut staged = match Staged::open(self.directory, source, self.free_bytes) {
            Ok(staged) => staged,
            Err(e) => return Ok(Attempt::Refused(e.into())),
        };
        let mut body = head;
        if staged.received() > 0 && !staged.is_whole() {
            match (tag, self.continue_at(staged.received())) {
                (Some(_), Ok(Some(rest))) => body = rest,
                // Without a tag nobody knows whether it is the same file, and some servers know no ranges.
                (None, _) | (_, Ok(None)) => {
                    Staged::discard(self.directory)?;
                    return Ok(Attempt::Broken(0, anyhow!("the server can't continue, beginning anew")));
                }
                (_, Err(e)) => return Ok(Attempt::Broken(staged.received(), e)),
            }
        }
        match copy(body, &mut staged, advanced) {
            Ok(()) => Ok(Attempt::Whole(staged)),
            Err(e) if e.is::<CalledOff>() => Ok(Attempt::Refused(e)),
            Err(e) => Ok(Attempt::Broken(staged.received(), e)),
        }
    }

    /// Asks for what follows the first `received` bytes; `None` if the server knows no ranges.
    fn continue_at(&self, received: u64) -> Result<Option<Response<Body>>> {
        let response = self.agent.get(self.url).header("Range", format!("bytes={received}-")).call()?;
        let range = response.headers().get(CONTENT_RANGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let fits = range.starts_with(&format!("bytes {received}-"));
        Ok((response.status().as_u16() == 206 && fits).then_some(response))
    }
}

/// Someone wants no more.
#[derive(Debug, thiserror::Error)]
#[error("called off")]
struct CalledOff;

/// Copies a body to where it belongs.
fn copy(body: Response<Body>, staged: &mut Staged, advanced: &mut dyn FnMut(u64, u64) -> bool) -> Result<()> {
    let total = staged.source().bytes;
    let mut from = body.into_body().into_reader();
    let mut piece = vec![0; PIECE_BYTES];
    while !staged.is_whole() {
        let read = from.read(&mut piece).context("reading the bundle")?;
        if read == 0 {
            bail!("the connection ended after {} of {total} bytes", staged.received());
        }
        staged.append(staged.received(), &piece[..read])?;
        if !advanced(staged.received(), total) {
            return Err(CalledOff.into());
        }
    }
    Ok(())
}

/// Returns what tells this version of the file from another.
fn tag(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    // A weak tag promises the same meaning, not the same bytes.
    let strong = text(ETAG).filter(|t| !t.starts_with("W/"));
    strong.or_else(|| text(LAST_MODIFIED)).map(str::to_owned)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// Returns a client that trusts the authorities of the image.
fn agent() -> Agent {
    // Without authorities nothing is trusted by https; http needs none.
    let pem = std::fs::read(AUTHORITIES).unwrap_or_default();
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(SILENCE))
        .proxy(None)
        .user_agent("ironhull")
        .tls_config(tls)
        .build();
    config.new_agent()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;

    use super::*;

    /// Bytes of the file.
    const BYTES: usize = 100_000;

    fn content() -> Vec<u8> {
        (0..BYTES).map(|i| (i / 7).to_le_bytes()[0]).collect()
    }

    /// A server of one file that breaks the first connection in the middle of it. Returns its address, and
    /// where it tells the `Range` of each request.
    fn server(knows_ranges: bool) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/b.hull", listener.local_addr().unwrap());
        let (told, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let range = answer(&stream.unwrap(), number, knows_ranges);
                if told.send(range).is_err() {
                    return;
                }
            }
        });
        (url, heard)
    }

    /// Answers one request.
    fn answer(mut stream: &TcpStream, number: usize, knows_ranges: bool) -> String {
        let head: Vec<String> =
            BufReader::new(stream).lines().map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
        let range =
            head.iter().find_map(|l| l.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let start =
            range.as_deref().filter(|_| knows_ranges).map_or(0, |r| r.trim_end_matches('-').parse().unwrap());
        let status = match start {
            0 => "200 OK".to_owned(),
            _ => format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{BYTES}", BYTES - 1),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            BYTES - start
        );
        let end = if number == 0 { BYTES / 2 } else { BYTES };
        // A client that has seen enough goes away.
        drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content()[start..end])));
        range.unwrap_or_default()
    }

    fn fetched(url: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let staged = fetch(url, folder.path(), 1 << 30, &mut |_, _| true).unwrap();
        let mut bytes = Vec::new();
        staged.reader().unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_broken_connection_costs_only_the_rest() {
        let (url, heard) = server(true);
        assert!(fetched(&url) == content());
        let ranges: Vec<String> = heard.try_iter().collect();
        assert_eq!(ranges.last().unwrap(), &format!("{}-", BYTES / 2), "{ranges:?}");
    }

    #[test]
    fn a_server_without_ranges_is_asked_for_all_of_it() {
        let (url, _heard) = server(false);
        assert!(fetched(&url) == content());
    }

    #[test]
    fn what_is_refused_or_called_off_ends_at_once() {
        let (url, _heard) = server(true);
        let folder = tempfile::tempdir().unwrap();
        let called_off = fetch(&url, folder.path(), 1 << 30, &mut |_, _| false).unwrap_err();
        assert!(format!("{called_off:#}").ends_with("called off"), "{called_off:#}");
        let full = fetch(&url, folder.path(), 1000, &mut |_, _| true).unwrap_err();
        assert!(format!("{full:#}").contains("1000 free"), "{full:#}");
    }

    #[test]
    fn only_whole_addresses_are_fetched() {
        for good in ["http://a/b", "https://a.example:8443/b.hull?x=1"] {
            assert!(is_url(good), "{good}");
        }
        for bad in
            ["", "http://", "http:///x", "ftp://a/b", "file:///etc/passwd", "http://a/b c", "http://ä/b"]
        {
            assert!(!is_url(bad), "{bad}");
        }
    }

    #[test]
    fn weak_tags_do_not_count() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, "W/\"1\"".parse().unwrap());
        assert_eq!(tag(&headers), None);
        headers.insert(LAST_MODIFIED, "Thu, 26 Nov 2026 06:00:00 GMT".parse().unwrap());
        assert!(tag(&headers).is_some());
        headers.insert(ETAG, "\"2\"".parse().unwrap());
        assert_eq!(tag(&headers).as_deref(), Some("\"2\""));
    }
}
