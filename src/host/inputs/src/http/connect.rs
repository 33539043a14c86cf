//! Connections through the proxies of the environment, also for redirects.
//!
//! `ureq` has one proxy for all URLs and uses a tunnel (`CONNECT`) for plain `http` as well, which the
//! default rules of Squid and many others refuse for ports other than 443. So the proxy is chosen here, and
//! plain `http` is requested with the absolute URL, as curl and apt do; tunnels for `https` are ureq's own.
//! These types of `ureq` may change with a minor version; the lock file pins it. Spec: RFC 9112, 3.2.2.

use std::fmt;
use std::sync::Arc;

use ureq::config::{Config, RedirectAuthHeaders};
use ureq::http::Uri;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector,
    Transport,
};
use weburl::WebUrl;

use super::Limits;
use super::proxy::Proxies;

/// Returns a client that uses `proxies`.
pub(super) fn agent(proxies: Arc<Proxies>, limits: Limits, tls: TlsConfig) -> ureq::Agent {
    let config = config(&limits, &tls, None);
    let first = ThroughProxy { proxies: Arc::clone(&proxies), limits, tls };
    let connector = ().chain(first).chain(TcpConnector::default()).chain(RustlsConnector::default());
    ureq::Agent::with_parts(config, connector, ByProxy { proxies, direct: DefaultResolver::default() })
}

fn config(limits: &Limits, tls: &TlsConfig, proxy: Option<ureq::Proxy>) -> Config {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(proxy)
        .timeout_connect(Some(limits.connect))
        .timeout_recv_response(Some(limits.silence))
        // A silent connection is closed, and the download resumed. A slow one is not.
        .timeout_per_read(Some(limits.silence))
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .user_agent(concat!("ironhull/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.clone())
        .build()
}

/// Resolves names, except those that a proxy resolves.
#[derive(Debug)]
struct ByProxy {
    proxies: Arc<Proxies>,
    direct: DefaultResolver,
}

impl Resolver for ByProxy {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        match self.proxies.of(uri).map_err(other)? {
            Some(_) => Ok(self.empty()),
            None => self.direct.resolve(uri, config, timeout),
        }
    }
}

/// Connects to the proxy of a URL, if it has one.
#[derive(Debug)]
struct ThroughProxy {
    proxies: Arc<Proxies>,
    limits: Limits,
    tls: TlsConfig,
}

impl Connector<()> for ThroughProxy {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Box<dyn Transport>>, ureq::Error> {
        let Some(proxy) = self.proxies.of(details.uri).map_err(other)? else { return Ok(None) };
        if details.needs_tls() {
            let config = config(&self.limits, &self.tls, Some(proxy.clone()));
            let tunnel = reaching(details, details.uri, details.resolver.empty(), &config);
            let made = ConnectProxyConnector::default().connect(&tunnel, None::<()>)?;
            return Ok(made.map(|t| Box::new(t) as Box<dyn Transport>));
        }
        let config = config(&self.limits, &self.tls, None);
        let addresses = details.resolver.resolve(proxy.uri(), &config, details.timeout)?;
        let inner = (details.run_connector)(&reaching(details, proxy.uri(), addresses, &config))?;
        Ok(Some(Box::new(WholeAddress::new(inner, details.uri, proxy))))
    }
}

/// Returns `details` with another destination.
fn reaching<'a>(
    details: &ConnectionDetails<'a>,
    uri: &'a Uri,
    addrs: ResolvedSocketAddrs,
    config: &'a Config,
) -> ConnectionDetails<'a> {
    ConnectionDetails {
        uri,
        addrs,
        config,
        request_level: details.request_level,
        resolver: details.resolver,
        now: details.now,
        timeout: details.timeout,
        current_time: Arc::clone(&details.current_time),
        run_connector: Arc::clone(&details.run_connector),
        register_shutdown: Arc::clone(&details.register_shutdown),
    }
}

/// A connection to a proxy: the request line of each request gets the absolute URL, and the head the proxy's
/// credentials.
struct WholeAddress {
    inner: Box<dyn Transport>,
    /// `http://HOST:PORT`.
    origin: String,
    /// A header line, or nothing.
    credentials: String,
}

impl WholeAddress {
    fn new(inner: Box<dyn Transport>, uri: &Uri, proxy: &ureq::Proxy) -> WholeAddress {
        let authority = uri.authority().map_or("", |a| a.as_str());
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let credentials = WebUrl::new(proxy.uri().to_string()).authorization();
        WholeAddress {
            inner,
            origin: format!("http://{host}"),
            credentials: credentials.map(|c| format!("Proxy-Authorization: {c}\r\n")).unwrap_or_default(),
        }
    }

    /// Returns a request head in the form for a proxy; `None` if it is not a request head.
    fn head(&self, sent: &[u8]) -> Option<Vec<u8>> {
        let rest = sent.strip_prefix(b"GET ")?;
        let line = rest.windows(2).position(|w| w == b"\r\n")? + 2;
        let (target, headers) = rest.split_at(line);
        Some([b"GET ", self.origin.as_bytes(), target, self.credentials.as_bytes(), headers].concat())
    }
}

impl Transport for WholeAddress {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let sent = self.inner.buffers().output()[..amount].to_vec();
        let Some(head) = self.head(&sent) else { return self.inner.transmit_output(amount, timeout) };
        let room = self.inner.buffers().output().get_mut(..head.len());
        let too_long = || std::io::Error::other("the head of the request is too long");
        room.ok_or_else(too_long)?.copy_from_slice(&head);
        self.inner.transmit_output(head.len(), timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl fmt::Debug for WholeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WholeAddress").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Wraps one of our errors for `ureq` to pass on.
fn other(error: crate::Error) -> ureq::Error {
    ureq::Error::Other(Box::new(error))
}
