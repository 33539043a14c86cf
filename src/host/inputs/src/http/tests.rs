//! Tests against a real server on a local socket that misbehaves as instructed.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use weburl::WebUrl;

use super::*;
use crate::progress::{Silent, Unit};

const BODY: &[u8] = b"the whole of the file, as it was pinned";

/// What the server does with one request.
enum Answer {
    /// Status line, body and announced length; a body shorter than announced breaks off.
    Plain(&'static str, Vec<u8>, usize),
    /// The rest, from the requested byte on.
    Rest,
    /// The same, broken off after some bytes.
    RestUpTo(usize),
}

fn whole() -> Answer {
    Answer::Plain("200 OK", BODY.to_vec(), BODY.len())
}

fn status(line: &'static str) -> Answer {
    Answer::Plain(line, Vec::new(), 0)
}

fn broken_off(at: usize) -> Answer {
    Answer::Plain("200 OK", BODY[..at].to_vec(), BODY.len())
}

/// Serves the responses in order; returns the URL and, at the end, the `Range` of each request.
fn serve(answers: Vec<Answer>) -> (WebUrl, mpsc::Receiver<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = WebUrl::new(format!("http://{}/pool/x.deb", listener.local_addr().unwrap()));
    let (tell, asked) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut socket, _) = listener.accept().unwrap();
            let head = BufReader::new(socket.try_clone().unwrap()).lines();
            let head: Vec<_> = head.map(|l| l.unwrap()).take_while(|l| !l.is_empty()).collect();
            let range =
                head.iter().find_map(|l| l.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
            tell.send(range.clone()).unwrap();
            let (line, body, length) = match answer {
                Answer::Plain(line, body, length) => (line.to_owned(), body, length),
                Answer::Rest | Answer::RestUpTo(_) => {
                    let from: usize = range.unwrap().trim_end_matches('-').parse().unwrap();
                    let rest = &BODY[from..];
                    let sent = if let Answer::RestUpTo(bytes) = answer { bytes } else { rest.len() };
                    let place = format!("{from}-{}/{}", BODY.len() - 1, BODY.len());
                    let line = format!("206 Partial Content\r\nContent-Range: bytes {place}");
                    (line, rest[..sent].to_vec(), rest.len())
                }
            };
            // The client may close the connection first.
            let _ =
                write!(socket, "HTTP/1.1 {line}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = socket.write_all(&body);
        }
    });
    (url, asked)
}

/// Returns a client without proxies and long pauses that makes so many attempts.
fn client(tries: u32) -> Client {
    Client::with(Limits { tries, pause: Duration::from_millis(1), ..LIMITS }, proxy::Proxies::default())
}

struct Outcome {
    result: Result<()>,
    part: Option<Vec<u8>>,
    asked: Vec<Option<String>>,
}

/// Downloads from a server with these responses, on top of the content of the part file.
fn download(answers: Vec<Answer>, there: Option<&[u8]>) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let part = dir.path().join("part");
    if let Some(there) = there {
        fs::write(&part, there).unwrap();
    }
    let (url, asked) = serve(answers);
    let client = client(3);
    let step = Step::start(&Silent, "x", Unit::Bytes, None);
    let expected = Expected { size: BODY.len() as u64, sha256: Digest::of(BODY) };
    let result = client.download(&Download { url: &url, expected, part: &part, step: &step });
    Outcome { result, part: fs::read(&part).ok(), asked: asked.try_iter().collect() }
}

#[track_caller]
fn succeeds(answers: Vec<Answer>, there: Option<&[u8]>, ranges: &[Option<&str>]) {
    let outcome = download(answers, there);
    outcome.result.unwrap();
    assert_eq!(outcome.part.unwrap(), BODY);
    assert_eq!(outcome.asked.iter().map(Option::as_deref).collect::<Vec<_>>(), ranges);
}

#[test]
fn fetches_what_was_pinned() {
    succeeds(vec![whole()], None, &[None]);
}

#[test]
fn carries_on_where_the_connection_broke() {
    succeeds(vec![broken_off(10), Answer::Rest], None, &[None, Some("10-")]);
    succeeds(vec![Answer::Rest], Some(&BODY[..7]), &[Some("7-")]);
}

#[test]
fn a_connection_that_gets_further_is_not_given_up() {
    let pieces = |n: usize| Answer::RestUpTo(n);
    let answers = vec![broken_off(5), pieces(5), pieces(5), pieces(5), pieces(5), Answer::Rest];
    succeeds(answers, None, &[None, Some("5-"), Some("10-"), Some("15-"), Some("20-"), Some("25-")]);
}

#[test]
fn starts_again_where_the_server_does_not_resume() {
    succeeds(vec![broken_off(10), whole(), whole()], None, &[None, Some("10-"), None]);
}

#[test]
fn starts_again_where_another_range_or_none_comes() {
    let lines = [
        "206 Partial Content",
        "206 Partial Content\r\nContent-Range: bytes 0-8/39",
        "416 Range Not Satisfiable\r\nContent-Range: bytes */5",
    ];
    for line in lines {
        let other = Answer::Plain(line, BODY[..9].to_vec(), 9);
        succeeds(vec![broken_off(10), other, whole()], None, &[None, Some("10-"), None]);
    }
}

#[test]
fn a_file_that_is_too_short_is_given_up_where_the_server_does_not_resume() {
    let short = || Answer::Plain("200 OK", BODY[..10].to_vec(), 10);
    let outcome = download((0..20).map(|_| short()).collect(), None);
    let text = outcome.result.unwrap_err().to_string();
    assert!(text.contains("expected 39 bytes, the connection ended after 10 (tried 3 times)"), "{text}");
    assert!(outcome.asked.len() < 10, "{:?}", outcome.asked);
}

#[test]
fn a_complete_part_needs_no_request() {
    succeeds(vec![], Some(BODY), &[]);
}

#[test]
fn a_damaged_part_is_thrown_away() {
    let mut damaged = BODY.to_vec();
    damaged[3] ^= 1;
    succeeds(vec![whole()], Some(&damaged), &[None]);
    succeeds(vec![Answer::Rest, whole()], Some(&damaged[..9]), &[Some("9-"), None]);
    // The state after a run that was killed before it removed a file with too many bytes.
    succeeds(vec![whole()], Some(&[b'x'; 100]), &[None]);
}

#[test]
fn tries_again_after_a_server_error() {
    succeeds(vec![status("503 Busy"), status("500 Bad"), whole()], None, &[None, None, None]);
}

#[test]
fn gives_up_after_some_tries() {
    let outcome = download((0..3).map(|_| status("503 Busy")).collect(), None);
    let text = outcome.result.unwrap_err().to_string();
    assert!(text.contains("/pool/x.deb: the server answered HTTP 503 (tried 3 times)\nhint: "), "{text}");
}

#[test]
fn other_bytes_are_refused_and_removed() {
    let other = || Answer::Plain("200 OK", vec![b'x'; BODY.len()], BODY.len());
    let outcome = download(vec![other(), other()], None);
    let text = outcome.result.unwrap_err().to_string();
    assert!(text.contains(&format!("expected sha256 {}, found sha256 ", Digest::of(BODY))), "{text}");
    assert!(outcome.part.is_none());
}

#[test]
fn more_bytes_than_pinned_are_refused() {
    let long = || Answer::Plain("200 OK", vec![b'x'; 200_000], 200_000);
    let outcome = download(vec![long(), long()], None);
    let text = outcome.result.unwrap_err().to_string();
    assert!(text.contains("expected 39 bytes, found more"), "{text}");
}

#[test]
fn not_found_names_the_command_that_refreshes_the_lock() {
    let outcome = download(vec![status("404 Not Found")], None);
    let text = outcome.result.unwrap_err().to_string();
    assert!(text.contains("not found (HTTP 404)") && text.contains("`ironhull lock update`"), "{text}");
    assert_eq!(outcome.asked.len(), 1, "not tried again");
}

#[test]
fn an_address_without_a_release_is_no_mirror() {
    let (url, _asked) = serve(vec![status("404 Not Found")]);
    let client = client(1);
    let text = client.get(&WebUrl::new(format!("{url}/InRelease")), 10).unwrap_err().to_string();
    assert!(
        text.contains("not found (HTTP 404)") && text.contains("hint: the address is not a Debian mirror"),
        "{text}"
    );
}

#[test]
fn a_mirror_that_is_down_is_named() {
    // A port that was free a moment ago, so nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = client(2);
    let text = client.get(&WebUrl::new(format!("http://{address}/dists")), 10).unwrap_err().to_string();
    assert!(text.starts_with(&format!("fetching http://{address}/dists: ")), "{text}");
    assert!(text.contains("(tried 2 times)") && text.contains("--mirror"), "{text}");
}

#[test]
fn small_files_have_a_limit() {
    let (url, _asked) = serve(vec![whole(), whole()]);
    let client = client(1);
    assert_eq!(client.get(&url, 39).unwrap(), BODY);
    assert!(matches!(client.get(&url, 38), Err(Error::Checksum { .. })));
}

#[test]
fn a_refusal_is_final_and_says_what_to_do() {
    for (line, expected) in [
        ("401 Unauthorized", "refused (HTTP 401)\nhint: the server wants a user"),
        ("403 Forbidden", "refused (HTTP 403)\nhint: a proxy on the way forbids it, or"),
        ("511 Network Authentication Required", "refused (HTTP 511)\nhint: sign in"),
    ] {
        let outcome = download(vec![status(line)], None);
        let text = outcome.result.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
        assert_eq!(outcome.asked.len(), 1, "not tried again");
    }
}

#[test]
fn a_web_page_is_told_and_what_is_there_is_kept() {
    let text = b"\n<!DOCTYPE html><title>Sign in</title>";
    let page = || Answer::Plain("200 OK", text.to_vec(), text.len());
    for there in [None, Some(&BODY[..7])] {
        let outcome = download(vec![page(), page()], there);
        let text = outcome.result.unwrap_err().to_string();
        assert!(text.contains("expected a file, found a web page from 127.0.0.1\nhint: sign in"), "{text}");
        assert_eq!(outcome.part.unwrap(), there.unwrap_or_default());
    }
    let (url, _asked) = serve(vec![page()]);
    assert!(matches!(client(3).get(&url, 100), Err(Error::WebPage { .. })));
}

#[test]
fn limits_are_on_silence_not_on_the_whole() {
    let timeouts = client(1).agent.config().timeouts();
    assert_eq!((timeouts.global, timeouts.per_call, timeouts.recv_body), (None, None, None));
    // A server that sends a part and then nothing, as long as the client waits.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = WebUrl::new(format!("http://{}/x", listener.local_addr().unwrap()));
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\nthe").unwrap();
        let _ = io::copy(&mut socket, &mut io::sink());
    });
    let limits = Limits { tries: 1, silence: Duration::from_millis(300), ..LIMITS };
    let text = Client::with(limits, proxy::Proxies::default()).get(&url, 39).unwrap_err().to_string();
    assert!(text.contains("x: the server was silent for too long (tried"), "{text}");
}

#[test]
fn credentials_are_sent_to_the_host_they_are_for_and_never_printed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heads) = mpsc::channel();
    thread::spawn(move || {
        let other = "302 Found\r\nLocation: http://localhost:1/x?sig=s3cret";
        for answer in ["200 OK", "302 Found\r\nLocation: http://a b/?sig=s3cret", "503 Busy", other] {
            let (mut socket, _) = listener.accept().unwrap();
            let head = BufReader::new(socket.try_clone().unwrap()).lines();
            tell.send(head.map(|l| l.unwrap()).take_while(|l| !l.is_empty()).collect::<Vec<_>>()).unwrap();
            write!(socket, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        }
    });
    let url = WebUrl::new(format!("http://user:s3cret@{address}/x?sig=s3cret"));
    assert_eq!(client(1).get(&url, 10).unwrap(), b"");
    let head = heads.recv().unwrap();
    assert_eq!(head[0], "GET /x?sig=s3cret HTTP/1.1");
    assert!(head.iter().any(|l| l.eq_ignore_ascii_case("authorization: Basic dXNlcjpzM2NyZXQ=")), "{head:?}");
    for reason in ["is malformed", "HTTP 503", "refused"] {
        let text = client(1).get(&url, 10).unwrap_err().to_string();
        assert!(text.starts_with(&format!("fetching http://***@{address}/x?***: ")), "{text}");
        assert!(text.contains(reason) && !text.contains("s3cret"), "{text}");
    }
}

mod squid;
