//! Queries the demo as a user would: by HTTP through the forwarded port.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Maximum size of a response.
const MAX_BYTES: u64 = 64 << 10;

/// Fetches `/` from a port of this host; returns the first line of the response's body. Connecting and each
/// read are limited to `limit`.
pub fn fetch(port: u16, limit: Duration) -> Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, limit).context("connecting")?;
    stream.set_read_timeout(Some(limit)).context("connecting")?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").context("sending the request")?;
    let mut answer = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut answer).context("reading the response")?;
    body(&String::from_utf8_lossy(&answer))
}

/// Returns the first line of the body of a successful response.
fn body(answer: &str) -> Result<String> {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("the response is truncated") };
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        bail!("the response is {:?}, expected 200", head.lines().next().unwrap_or_default());
    }
    Ok(body.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_200_is_an_answer() {
        assert_eq!(body("HTTP/1.0 200 OK\r\nA: b\r\n\r\nhello from x\n").unwrap(), "hello from x");
        assert!(body("HTTP/1.0 503 No\r\n\r\n").is_err());
        assert!(body("HTTP/1.0 200 OK\r\n").is_err());
    }
}
