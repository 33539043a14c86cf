//! A small web server for a first pod: it answers `GET /` on port 8080 with `hello from HOSTNAME`. With arguments it is
//! a client: `lookup NAME` or `ask HOST:PORT`.
//!
//! One request per connection, a limited number of connections, a limit on every wait: it can be reached by
//! everyone who can reach the pod. As process 1 of its container it needs its own handler to end on SIGTERM.
#![forbid(unsafe_code)]

mod client;
mod request;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use client::Order;
use request::{MAX_HEAD_BYTES, Outcome, answer, judge};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_shutdown;

/// TCP port.
const PORT: u16 = 8080;
/// Maximum number of concurrent connections; further ones are closed at once.
const MAX_CONNECTIONS: usize = 64;
/// Time limit for receiving a request, and for sending the response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept, for instance because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (what, result) = match client::parse(&words) {
        Some(Order::Serve) => (format!("serving port {PORT}"), run().map(|()| String::new())),
        Some(Order::Lookup(name)) => (format!("looking up {name}"), client::lookup(&name)),
        Some(Order::Ask(place)) => (format!("asking {place}"), client::ask(&place)),
        None => {
            eprintln!("{}", client::USAGE);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("hello: {what}: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is killed.
fn run() -> io::Result<()> {
    let at_once = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        register_conditional_shutdown(signal, 0, Arc::clone(&at_once))?;
    }
    let listener = TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)))
        .or_else(|_| TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT))))?;
    serve(&listener, &host_name());
    Ok(())
}

/// Returns the container's host name, which is the pod's name.
fn host_name() -> String {
    String::from_utf8_lossy(rustix::system::uname().nodename().to_bytes()).into_owned()
}

/// Accepts connections for ever, with one thread each.
fn serve(listener: &TcpListener, host: &str) {
    let open = AtomicUsize::new(0);
    thread::scope(|scope| {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                thread::sleep(ACCEPT_PAUSE);
                continue;
            };
            if open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let open = &open;
            let started = thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, move || {
                if let Err(e) = talk(stream, host) {
                    eprintln!("hello: talking to a client: {e}");
                }
                open.fetch_sub(1, Ordering::Relaxed);
            });
            if started.is_err() {
                open.fetch_sub(1, Ordering::Relaxed);
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    });
}

/// Reads one request, sends the response and closes the connection.
fn talk(mut stream: TcpStream, host: &str) -> io::Result<()> {
    stream.set_write_timeout(Some(TIMEOUT))?;
    let outcome = judge(&read_head(&mut stream)?);
    if outcome == Outcome::Silence {
        return Ok(());
    }
    stream.write_all(answer(&outcome, host).as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

/// Reads until the empty line at the end of a request's head, the end of the stream, or the limit.
fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + TIMEOUT;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while head.len() < MAX_HEAD_BYTES && !request::is_complete(&head) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk)? {
            0 => break,
            n => head.extend_from_slice(&chunk[..n]),
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `request` to a server on a free port and returns all that comes back.
    fn exchange(request: &[u8]) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener, "box"));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn says_hello_over_a_real_connection() {
        let text = exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nhello from box\n"), "{text}");
    }

    #[test]
    fn refuses_what_is_no_request() {
        assert!(exchange(b"\x16\x03\x01\x02\x00\r\n\r\n").starts_with("HTTP/1.1 400 "));
        assert!(exchange(b"GET / HTTP/1.1\r\nHost").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn says_nothing_to_a_probe_that_only_connects() {
        assert_eq!(exchange(b""), "");
    }
}
