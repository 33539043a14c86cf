//! Downloads a bundle into the staging directory and resumes after a broken connection.
//!
//! Signatures authenticate a bundle, so plain `http` is sufficient; `https` is verified with the certificate
//! authorities of the image. Credentials in the URL are sent, and neither logged nor stored. Spec: RFC 9110,
//! 14 (ranges) and 8.8 (entity tags and modification dates).

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use update::{Source, Staged};
use ureq::config::RedirectAuthHeaders;
use ureq::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED, RANGE,
};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};
use weburl::WebUrl;
use weburl::resume::{Answer, answer};

use crate::back_off::BackOff;
use crate::trust;

/// Time limits for connecting, and without data from the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(60);
/// The download fails after this time without a single byte.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest pause between two attempts.
const PAUSE: Duration = Duration::from_secs(10);
/// Size of a read.
const PIECE_BYTES: usize = 256 << 10;

/// Returns whether a text is an `http://` or `https://` URL.
pub fn is_url(text: &str) -> bool {
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_graphic();
    rest.is_some_and(|r| {
        !r.starts_with('/') && !r.is_empty() && text.len() <= 2048 && text.chars().all(plain)
    })
}

/// A download and its destination.
struct Fetch<'a> {
    agent: Agent,
    url: &'a WebUrl,
    directory: &'a Path,
    free_bytes: Room<'a>,
}

/// Returns the free space in bytes.
type Room<'a> = &'a dyn Fn() -> Result<u64>;

/// Called with the bytes received and the total; returns false to stop.
type Advanced<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// Downloads `url` to `directory`, which has `free_bytes` of free space; later attempts determine it again.
///
/// `advanced` returns false to cancel. It is called between two reads and two attempts: while a name is
/// resolved, a connection made or a response awaited, cancelling takes effect when the time limit of that
/// step is over, within two minutes.
///
/// # Errors
/// If the server refuses, can't be trusted, or serves a file that can't be stored, if nothing arrives for ten
/// minutes, or if it was cancelled. What was received stays in `directory`, so that the same download
/// resumes.
pub fn fetch(url: &WebUrl, directory: &Path, free_bytes: u64, advanced: Advanced<'_>) -> Result<Staged> {
    let first = Cell::new(Some(free_bytes));
    let room = || match first.take() {
        Some(bytes) => Ok(bytes),
        None => super::staging::free_bytes(),
    };
    fetch_into(url, directory, &room, advanced)
}

/// Downloads; the free space is determined for each attempt.
fn fetch_into(
    url: &WebUrl,
    directory: &Path,
    free_bytes: Room<'_>,
    advanced: Advanced<'_>,
) -> Result<Staged> {
    let fetch = Fetch { agent: agent(), url, directory, free_bytes };
    let mut pauses = BackOff::new(Duration::from_secs(1), PAUSE);
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
            Err(error) if is_final(&error) => return Err(error.context(format!("fetching {url}"))),
            Err(error) => error,
        };
        if last_progress.elapsed() > PATIENCE {
            return Err(error.context(format!("fetching {url}: no data for 10 minutes")));
        }
        eprintln!("noded: fetching {url}: {error:#}; trying again");
        ensure!(advanced(most, 0), "cancelled");
        pauses.sleep();
        ensure!(advanced(most, 0), "cancelled");
    }
}

/// The result of an attempt.
enum Attempt {
    /// The bundle is complete.
    Whole(Staged),
    /// Another attempt would fail too.
    Refused(anyhow::Error),
    /// The connection broke after this many bytes.
    Broken(u64, anyhow::Error),
}

impl Fetch<'_> {
    /// Makes one attempt to download the rest.
    fn try_once(&self, advanced: Advanced<'_>) -> Result<Attempt> {
        // The first response identifies the file; only then is it known whether the received bytes belong to
        // it.
        let head = self.ask(0)?;
        if head.status() != StatusCode::OK {
            return refusal(head.status());
        }
        let Some(bytes) = number(head.headers(), CONTENT_LENGTH.as_str()) else {
            return Ok(Attempt::Refused(anyhow!("the server does not say how long it is")));
        };
        let tag = tag(head.headers());
        let mut head = BufReader::with_capacity(PIECE_BYTES, head.into_body().into_reader());
        if weburl::is_web_page(head.fill_buf().context("reading the bundle")?) {
            // Checked before anything of it replaces the received bytes.
            return Ok(Attempt::Refused(anyhow!(
                "expected a bundle, found a web page, such as a network's sign-in page"
            )));
        }
        if tag.is_none() {
            // It is unknown whether the received bytes, even if complete, are of the same file.
            Staged::discard(self.directory)?;
        }
        let source = Source { id: source_id(self.url, tag.as_deref().unwrap_or_default()), bytes };
        let mut staged = match Staged::open(self.directory, source, (self.free_bytes)()?) {
            Ok(staged) => staged,
            Err(e) => return Ok(Attempt::Refused(e.into())),
        };
        let body = if staged.received() == 0 || staged.is_whole() {
            head
        } else {
            // Closed first, since a server may serve one connection at a time.
            drop(head);
            let rest = self.ask(staged.received())?;
            let range = rest.headers().get(CONTENT_RANGE).and_then(|v| v.to_str().ok());
            match answer(staged.received(), rest.status().as_u16(), range) {
                Answer::Rest => BufReader::with_capacity(PIECE_BYTES, rest.into_body().into_reader()),
                // A complete file is requested again, since it may differ from that of the first response.
                Answer::Whole | Answer::StartAgain => {
                    Staged::discard(self.directory)?;
                    return Ok(Attempt::Broken(0, anyhow!("the server can't resume, starting over")));
                }
                Answer::Nothing => return refusal(rest.status()),
            }
        };
        match copy(body, &mut staged, advanced) {
            Ok(()) => Ok(Attempt::Whole(staged)),
            Err(e) if e.is::<CalledOff>() => Ok(Attempt::Refused(e)),
            Err(e) => Ok(Attempt::Broken(staged.received(), e)),
        }
    }

    /// Requests the file from byte `received` on.
    fn ask(&self, received: u64) -> Result<Response<Body>> {
        let mut request = self.agent.get(&*self.url.without_user());
        if let Some(credentials) = self.url.authorization() {
            request = request.header(AUTHORIZATION, credentials);
        }
        if received > 0 {
            request = request.header(RANGE, format!("bytes={received}-"));
        }
        request.call().map_err(without_address)
    }
}

/// Returns an identifier of the bundle that contains no credentials, since it is stored on the disk.
fn source_id(url: &WebUrl, tag: &str) -> String {
    let address = HEXLOWER.encode(digest(&SHA256, url.secret().as_bytes()).as_ref());
    format!("address {address} {tag}")
}

/// Returns an error of the client; one that contains a URL, whose query may be a credential, is replaced.
fn without_address(error: ureq::Error) -> anyhow::Error {
    use ureq::Error as E;
    match error {
        E::BadUri(_) | E::Http(_) => Malformed.into(),
        E::Protocol(e) if e.to_string().contains("location") => Malformed.into(),
        other => other.into(),
    }
}

/// The URL, or one to which the server redirects, is malformed.
#[derive(Debug, thiserror::Error)]
#[error("the address, or one that the server redirects to, is malformed")]
struct Malformed;

/// Returns the result of an attempt with an error response: an error from which the server may recover is
/// retried.
fn refusal(status: StatusCode) -> Result<Attempt> {
    let why = anyhow!("the server answers {status}");
    match status.as_u16() {
        429 | 502 | 503 | 504 => Err(why),
        _ => Ok(Attempt::Refused(why)),
    }
}

/// Returns whether another attempt would end the same way: the server is not trusted, or the URL is
/// malformed.
fn is_final(error: &anyhow::Error) -> bool {
    use ureq::Error as E;
    match error.downcast_ref::<E>() {
        None => error.is::<Malformed>(),
        Some(E::Io(e)) => e.get_ref().is_some_and(|e| e.is::<rustls::Error>()),
        Some(E::Rustls(_) | E::Tls(_)) => true,
        _ => false,
    }
}

/// The download was cancelled.
#[derive(Debug, thiserror::Error)]
#[error("cancelled")]
struct CalledOff;

/// Copies a body to the staging directory.
fn copy(mut from: impl Read, staged: &mut Staged, advanced: Advanced<'_>) -> Result<()> {
    let total = staged.source().bytes;
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

/// Returns the entity tag or the date that identifies this version of the file.
fn tag(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    // A weak tag does not guarantee the same bytes.
    let strong = text(ETAG).filter(|t| !t.starts_with("W/"));
    strong.or_else(|| text(LAST_MODIFIED)).map(str::to_owned)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// Returns a client that trusts the certificate authorities of the image.
fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .proxy(None)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .user_agent("ironhull")
        .tls_config(trust::of_image())
        .build();
    config.new_agent()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, mpsc};

    use super::*;

    /// Length of the file.
    const BYTES: usize = 100_000;

    fn content() -> Vec<u8> {
        (0..BYTES).map(|i| (i / 7).to_le_bytes()[0]).collect()
    }

    /// Starts a server of one file that breaks the first connection in the middle. Returns its URL, and a
    /// channel with the `Range` of each request.
    fn server(knows_ranges: bool) -> (WebUrl, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = WebUrl::new(format!("http://{}/b.hull", listener.local_addr().unwrap()));
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

    /// Responds to one request.
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
        // A client may close the connection early.
        drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content()[start..end])));
        range.unwrap_or_default()
    }

    fn fetched(url: &WebUrl) -> Vec<u8> {
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
        assert!(format!("{called_off:#}").ends_with("cancelled"), "{called_off:#}");
        let full = fetch(&url, folder.path(), 1000, &mut |_, _| true).unwrap_err();
        assert!(format!("{full:#}").contains("1000 free"), "{full:#}");
    }

    /// Starts a server with these responses, one for each connection, which then ends.
    fn scripted(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for (answer, stream) in answers.iter().zip(listener.incoming()) {
                let mut stream = stream.unwrap();
                let head = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> = head.take_while(|l| !l.is_empty()).collect();
                assert!(
                    !head.is_empty() && !head.iter().any(|l| l.to_ascii_lowercase().starts_with("range"))
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn a_busy_server_is_asked_again_and_room_looked_for_each_time() {
        let address = scripted(&[
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nABCD",
        ]);
        let folder = tempfile::tempdir().unwrap();
        let asked = Cell::new(0);
        let room = || {
            asked.set(asked.get() + 1);
            Ok(1 << 30)
        };
        let url = WebUrl::new(format!("http://{address}/b.hull"));
        let staged = fetch_into(&url, folder.path(), &room, &mut |_, _| true).unwrap();
        let mut text = String::new();
        staged.reader().unwrap().read_to_string(&mut text).unwrap();
        // Without a tag, nothing of the second response is resumed, and no range is requested.
        assert_eq!((text.as_str(), asked.get()), ("ABCD", 2));
    }

    #[test]
    fn a_whole_file_without_a_tag_is_fetched_again() {
        let address = scripted(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n1111",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n2222",
        ]);
        let folder = tempfile::tempdir().unwrap();
        for expected in ["1111", "2222"] {
            let url = WebUrl::new(format!("http://{address}/b.hull"));
            let staged = fetch(&url, folder.path(), 1 << 30, &mut |_, _| true).unwrap();
            let mut text = String::new();
            staged.reader().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn credentials_are_sent_and_neither_told_nor_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (told, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for (answer, stream) in
                ["200 OK\r\nETag: \"1\"\r\nContent-Length: 4\r\n\r\nABCD", "403 No\r\n\r\n"]
                    .into_iter()
                    .zip(listener.incoming())
            {
                let mut stream = stream.unwrap();
                let head: Vec<String> = BufReader::new(&stream)
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|l| !l.is_empty())
                    .collect();
                told.send(head).unwrap();
                write!(stream, "HTTP/1.1 {answer}").unwrap();
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let url = WebUrl::new(format!("http://user:s3cret@{address}/b.hull?sig=s3cret"));
        drop(fetch(&url, folder.path(), 1 << 30, &mut |_, _| true).unwrap());
        let head = heard.recv().unwrap();
        assert_eq!(head[0], "GET /b.hull?sig=s3cret HTTP/1.1");
        assert!(
            head.iter().any(|l| l.eq_ignore_ascii_case("authorization: Basic dXNlcjpzM2NyZXQ=")),
            "{head:?}"
        );
        let note = std::fs::read_to_string(folder.path().join("source.json")).unwrap();
        assert!(!note.contains("s3cret"), "{note}");
        let error = fetch(&url, folder.path(), 1 << 30, &mut |_, _| true).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!("fetching http://***@{address}/b.hull?***: the server answers 403 Forbidden")
        );
    }

    #[test]
    fn a_malformed_redirect_is_final_and_not_printed() {
        let address =
            scripted(&["HTTP/1.1 302 Found\r\nLocation: http://a b/s3cret\r\nContent-Length: 0\r\n\r\n"]);
        let url = WebUrl::new(format!("http://{address}/b.hull"));
        let folder = tempfile::tempdir().unwrap();
        let error = format!("{:#}", fetch(&url, folder.path(), 1 << 30, &mut |_, _| false).unwrap_err());
        assert!(error.ends_with("redirects to, is malformed") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_web_page_is_told_and_replaces_nothing() {
        let address = scripted(&[
            "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 4\r\n\r\nABCD",
            "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n<!doctype html><html>",
        ]);
        let url = WebUrl::new(format!("http://{address}/b.hull"));
        let folder = tempfile::tempdir().unwrap();
        drop(fetch(&url, folder.path(), 1 << 30, &mut |_, _| true).unwrap());
        let error = fetch(&url, folder.path(), 1 << 30, &mut |_, _| true).unwrap_err();
        assert!(format!("{error:#}").contains("expected a bundle, found a web page"), "{error:#}");
        assert_eq!(std::fs::read(folder.path().join("bundle")).unwrap(), b"ABCD");
    }

    #[test]
    fn other_answers_are_final() {
        let again = |code| refusal(StatusCode::from_u16(code).unwrap()).is_err();
        assert!([429, 502, 503, 504].into_iter().all(again));
        assert!(![204, 301, 403, 404, 500, 501].into_iter().any(again));
    }

    #[test]
    fn a_server_that_is_not_trusted_is_not_asked_again() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = WebUrl::new(format!("https://{}/b.hull", listener.local_addr().unwrap()));
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
            drop(tls.complete_io(&mut stream));
        });
        let folder = tempfile::tempdir().unwrap();
        // Another attempt would be cancelled.
        let error = fetch(&url, folder.path(), 1 << 30, &mut |_, _| false).unwrap_err();
        assert!(!format!("{error:#}").ends_with("cancelled"), "{error:#}");
        assert!(is_final(&error), "{error:#}");
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
