//! One HTTP probe: the request, and the status line of the response.

/// Bytes of an answer that are enough to know its status.
const STATUS_BYTES: usize = 12;

/// Returns the request for `path`.
pub(super) fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: ironhull\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

/// Returns whether an answer that begins like this means yes; `None` if it is too short to tell.
pub(super) fn parse_answer(start: &[u8]) -> Option<bool> {
    let line = start.get(..STATUS_BYTES)?;
    let version = line.starts_with(b"HTTP/1.0 ") || line.starts_with(b"HTTP/1.1 ");
    let status = line.get(9..).and_then(|s| std::str::from_utf8(s).ok()).and_then(|s| s.parse::<u16>().ok());
    Some(version && status.is_some_and(|s| (200..400).contains(&s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_decides() {
        let cases: [(&[u8], Option<bool>); 8] = [
            (b"HTTP/1.1 200 OK\r\n", Some(true)),
            (b"HTTP/1.0 399", Some(true)),
            (b"HTTP/1.1 400 Bad", Some(false)),
            (b"HTTP/1.1 500 ", Some(false)),
            (b"HTTP/1.1 20", None),
            (b"", None),
            (b"SSH-2.0-OpenSSH", Some(false)),
            (b"HTTP/1.1 +20", Some(false)),
        ];
        for (start, expected) in cases {
            assert_eq!(parse_answer(start), expected, "{}", String::from_utf8_lossy(start));
        }
    }

    #[test]
    fn request_names_the_path() {
        assert!(request("/readyz?x").starts_with(b"GET /readyz?x HTTP/1.1\r\n"));
    }
}
