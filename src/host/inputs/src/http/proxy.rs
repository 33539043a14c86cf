//! Chooses the proxy of a request from the environment variables, as curl and apt do.
//!
//! `http_proxy` is for `http://`, `https_proxy` or `HTTPS_PROXY` for `https://`, `all_proxy` or `ALL_PROXY`
//! for both if the first is not set. `HTTP_PROXY` is ignored, as by curl and apt, since a web server sets it
//! from a request header. `no_proxy` or `NO_PROXY` lists hosts, domains and networks to reach directly. Pure;
//! `connect` talks to the proxy.

use std::net::IpAddr;

use ureq::http::Uri;
use weburl::WebUrl;

use crate::error::{Error, Result};

/// The variables for each scheme; the first that is not empty is used.
const HTTP: &[&str] = &["http_proxy", "all_proxy", "ALL_PROXY"];
const HTTPS: &[&str] = &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const EXEMPT: &[&str] = &["no_proxy", "NO_PROXY"];

/// The proxies of this host, and the hosts to reach without one.
#[derive(Debug, Default)]
pub(super) struct Proxies {
    http: Option<Setting>,
    https: Option<Setting>,
    exempt: Vec<Exempt>,
    /// Whether `HTTP_PROXY` is set and no variable for `http://` is.
    passed_over: bool,
}

/// A variable that names a proxy.
#[derive(Clone, Debug)]
struct Setting {
    variable: &'static str,
    value: WebUrl,
    /// `None` if this kind of proxy is not supported.
    proxy: Option<ureq::Proxy>,
}

impl Proxies {
    /// Reads the environment.
    pub(super) fn of_environment() -> Proxies {
        Proxies::new(|name| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned()))
    }

    /// Reads variables; an empty one counts as unset.
    pub(super) fn new(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let value = |name: &str| variable(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let first = |names: &[&'static str]| names.iter().find_map(|n| Some((*n, value(n)?)));
        let setting = |names| first(names).map(|(name, text)| Setting::new(name, &text));
        let exempt = first(EXEMPT).map(|(_, text)| exemptions(&text)).unwrap_or_default();
        let http = setting(HTTP);
        let passed_over = http.is_none() && value("HTTP_PROXY").is_some();
        Proxies { http, https: setting(HTTPS), exempt, passed_over }
    }

    /// Returns the proxy for a URL; `None` if it is reached directly.
    ///
    /// # Errors
    /// [`Error::Proxy`] if the proxy set for it is of an unsupported kind.
    pub(super) fn of(&self, uri: &Uri) -> Result<Option<&ureq::Proxy>> {
        let Some(setting) = self.setting(uri) else { return Ok(None) };
        match &setting.proxy {
            // The connection to the proxy itself.
            Some(proxy) if proxy.uri() == uri => Ok(None),
            Some(proxy) => Ok(Some(proxy)),
            None => Err(Error::Proxy { variable: setting.variable, found: setting.value.to_string() }),
        }
    }

    /// Returns the text that a failure adds about the proxy of a URL: nothing, or text that begins with a
    /// space.
    pub(super) fn way(&self, uri: &Uri) -> String {
        match self.setting(uri) {
            Some(Setting { variable, value, .. }) => format!(" (through the proxy {value} of {variable})"),
            None if self.passed_over && uri.scheme_str() == Some("http") => {
                " (directly: HTTP_PROXY does not count for http://, http_proxy does)".to_owned()
            }
            None => String::new(),
        }
    }

    fn setting(&self, uri: &Uri) -> Option<&Setting> {
        let setting = match uri.scheme_str()? {
            "http" => self.http.as_ref(),
            "https" => self.https.as_ref(),
            _ => None,
        }?;
        let host = uri.host()?.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        (!self.exempt.iter().any(|e| e.covers(&host, port))).then_some(setting)
    }
}

impl Setting {
    fn new(variable: &'static str, text: &str) -> Setting {
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let scheme = whole.split("://").next().unwrap_or_default().to_ascii_lowercase();
        let proxy = ureq::Proxy::new(&whole).ok().filter(|_| matches!(scheme.as_str(), "http" | "https"));
        Setting { variable, value: WebUrl::new(text), proxy }
    }
}

/// One entry of `no_proxy`.
#[derive(Debug, PartialEq)]
enum Exempt {
    All,
    /// A host and all its subdomains; a port if only that port is meant.
    Domain(String, Option<u16>),
    /// Addresses with this prefix.
    Network(IpAddr, u32),
}

impl Exempt {
    fn covers(&self, host: &str, port: u16) -> bool {
        match self {
            Exempt::All => true,
            Exempt::Domain(domain, only) => {
                let below =
                    host.strip_suffix(domain.as_str()).is_some_and(|h| h.is_empty() || h.ends_with('.'));
                below && only.is_none_or(|o| o == port)
            }
            Exempt::Network(network, bits) => {
                host.parse::<IpAddr>().is_ok_and(|address| shared_bits(address, *network) >= *bits)
            }
        }
    }
}

/// Returns how many leading bits two addresses share; 0 for addresses of different families.
fn shared_bits(a: IpAddr, b: IpAddr) -> u32 {
    match (a.to_canonical(), b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => 0,
    }
}

/// Parses the entries, separated by commas or spaces. As with curl, a malformed one matches nothing.
fn exemptions(text: &str) -> Vec<Exempt> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|w| !w.is_empty());
    words.filter_map(exemption).collect()
}

fn exemption(word: &str) -> Option<Exempt> {
    if word == "*" {
        return Some(Exempt::All);
    }
    let longest = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
    if let Some((network, bits)) = word.split_once('/') {
        let (network, bits): (IpAddr, u32) = (network.parse().ok()?, bits.parse().ok()?);
        return (bits > 0 && bits <= longest(network)).then_some(Exempt::Network(network, bits));
    }
    if let Ok(address) = word.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(Exempt::Network(address, longest(address)));
    }
    let (domain, port) = match word.rsplit_once(':') {
        Some((domain, port)) => (domain, Some(port.parse().ok()?)),
        None => (word, None),
    };
    let domain = domain.strip_prefix('*').unwrap_or(domain).trim_matches('.').to_ascii_lowercase();
    (!domain.is_empty()).then_some(Exempt::Domain(domain, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let of = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Proxies::new(of)
    }

    /// Returns the host of the proxy for a URL.
    fn chosen(variables: &[(&str, &str)], address: &str) -> Option<String> {
        let proxies = proxies(variables);
        let proxy = proxies.of(&address.parse().unwrap()).unwrap();
        proxy.map(|p| format!("{}:{}", p.host(), p.port()))
    }

    const BOTH: &[(&str, &str)] = &[("http_proxy", "http://plain:3128"), ("https_proxy", "secure:3129")];

    #[test]
    fn each_scheme_has_its_proxy() {
        let some = |text: &str| Some(text.to_owned());
        let (http, https) = ("http://deb.example/x", "https://deb.example/x");
        let all = &[("all_proxy", "http://all:1"), ("https_proxy", "http://secure:2")];
        for (variables, address, expected) in [
            (BOTH, http, some("plain:3128")),
            (BOTH, https, some("secure:3129")),
            (&[("https_proxy", "http://secure:1")], http, None),
            (&[("http_proxy", "http://plain:1")], https, None),
            (all, http, some("all:1")),
            (all, https, some("secure:2")),
            (&[("ALL_PROXY", "http://a:1"), ("all_proxy", "http://b:1")], http, some("b:1")),
            (&[("HTTPS_PROXY", "http://a:1")], https, some("a:1")),
            (&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:1")], https, some("b:1")),
            (&[("HTTP_PROXY", "http://a:1")], http, None),
            (&[("http_proxy", ""), ("all_proxy", "http://a:1")], http, some("a:1")),
            (&[("http_proxy", "http://user:pa%40ss@a:1/")], http, some("a:1")),
        ] {
            assert_eq!(chosen(variables, address), expected, "{variables:?} {address}");
        }
        let told = proxies(&[("HTTP_PROXY", "http://a:1")]).way(&http.parse().unwrap());
        assert!(told.contains("HTTP_PROXY does not count"), "{told}");
    }

    #[test]
    fn hosts_domains_and_networks_are_exempt() {
        for (list, host, exempt) in [
            ("deb.example", "deb.example", true),
            ("deb.example", "DEB.example.", true),
            ("example", "deb.example", true),
            (".example", "deb.example", true),
            ("*.example", "deb.example", true),
            ("b.example", "deb.example", false),
            ("other, deb.example", "deb.example", true),
            ("other deb.example", "deb.example", true),
            ("*", "deb.example", true),
            ("deb.example:80", "deb.example", true),
            ("deb.example:80", "deb.example:8080", false),
            ("10.0.0.0/8", "10.200.1.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.1.0/24,fd00::/8", "[fd12::1]:3142", true),
            ("fd00::/8", "10.0.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.11", false),
            ("[::1]", "[::1]", true),
            ("10.0.0.0/99,/8,10.0.0.0/x,a:b", "10.0.0.1", false),
        ] {
            let variables = [("http_proxy", "http://plain:1"), ("no_proxy", list)];
            let found = chosen(&variables, &format!("http://{host}/debian"));
            assert_eq!(found.is_none(), exempt, "{list:?} {host}");
        }
    }

    #[test]
    fn a_proxy_that_we_do_not_speak_is_told_without_its_password() {
        for (value, shown) in [
            ("socks5://user:s3cret@proxy:1080", "socks5://***@proxy:1080"),
            ("ftp://proxy", "ftp://proxy"),
            ("http://user:s3 cret@proxy", "http://***@proxy"),
        ] {
            let proxies = proxies(&[("ALL_PROXY", value), ("no_proxy", "direct.example")]);
            let error = proxies.of(&"http://deb.example/".parse().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with("reading the proxy from ALL_PROXY: expected http://"), "{error}");
            assert!(error.contains(&format!("found {shown}\nhint: ")), "{error}");
            assert!(proxies.of(&"http://direct.example/".parse().unwrap()).unwrap().is_none());
        }
    }

    #[test]
    fn the_way_to_the_proxy_needs_none() {
        let proxies = proxies(BOTH);
        let proxy = proxies.of(&"http://deb.example/".parse().unwrap()).unwrap().unwrap();
        assert!(proxies.of(proxy.uri()).unwrap().is_none());
    }
}
