//! The other end: a pod that looks names up and asks another server, as an application in a pod does.
//!
//! Names go through the C library and the pod's own `resolv.conf`, with its search domains.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Time limit for connecting, and for each wait afterwards.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum length of a response.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// Usage, one line.
pub const USAGE: &str = "usage: hello [lookup NAME | ask HOST:PORT]";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// To be the server.
    Serve,
    /// To print the addresses of a name.
    Lookup(String),
    /// To request `/` and print the response.
    Ask(String),
}

/// Parses the words after the program's name; `None` if they are not understood.
pub fn parse(words: &[String]) -> Option<Order> {
    match words {
        [] => Some(Order::Serve),
        [order, name] if order == "lookup" => Some(Order::Lookup(name.clone())),
        [order, place] if order == "ask" => Some(Order::Ask(place.clone())),
        _ => None,
    }
}

/// Returns the addresses of a name, one on each line.
///
/// # Errors
/// If it has none, or the resolvers do not answer.
pub fn lookup(name: &str) -> io::Result<String> {
    let mut found: Vec<String> = (name, 0).to_socket_addrs()?.map(|a| format!("{}\n", a.ip())).collect();
    found.sort();
    found.dedup();
    Ok(found.concat())
}

/// Requests `/` of `place`, a name or address with a port, and returns the whole response.
///
/// # Errors
/// If the name is not known, or nobody answers in time at any of its addresses.
pub fn ask(place: &str) -> io::Result<String> {
    let mut stream = connect(&place.to_socket_addrs()?.collect::<Vec<_>>())?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Connects to the first address that answers.
fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect_timeout(address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(e) => failure = e,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Option<Order> {
        parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn knows_its_orders_and_no_others() {
        assert_eq!(parsed(&[]), Some(Order::Serve));
        assert_eq!(parsed(&["lookup", "a.b"]), Some(Order::Lookup("a.b".into())));
        assert_eq!(parsed(&["ask", "a:80"]), Some(Order::Ask("a:80".into())));
        for bad in [&["lookup"][..], &["ask", "a", "b"], &["serve"], &["-h"]] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn looks_up_and_fails() {
        assert!(lookup("127.0.0.7").is_ok_and(|found| found == "127.0.0.7\n"));
        assert!(lookup("no such name").is_err());
        assert!(ask("127.0.0.1:1").is_err());
        assert!(ask("without-a-port").is_err());
    }
}
