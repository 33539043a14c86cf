//! The files for name resolution: `hostname`, `hosts`, `resolv.conf`.
//!
//! Static Go programs read these and nothing else, `localhost` included.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::error::{During, NetError};

/// Resolvers read no more name servers than this.
const MAX_NAME_SERVERS: usize = 3;

/// Returns a list without what it has already said.
pub(crate) fn each_once<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in list {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// Writes `resolv.conf`: without name servers an empty list, so that a lookup fails at once.
pub(crate) fn resolv_conf(servers: &[Ipv4Addr], search: &[String]) -> String {
    let mut text = String::new();
    for server in servers.iter().take(MAX_NAME_SERVERS) {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !search.is_empty() {
        let _ = writeln!(text, "search {}", search.join(" "));
    }
    text
}

/// Writes `hosts`; without an address, the name is at home on loopback.
pub(crate) fn hosts(hostname: &str, address: Option<Ipv4Addr>) -> String {
    let address = address.unwrap_or(Ipv4Addr::LOCALHOST);
    let short = hostname.split('.').next().unwrap_or(hostname);
    let names = if short == hostname { hostname.to_owned() } else { format!("{hostname} {short}") };
    format!("127.0.0.1 localhost\n::1 localhost ip6-localhost\n{address} {names}\n")
}

/// Replaces a file as a whole, readable for all, unless it already says the same.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), NetError> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    durable::replace(path, text.as_bytes(), 0o644).during("writing", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let servers = [1, 2, 3, 4].map(|n| Ipv4Addr::new(10, 0, 0, n));
        let expected = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nsearch a b\n";
        assert_eq!(resolv_conf(&servers, &["a".into(), "b".into()]), expected);
        assert_eq!(resolv_conf(&[], &[]), "");
        assert_eq!(each_once(vec![2, 1, 2, 1, 3]), [2, 1, 3]);
        let text = hosts("n1.lan", Some(Ipv4Addr::new(10, 0, 2, 15)));
        assert!(text.ends_with("\n10.0.2.15 n1.lan n1\n"), "{text}");
        assert!(hosts("n1", None).ends_with("\n127.0.0.1 n1\n"));
    }
}
