//! URLs that never print their credentials, and signs that a response is not the requested file.
//!
//! A user writes credentials into a URL (`https://user:password@host/`), or has them in its query, as in the
//! signed URLs of object stores. [`WebUrl`] prints neither, so no error, log or progress line can. Nothing is
//! downloaded here, and a URL is not validated: the HTTP client does that. Specs: RFC 3986, 3.2.1 (user
//! information); RFC 7617 (basic authentication).

pub mod resume;

use std::borrow::Cow;
use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

/// Printed instead of credentials.
const HIDDEN: &str = "***";

/// The URL of a file. `Display` and `Debug` leave out user, password and query; serde does not.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebUrl(String);

impl WebUrl {
    /// Wraps a URL, including its credentials.
    #[must_use]
    pub fn new(address: impl Into<String>) -> WebUrl {
        WebUrl(address.into())
    }

    /// Returns the URL with its credentials, which must not be printed.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Returns the URL for the request, without user and password, which HTTP sends in a header.
    #[must_use]
    pub fn without_user(&self) -> Cow<'_, str> {
        match user_info(&self.0) {
            None => Cow::Borrowed(&self.0),
            Some((start, end)) => Cow::Owned(format!("{}{}", &self.0[..start], &self.0[end + 1..])),
        }
    }

    /// Returns the `Authorization` header for user and password; `None` without a user.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        let (start, end) = user_info(&self.0)?;
        let (user, password) = self.0[start..end].split_once(':').unwrap_or((&self.0[start..end], ""));
        let decoded = |text| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let pair = [decoded(user), decoded(password)].join(&b':');
        Some(format!("Basic {}", BASE64.encode(&pair)))
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match user_info(&self.0) {
            None => Cow::Borrowed(self.0.as_str()),
            Some((start, end)) => Cow::Owned(format!("{}{HIDDEN}{}", &self.0[..start], &self.0[end..])),
        };
        match text.split_once(['?', '#']) {
            None => f.write_str(&text),
            Some((shown, _)) => write!(f, "{shown}?{HIDDEN}"),
        }
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Finds the user information: the offsets of its first byte and of the `@` after it.
fn user_info(address: &str) -> Option<(usize, usize)> {
    let start = address.find("://").map_or(0, |at| at + 3);
    let rest = &address[start..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if let Some(at) = rest[..end].rfind('@') {
        return Some((start, start + at));
    }
    // A password with a slash that should have been `%2F`: what looks like host and port is part of it then.
    let port = rest[..end].rsplit_once(':').map(|(_, port)| port);
    let no_port = port.is_some_and(|p| !p.ends_with(']') && !p.bytes().all(|b| b.is_ascii_digit()));
    rest.rfind('@').filter(|_| no_port).map(|at| (start, start + at))
}

/// Returns whether a file that begins with `start` is a web page: networks send one with status 200 instead
/// of the requested file until the user has signed in.
#[must_use]
pub fn is_web_page(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let begins = |with: &[u8]| start.len() >= with.len() && start[..with.len()].eq_ignore_ascii_case(with);
    begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") || begins(b"<script")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_credentials() {
        for (address, shown) in [
            ("http://a.example/debian/x@y", "http://a.example/debian/x@y"),
            ("http://[fd00::1]:3142/debian@1", "http://[fd00::1]:3142/debian@1"),
            ("https://user:s3cret@a.example:8443/x", "https://***@a.example:8443/x"),
            ("https://s3cret@a.example", "https://***@a.example"),
            ("https://user:s3@cret@a.example/x", "https://***@a.example/x"),
            ("https://user:s3/cret@a.example/x", "https://***@a.example/x"),
            ("user:s3cret@proxy.example:3128", "***@proxy.example:3128"),
            ("https://a.example/b.hull?sig=s3cret&x=1", "https://a.example/b.hull?***"),
            ("https://user:s3cret@a.example?sig=s3cret#x", "https://***@a.example?***"),
            ("https://a.example/b#s3cret", "https://a.example/b?***"),
            ("", ""),
        ] {
            let url = WebUrl::new(address);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("\"{shown}\""));
            assert_eq!(url.secret(), address);
        }
    }

    #[test]
    fn credentials_go_into_the_header() {
        for (address, asked, header) in [
            ("http://a.example/x", "http://a.example/x", None),
            (
                "http://Aladdin:open%20sesame@a.example/x?y",
                "http://a.example/x?y",
                Some("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ),
            ("http://token@a.example/", "http://a.example/", Some("dG9rZW46")),
        ] {
            let url = WebUrl::new(address);
            assert_eq!(url.without_user(), asked);
            assert_eq!(url.authorization(), header.map(|h| format!("Basic {h}")));
        }
    }

    #[test]
    fn on_the_wire_it_is_whole() {
        let url: WebUrl = serde_json::from_str("\"http://u:p@a.example/\"").unwrap();
        assert_eq!(serde_json::to_string(&url).unwrap(), "\"http://u:p@a.example/\"");
    }

    #[test]
    fn knows_a_web_page_from_a_file() {
        for page in ["<!DOCTYPE html>\n", "\u{feff}\r\n <HTML lang=en>", "<head>", "<script>location="] {
            assert!(is_web_page(page.as_bytes()), "{page}");
        }
        for file in ["", "!<arch>\n", "-----BEGIN PGP SIGNED MESSAGE-----", "<htm", "\u{fd}7zXZ"] {
            assert!(!is_web_page(file.as_bytes()), "{file}");
        }
    }
}
