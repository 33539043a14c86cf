//! Tests against a real server on a local socket that behaves as badly as told.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::progress::{Silent, Unit};

const BODY: &[u8] = b"the whole of the file, as it was pinned";

/// What the server does with one request.
enum Answer {
    /// Status line and body; a body that is shorter than announced breaks off.
    Plain(&'static str, Vec<u8>, usize),
    /// The rest from the byte that the client asks for.
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

/// Serves the answers in turn; gives the address and, at its end, the `Range` of each request.
fn serve(answers: Vec<Answer>) -> (String, mpsc::Receiver<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/pool/x.deb", listener.local_addr().unwrap());
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
                Answer::Plain(line, body, length) => (line, body, length),
                Answer::Rest | Answer::RestUpTo(_) => {
                    let from: usize = range.unwrap().trim_end_matches('-').parse().unwrap();
                    let rest = &BODY[from..];
                    let sent = if let Answer::RestUpTo(bytes) = answer { bytes } else { rest.len() };
                    ("206 Partial Content", rest[..sent].to_vec(), rest.len())
                }
            };
            // The client may hang up first: that is its right.
            let _ =
                write!(socket, "HTTP/1.1 {line}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = socket.write_all(&body);
        }
    });
    (url, asked)
}

struct Outcome {
    result: Result<()>,
    part: Option<Vec<u8>>,
    asked: Vec<Option<String>>,
}

/// Downloads from a server with these answers, on top of what is in the part file.
fn download(answers: Vec<Answer>, there: Option<&[u8]>) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let part = dir.path().join("part");
    if let Some(there) = there {
        fs::write(&part, there).unwrap();
    }
    let (url, asked) = serve(answers);
    let client = Client::with(3, Duration::from_millis(1), None);
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
    let client = Client::with(1, Duration::from_millis(1), None);
    let text = client.get(&format!("{url}/InRelease"), 10).unwrap_err().to_string();
    assert!(
        text.contains("not found (HTTP 404)") && text.contains("hint: the address is no Debian mirror"),
        "{text}"
    );
}

#[test]
fn a_mirror_that_is_down_is_named() {
    // A port that was just free: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::with(2, Duration::from_millis(1), None);
    let text = client.get(&format!("http://{address}/dists"), 10).unwrap_err().to_string();
    assert!(text.starts_with(&format!("fetching http://{address}/dists: ")), "{text}");
    assert!(text.contains("(tried 2 times)") && text.contains("--mirror"), "{text}");
}

#[test]
fn small_files_have_a_limit() {
    let (url, _asked) = serve(vec![whole(), whole()]);
    let client = Client::with(1, Duration::from_millis(1), None);
    assert_eq!(client.get(&url, 39).unwrap(), BODY);
    assert!(matches!(client.get(&url, 38), Err(Error::Checksum { .. })));
}
