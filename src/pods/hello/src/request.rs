//! The response to a request, from the bytes of its head. Pure.

/// Maximum length of a request's head.
pub const MAX_HEAD_BYTES: usize = 8 << 10;

/// The response to a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The greeting.
    Hello,
    /// The greeting's head only.
    Head,
    /// 404.
    NotFound,
    /// 405.
    WrongMethod,
    /// 400.
    Bad,
    /// No request was sent: a TCP probe.
    Silence,
}

/// Returns whether `head` contains the empty line at its end.
pub fn is_complete(head: &[u8]) -> bool {
    head.windows(4).any(|w| w == b"\r\n\r\n")
}

/// Decides the response according to a request's head. RFC 9112, section 3.
pub fn judge(head: &[u8]) -> Outcome {
    if head.is_empty() {
        return Outcome::Silence;
    }
    let line = head.split(|b| *b == b'\r').next().and_then(|l| std::str::from_utf8(l).ok());
    let words: Vec<&str> = line.map(|l| l.split(' ').collect()).unwrap_or_default();
    let [method, target, version] = words[..] else { return Outcome::Bad };
    let method_is_token = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    let good = is_complete(head)
        && method_is_token
        && target.starts_with('/')
        && target.bytes().all(|b| b.is_ascii_graphic())
        && matches!(version, "HTTP/1.0" | "HTTP/1.1");
    let path = target.split('?').next().unwrap_or_default();
    match (good, path, method) {
        (false, ..) => Outcome::Bad,
        (_, "/", "GET") => Outcome::Hello,
        (_, "/", "HEAD") => Outcome::Head,
        (_, "/", _) => Outcome::WrongMethod,
        _ => Outcome::NotFound,
    }
}

/// Returns the complete response.
pub fn answer(outcome: &Outcome, host: &str) -> String {
    let (status, body) = match outcome {
        Outcome::Hello | Outcome::Head => ("200 OK", format!("hello from {host}\n")),
        Outcome::NotFound => ("404 Not Found", "not found\n".to_owned()),
        Outcome::WrongMethod => ("405 Method Not Allowed", "only GET and HEAD\n".to_owned()),
        Outcome::Bad | Outcome::Silence => ("400 Bad Request", "bad request\n".to_owned()),
    };
    let allow = if *outcome == Outcome::WrongMethod { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{allow}\
         Connection: close\r\n\r\n",
        body.len()
    );
    match outcome {
        Outcome::Head => head,
        _ => head + &body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_requests() {
        let cases: [(&[u8], Outcome); 14] = [
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Outcome::Hello),
            (b"GET /?a=b HTTP/1.0\r\n\r\n", Outcome::Hello),
            (b"HEAD / HTTP/1.1\r\n\r\n", Outcome::Head),
            (b"POST / HTTP/1.1\r\n\r\n", Outcome::WrongMethod),
            (b"GET /favicon.ico HTTP/1.1\r\n\r\n", Outcome::NotFound),
            (b"PUT /x HTTP/1.1\r\n\r\n", Outcome::NotFound),
            (b"GET / HTTP/2.0\r\n\r\n", Outcome::Bad),
            (b"GET /\r\n\r\n", Outcome::Bad),
            (b"GET  / HTTP/1.1\r\n\r\n", Outcome::Bad),
            (b"get / HTTP/1.1\r\n\r\n", Outcome::Bad),
            (b"GET x HTTP/1.1\r\n\r\n", Outcome::Bad),
            (b"GET /\xff HTTP/1.1\r\n\r\n", Outcome::Bad),
            (b"GET / HTTP/1.1\r\n", Outcome::Bad),
            (b"", Outcome::Silence),
        ];
        for (head, expected) in cases {
            assert_eq!(judge(head), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn answers_carry_their_length() {
        let text = answer(&Outcome::Hello, "a");
        assert!(text.contains("Content-Length: 13\r\n"), "{text}");
        assert!(answer(&Outcome::Head, "a").ends_with("\r\n\r\n"));
        assert!(answer(&Outcome::WrongMethod, "a").contains("\r\nAllow: GET, HEAD\r\n"));
    }
}
