//! Calls to one node: connecting, TLS, limits of time and size, and what a response means.
//!
//! Which routes there are and whose certificate is trusted is up to [`Client`](crate::Client) and
//! [`MaintenanceClient`](crate::MaintenanceClient). The URL always has the name [`SERVER_NAME`], which is verified, and a
//! custom resolver maps it to the node's address.

use std::io::Read;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::config::ConfigBuilder;
use ureq::http::{Response, StatusCode, Uri};
use ureq::middleware::Middleware;
use ureq::tls::TlsConfig;
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use crate::{ClientError, ErrorBody, LogQuery, Logs, MAX_ANSWER_BYTES, PORT, SERVER_NAME};

/// Time limit for connecting, including TLS.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit of a call; an emulated node under load is slow.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum time without data of a followed log; the node sends empty lines more often.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(60);

/// A way to call one node.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The node's address with its port.
    pub(crate) address: String,
    pub(crate) agent: Agent,
}

impl Caller {
    /// Prepares calls to `address`, `HOST` or `HOST:PORT`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Address`] if `address` is malformed.
    pub(crate) fn new(address: &str, tls: TlsConfig) -> Result<Caller, ClientError> {
        Caller::build(address, Agent::config_builder().tls_config(tls))
    }

    /// As [`Caller::new`], with something done to each request.
    pub(crate) fn with_middleware(
        address: &str,
        tls: TlsConfig,
        middleware: impl Middleware,
    ) -> Result<Caller, ClientError> {
        Caller::build(address, Agent::config_builder().tls_config(tls).middleware(middleware))
    }

    fn build(address: &str, config: ConfigBuilder<AgentScope>) -> Result<Caller, ClientError> {
        let address = with_port(address).ok_or_else(|| ClientError::Address(address.to_owned()))?;
        let config = config
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(CALL_TIMEOUT))
            .user_agent("ironhull")
            .build();
        let connector = DefaultConnector::default();
        let agent = Agent::with_parts(config, connector, FixedResolver { target: address.clone() });
        Ok(Caller { address, agent })
    }

    /// Serializes a request's body.
    pub(crate) fn to_json(&self, body: &impl serde::Serialize) -> Result<Vec<u8>, ClientError> {
        serde_json::to_vec(body)
            .map_err(|e| ClientError::Malformed { address: self.address.clone(), cause: e.to_string() })
    }

    /// Asks for log lines at `path`.
    pub(crate) fn logs(&self, path: &str, query: &LogQuery) -> Result<Logs, ClientError> {
        let mut request = self.agent.get(url(path));
        for (key, value) in [
            ("service", query.service.clone()),
            ("lines", query.lines.to_string()),
            ("follow", query.follow.to_string()),
        ] {
            request = request.query(key, value);
        }
        if let Some(generation) = query.generation {
            request = request.query("generation", generation.to_string());
        }
        let (global, silence) = match query.follow {
            true => (None, Some(FOLLOW_TIMEOUT)),
            false => (Some(CALL_TIMEOUT), None),
        };
        let request = request.config().timeout_global(global).timeout_per_read(silence).build();
        let response = self.check(request.call())?;
        Ok(Logs::new(self.address.clone(), response.into_body().into_reader()))
    }

    /// Asks for `path`.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let response = self.check(self.agent.get(url(path)).call())?;
        self.read(response)
    }

    /// Sends a JSON body to `path`.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, ClientError> {
        let request = self.agent.post(url(path)).content_type("application/json");
        let response = self.check(request.send(body))?;
        self.read(response)
    }

    /// Sends a piece of what has this `id` to `path`.
    pub(crate) fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        (id, offset): (&str, u64),
        piece: &[u8],
    ) -> Result<T, ClientError> {
        let request = self.agent.put(url(path)).query("id", id).query("offset", offset.to_string());
        let response = self.check(request.content_type("application/octet-stream").send(piece))?;
        self.read(response)
    }

    /// Converts a failed request, or a status of 400 or more, to an error.
    pub(crate) fn check(
        &self,
        result: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, ClientError> {
        let response = result.map_err(|e| ClientError::from_ureq(&self.address, e))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(self.refusal(status, response)),
        }
    }

    /// Reads the error in a response.
    fn refusal(&self, status: StatusCode, response: Response<Body>) -> ClientError {
        let unnamed = || ErrorBody { error: status.to_string(), hint: None, details: None };
        let body = match self.read::<ErrorBody>(response) {
            Ok(body) => body,
            Err(ClientError::Malformed { .. }) => unnamed(),
            Err(other) => return other,
        };
        let (address, status) = (self.address.clone(), status.as_u16());
        let ErrorBody { error, hint, details } = body;
        ClientError::Node { address, status, error, hint, details }
    }

    /// Reads a JSON body, up to its maximum length.
    pub(crate) fn read<T: DeserializeOwned>(&self, response: Response<Body>) -> Result<T, ClientError> {
        let malformed = |cause| ClientError::Malformed { address: self.address.clone(), cause };
        let mut text = Vec::new();
        let limit = MAX_ANSWER_BYTES as u64 + 1;
        let mut body = response.into_body().into_reader().take(limit);
        body.read_to_end(&mut text).map_err(|e| ClientError::from_ureq(&self.address, ureq::Error::Io(e)))?;
        if text.len() > MAX_ANSWER_BYTES {
            return Err(malformed(format!("longer than {MAX_ANSWER_BYTES} bytes")));
        }
        serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))
    }
}

/// Returns the URL of a route; its host is the name that is verified, not the address.
pub(crate) fn url(path: &str) -> String {
    format!("https://{SERVER_NAME}{path}")
}

/// Adds [`PORT`] if `address` has no port; `None` if it is not an address.
pub(crate) fn with_port(address: &str) -> Option<String> {
    let bare_v6 = address.parse::<std::net::Ipv6Addr>().is_ok();
    let (host, port) = match address.rsplit_once(':') {
        _ if bare_v6 => return Some(format!("[{address}]:{PORT}")),
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()?),
        _ => (address, PORT),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let good = match bracketed {
        true => host[1..host.len() - 1].parse::<std::net::Ipv6Addr>().is_ok(),
        false => !host.is_empty() && host.chars().all(plain),
    };
    (good && port != 0).then(|| format!("{host}:{port}"))
}

/// Resolves every name to one address.
#[derive(Debug)]
struct FixedResolver {
    target: String,
}

impl Resolver for FixedResolver {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &ureq::config::Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found: Vec<SocketAddr> =
            self.target.to_socket_addrs().map_err(|_| ureq::Error::HostNotFound)?.take(8).collect();
        let mut addresses = self.empty();
        found.into_iter().for_each(|a| addresses.push(a));
        match addresses.is_empty() {
            true => Err(ureq::Error::HostNotFound),
            false => Ok(addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_the_port_where_none_is_named() {
        let cases = [
            ("10.0.0.1", Some("10.0.0.1:9443")),
            ("10.0.0.1:19443", Some("10.0.0.1:19443")),
            ("node-1.lan", Some("node-1.lan:9443")),
            ("::1", Some("[::1]:9443")),
            ("[::1]", Some("[::1]:9443")),
            ("[::1]:80", Some("[::1]:80")),
            ("", None),
            ("a:b", None),
            ("a:0", None),
            ("https://a", None),
            ("a/b:1", None),
            ("[x]:1", None),
        ];
        for (given, expected) in cases {
            assert_eq!(with_port(given).as_deref(), expected, "{given}");
        }
    }
}
