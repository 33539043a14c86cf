//! A small server of HTTP on this host, which a machine under QEMU's user network reaches at the address of its host.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// What a server is asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Method and path, as `GET /x`.
    pub line: String,
    /// The lines of headers, in lower case.
    pub headers: Vec<String>,
}

impl Request {
    /// Whether it has a header, given in lower case with its value.
    #[must_use]
    pub fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line == header)
    }
}

/// Starts a server on `port` of the loopback address (0: any that is free), which answers with the text that `answer`
/// returns, or 404. Returns its port; `None` if the port can't be had, which is told. It ends with the process.
///
/// # Panics
/// If the port can't be had and `CI` is set.
pub fn start(port: u16, answer: impl Fn(&Request) -> Option<String> + Send + 'static) -> Option<u16> {
    let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) else {
        judges::missing(&format!("TCP port {port} of 127.0.0.1"));
        return None;
    };
    let port = listener.local_addr().ok()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let body = answer(&request(&stream));
            let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
            let body = body.unwrap_or_default();
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            drop((&stream).write_all((head + &body).as_bytes()));
        }
    });
    Some(port)
}

fn request(stream: &TcpStream) -> Request {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return Request::default();
    }
    let line = lines.remove(0).trim_end_matches(" HTTP/1.1").to_owned();
    Request { line, headers: lines.into_iter().map(|line| line.to_ascii_lowercase()).collect() }
}
