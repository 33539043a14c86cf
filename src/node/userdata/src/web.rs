//! Asks servers, within the bounds of what user-data may be: its size, the time it takes, and where it may lead.
//!
//! One request is one attempt; whoever waits for a server asks again. `https` is verified with the authorities that the
//! caller gives. Credentials in a URL are sent to its own server alone, and never shown.

use std::io::Read;
use std::time::Duration;

use ureq::http::header::{AUTHORIZATION, LOCATION};
use ureq::http::{Method, Request, Response};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};
use weburl::WebUrl;

use crate::MAX_BYTES;
use crate::error::Error;

/// Time limits: to connect, and for a whole answer.
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);
/// Maximum number of servers that a request is passed on to.
const MAX_REDIRECTS: usize = 5;
/// Where platforms serve their metadata.
const SERVICES: &str = "169.254.169.254";
/// Answers that say that there is nothing.
const NOTHING: [u16; 3] = [204, 404, 410];

/// A way to servers.
#[derive(Debug)]
pub struct Web {
    agent: Agent,
    /// Host and port of metadata services.
    services: String,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub method: Method,
    pub url: WebUrl,
    pub headers: &'a [(&'static str, &'a str)],
    /// Whether the server may name another one.
    pub may_redirect: bool,
}

impl Web {
    /// Returns a client that trusts servers by `tls`.
    #[must_use]
    pub fn new(tls: TlsConfig) -> Web {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent("ironhull")
            .tls_config(tls)
            .build();
        Web { agent: config.new_agent(), services: SERVICES.to_owned() }
    }

    /// Returns a client that finds metadata services at another place.
    #[cfg(test)]
    pub(crate) fn with_services(services: &str) -> Web {
        Web { services: services.to_owned(), ..Web::new(TlsConfig::default()) }
    }

    /// Returns the URL of a path of a metadata service.
    pub(crate) fn service(&self, path: &str) -> WebUrl {
        WebUrl::new(format!("http://{}{path}", self.services))
    }

    /// Sends a request and returns the body of the answer; `None` if the server has none.
    ///
    /// # Errors
    /// [`Error::Web`] if it does not answer in time, refuses, sends more than [`MAX_BYTES`], or leads elsewhere.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Result<Option<Vec<u8>>, Error> {
        let failed = |reason: String| Error::Web { url: ask.url.clone(), reason };
        let mut url = ask.url.without_user().into_owned();
        let mut authorization = ask.url.authorization();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.once(ask, &url, authorization.as_deref()).map_err(|e| failed(shown(&e)))?;
            let status = answer.status();
            if status.is_redirection() && ask.may_redirect {
                let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                let next =
                    redirected(&url, location.unwrap_or_default()).map_err(|e| failed(e.to_owned()))?;
                if origin(&next) != origin(&url) {
                    authorization = None;
                }
                url = next;
                continue;
            }
            if NOTHING.contains(&status.as_u16()) {
                return Ok(None);
            }
            if !status.is_success() {
                return Err(failed(format!("the server answers {status}")));
            }
            return body(answer).map(Some).map_err(failed);
        }
        Err(failed(format!("it leads on more than {MAX_REDIRECTS} times")))
    }

    fn once(
        &self,
        ask: &Ask<'_>,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, ureq::Error> {
        let mut request = Request::builder().method(ask.method.clone()).uri(url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.agent.run(request.body(())?)
    }
}

/// Reads a body.
fn body(answer: Response<Body>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let reader = answer.into_body().into_reader();
    reader
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("reading the answer: {e}"))?;
    if bytes.len() > MAX_BYTES {
        return Err(format!("expected at most {MAX_BYTES} bytes, found more"));
    }
    if weburl::is_web_page(&bytes) {
        return Err("expected user-data, found a web page, such as a network's sign-in page".to_owned());
    }
    Ok(bytes)
}

/// Returns an error as text; one that may quote a URL is replaced.
fn shown(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "the address is malformed".to_owned(),
        other => other.to_string(),
    }
}

/// Returns scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    &url[..end]
}

/// Returns the URL that a server at `from` names as another place.
fn redirected(from: &str, location: &str) -> Result<String, &'static str> {
    let scheme = from.split("://").next().unwrap_or_default();
    let to = match location {
        "" => return Err("the server names another place, but not which"),
        l if l.contains("://") && !l.starts_with('/') => l.to_owned(),
        l if l.starts_with("//") => format!("{scheme}:{l}"),
        l if l.starts_with('/') => format!("{}{l}", origin(from)),
        l => {
            let path = from.split(['?', '#']).next().unwrap_or(from);
            let until = path.rfind('/').filter(|at| *at >= origin(from).len());
            format!("{}/{l}", &path[..until.unwrap_or(path.len())])
        }
    };
    let to_scheme = to.split("://").next().unwrap_or_default().to_ascii_lowercase();
    match (scheme, to_scheme.as_str()) {
        ("https", "https") | ("http", "http" | "https") => Ok(to),
        ("https", "http") => Err("the server leads from https to http"),
        _ => Err("the server leads to an address that is not http or https"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_server_may_lead() {
        for (from, location, expected) in [
            ("http://a/x/y?z", "/b", Ok("http://a/b")),
            ("http://a/x/y?z", "b", Ok("http://a/x/b")),
            ("http://a", "b", Ok("http://a/b")),
            ("http://a:8/x", "//c/d", Ok("http://c/d")),
            ("http://a/x", "https://c/d", Ok("https://c/d")),
            ("https://a/x", "HTTPS://c/d", Ok("HTTPS://c/d")),
            ("https://a/x", "http://c/d", Err("the server leads from https to http")),
            ("http://a/x", "file:///etc", Err("the server leads to an address that is not http or https")),
            ("http://a/x", "", Err("the server names another place, but not which")),
        ] {
            let found = redirected(from, location);
            assert_eq!(found.as_deref().map_err(|e| *e), expected, "{from} {location}");
        }
    }
}
