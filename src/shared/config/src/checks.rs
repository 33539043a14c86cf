//! Syntax checks for names, addresses, certificates and the like.

use std::net::Ipv4Addr;

use crate::Cidr;
use crate::decode::Fault;

/// Maximum length of a DNS label, and of the name part of a Kubernetes label.
const MAX_LABEL: usize = 63;
/// Maximum length of a DNS name.
const MAX_DNS_NAME: usize = 253;

/// Maximum length of an image version.
const MAX_VERSION: usize = 64;

/// Returns a fault of the form "expected …, found …".
fn expected<T>(what: &str, found: &str) -> Result<T, Fault> {
    let shown: String = found.chars().take(80).collect();
    Err(Fault::new(format!("expected {what}, found {shown:?}")))
}

/// Returns whether `text` is one label of a DNS name.
fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MAX_LABEL).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Returns whether `text` is a DNS name in lower case.
fn is_dns_name(text: &str) -> bool {
    text.len() <= MAX_DNS_NAME && text.split('.').all(is_dns_label)
}

/// The name of an image, a cluster or a manifest.
pub(crate) fn name(text: &str) -> Result<String, Fault> {
    if is_dns_label(text) {
        return Ok(text.to_owned());
    }
    expected("a name of at most 63 lower-case letters, digits and '-'", text)
}

/// The name of a file on the build host.
pub(crate) fn file(text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.contains('\0') {
        return expected("the name of a file", text);
    }
    Ok(text.to_owned())
}

/// A host name, which is also the name of the node.
pub(crate) fn hostname(text: &str) -> Result<String, Fault> {
    if is_dns_name(text) && text.len() <= MAX_LABEL {
        return Ok(text.to_owned());
    }
    expected("a host name of at most 63 lower-case letters, digits, '-' and '.'", text)
}

/// A host name with placeholders for what a machine says about itself.
pub(crate) fn hostname_template(text: &str) -> Result<String, Fault> {
    if crate::hostname::fill(text, |_| Some("0".to_owned())).is_ok() {
        return Ok(text.to_owned());
    }
    let hint = "placeholders: {serial}, {uuid}, {mac}";
    hostname(text).map_err(|fault| if crate::hostname::is_template(text) { fault.hint(hint) } else { fault })
}

/// A DNS name.
pub(crate) fn dns_name(text: &str) -> Result<String, Fault> {
    if is_dns_name(text) { Ok(text.to_owned()) } else { expected("a DNS name in lower case", text) }
}

/// A DNS name or an IPv4 address.
pub(crate) fn host(text: &str) -> Result<String, Fault> {
    if !looks_like_address(text) && is_dns_name(text) || text.parse::<Ipv4Addr>().is_ok() {
        return Ok(text.to_owned());
    }
    expected("a DNS name or an IPv4 address", text)
}

/// A subject name in a certificate: a host, or a wildcard below a DNS name.
pub(crate) fn subject_name(text: &str) -> Result<String, Fault> {
    match text.strip_prefix("*.") {
        Some(rest) => dns_name(rest).map(|_| text.to_owned()),
        None => host(text),
    }
}

/// Returns whether a text of digits and dots was meant as an address.
fn looks_like_address(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// An IPv4 address.
pub(crate) fn address(text: &str) -> Result<Ipv4Addr, Fault> {
    text.parse().or_else(|_| expected("an IPv4 address", text))
}

/// An IPv4 address with prefix length.
pub(crate) fn cidr(text: &str) -> Result<Cidr, Fault> {
    text.parse().or_else(|()| expected("an IPv4 address with prefix length, as 10.0.0.5/24", text))
}

/// A range of IPv4 addresses, written with its first address.
pub(crate) fn range(text: &str) -> Result<Cidr, Fault> {
    let range = cidr(text)?;
    if range.is_network() {
        return Ok(range);
    }
    let fault = Fault::new(format!("expected the first address of a range, found {text:?}"));
    Err(fault.hint(format!("the range is {}/{}", range.network(), range.prefix())))
}

/// The destination of a route.
pub(crate) fn destination(text: &str) -> Result<Cidr, Fault> {
    if text == "default" { Ok(Cidr::ANY) } else { range(text) }
}

/// A hardware address; returned in lower case.
pub(crate) fn mac_address(text: &str) -> Result<String, Fault> {
    let parts: Vec<&str> = text.split(':').collect();
    let hex = |p: &&str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    if parts.len() == 6 && parts.iter().all(hex) {
        return Ok(text.to_ascii_lowercase());
    }
    expected("a hardware address, as 52:54:00:12:34:56", text)
}

/// The name of a link, or a pattern with `*` and `?`.
pub(crate) fn link_name(text: &str) -> Result<String, Fault> {
    if !text.is_empty() && text.len() < 16 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/') {
        return Ok(text.to_owned());
    }
    expected("the name of a link, 1 to 15 characters", text)
}

/// The name of an entry that matches links, or of a driver.
pub(crate) fn entry_name(text: &str) -> Result<String, Fault> {
    if (1..=MAX_LABEL).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    expected("a name of 1 to 63 characters", text)
}

/// A version without `v`.
pub(crate) fn version(text: &str) -> Result<String, Fault> {
    let part = |p: &str| (1..=5).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
    if text.split('.').count() == 3 && text.split('.').all(part) {
        return Ok(text.to_owned());
    }
    expected("a version, as 1.36.3", text)
}

/// The version of an image, chosen by its maker.
pub(crate) fn image_version(text: &str) -> Result<String, Fault> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b".+~_-".contains(&b);
    if (1..=MAX_VERSION).contains(&text.len()) && text.bytes().all(fine) {
        return Ok(text.to_owned());
    }
    expected("a version of at most 64 letters, digits and \".+~_-\"", text)
}

/// The name of a kernel configuration fragment.
pub(crate) fn fragment(text: &str) -> Result<String, Fault> {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if (1..=MAX_LABEL).contains(&text.len()) && text.bytes().all(fine) {
        return Ok(text.to_owned());
    }
    expected("the name of a fragment, without folder and .config", text)
}

/// The name of a component's flag.
pub(crate) fn flag(text: &str) -> Result<String, Fault> {
    if let Some(bare) = text.strip_prefix("--") {
        return expected("the name of a flag without dashes", text)
            .map_err(|f| f.hint(format!("write {bare}")));
    }
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(fine) {
        return Ok(text.to_owned());
    }
    expected("the name of a flag", text)
}

/// The value of a flag, or any other single line.
pub(crate) fn one_line(text: &str) -> Result<String, Fault> {
    if text.chars().any(char::is_control) {
        return expected("a single line", text);
    }
    Ok(text.to_owned())
}

/// A feature gate.
pub(crate) fn feature_gate(text: &str) -> Result<String, Fault> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    expected("a feature gate", text)
}

/// Returns whether `text` can be the name part or the value of a Kubernetes label.
fn is_label_part(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=MAX_LABEL).contains(&text.len())
        && text.bytes().all(inner)
        && text.starts_with(edge)
        && text.ends_with(edge)
}

/// The key of a label or taint.
pub(crate) fn label_key(text: &str) -> Result<String, Fault> {
    let (prefix, name) = text.split_once('/').unwrap_or(("x", text));
    if is_dns_name(prefix) && is_label_part(name) {
        return Ok(text.to_owned());
    }
    expected("a Kubernetes label key, as rack or example.com/rack", text)
}

/// The key of a label that a kubelet may set on its own node: of Kubernetes' own labels only those that
/// `--node-labels` accepts.
pub(crate) fn node_label_key(text: &str) -> Result<String, Fault> {
    const OWN: [&str; 8] = [
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "beta.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/zone",
    ];
    let key = label_key(text)?;
    let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
    let below = |domain: &str| prefix == domain || prefix.ends_with(&format!(".{domain}"));
    let free = below("kubelet.kubernetes.io") || below("node.kubernetes.io");
    if (below("kubernetes.io") || below("k8s.io")) && !free && !OWN.contains(&key.as_str()) {
        let fault = Fault::new(format!("{key:?} is a label that a node may not give itself"));
        return Err(fault.hint("set it with kubectl label node once the node has joined"));
    }
    Ok(key)
}

/// The value of a label or taint.
pub(crate) fn label_value(text: &str) -> Result<String, Fault> {
    if text.is_empty() || is_label_part(text) {
        return Ok(text.to_owned());
    }
    expected("a Kubernetes label value of at most 63 letters, digits, '-', '_' and '.'", text)
}

/// One PEM block of `kind`, such as `CERTIFICATE`. The error does not quote the text, since it may be a key.
pub(crate) fn pem(text: &str, kind: &str) -> Result<String, Fault> {
    let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
    let fault = || Fault::new(format!("expected one PEM block {begin:?}"));
    if text.trim().starts_with("-----BEGIN ENCRYPTED ") || text.contains("\nProc-Type: 4,ENCRYPTED") {
        let fault = Fault::new(format!("expected one PEM block {begin:?}, found a key that is encrypted"));
        return Err(fault.hint("a node cannot decrypt it: `openssl pkey -in FILE` writes it unencrypted"));
    }
    let body = text.trim().strip_prefix(&begin).and_then(|t| t.strip_suffix(&end)).ok_or_else(fault)?;
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\n' | b'\r');
    if body.trim().is_empty() || !body.bytes().all(base64) {
        return Err(fault().hint("the text between BEGIN and END must be base64, in lines of its own"));
    }
    Ok(format!("{}\n", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that `check` accepts all of `good` and none of `bad`.
    fn try_all<T>(check: impl Fn(&str) -> Result<T, Fault>, good: &[&str], bad: &[&str]) {
        good.iter().for_each(|t| assert!(check(t).is_ok(), "{t:?} is refused"));
        bad.iter().for_each(|t| assert!(check(t).is_err(), "{t:?} is accepted"));
    }

    #[test]
    fn names() {
        try_all(name, &["a", "node-1"], &["", "-a", "a-", "A", "a.b", "../x", "é", &"a".repeat(64)]);
        try_all(hostname, &["node1", "node1.example.org"], &["", "a..b", ".a", "Node", &"a.".repeat(32)]);
        let good = ["n-{serial}", "{uuid}", "n{mac}.example", "node1"];
        try_all(hostname_template, &good, &["", "{name}", "n-{serial", "n}", "{Serial}", "N{mac}", "{mac}_"]);
        try_all(host, &["example.org", "10.0.0.1"], &["10.0.0", "10.0.0.256", "a_b", "*.a"]);
        try_all(subject_name, &["*.example.org", "10.0.0.1"], &["*", "*.*.a", "a.*"]);
        try_all(link_name, &["eth0", "en*"], &["", "a/b", "0123456789abcdef", "a b"]);
        try_all(version, &["1.36.3"], &["v1.36.3", "1.36", "1.36.3-rc.1", "1..3"]);
        let long = "1".repeat(64);
        let good = ["0.1.0", "2026.11-2", "1.0~rc1+build.5_A", "7", &long];
        try_all(image_version, &good, &["", "1 0", "v1/2", "1\n", "é", "\"", &"1".repeat(65)]);
        try_all(fragment, &["base", "amd64"], &["../base", "base.config", ""]);
        try_all(flag, &["audit-log-path", "v"], &["--v", "", "-v", "a b", "a=b"]);
    }

    #[test]
    fn addresses() {
        try_all(range, &["10.0.0.0/8", "0.0.0.0/0"], &["10.0.0.1/8", "10.0.0.0"]);
        try_all(destination, &["default", "10.0.0.0/8"], &["any"]);
        try_all(mac_address, &["52:54:00:12:34:5F"], &["52-54-00-12-34-56", "52:54:00:12:34", "5:5:0:1:3:5"]);
    }

    #[test]
    fn labels() {
        try_all(label_key, &["a", "example.com/Rack_1"], &["", "/a", "a/", "a/b/c", "-a", "a b"]);
        try_all(label_value, &["", "a.b_C-1"], &["-a", "a b", &"a".repeat(64)]);
        let good = ["rack", "kubernetes.io/arch", "node.kubernetes.io/x", "a.kubelet.kubernetes.io/x"];
        let bad = ["node-role.kubernetes.io/x", "kubernetes.io/x", "k8s.io/x"];
        try_all(node_label_key, &good, &bad);
    }

    #[test]
    fn pem_blocks() {
        let good = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
        let two = good.repeat(2);
        let spaced = good.replace("YWJj", "YW Jj");
        let other = good.replace("CERTIFICATE", "PRIVATE KEY");
        try_all(|t| pem(t, "CERTIFICATE"), &[good], &["", "hunter2", &two, &spaced, &other]);
        assert!(!format!("{:?}", pem("hunter2", "PRIVATE KEY")).contains("hunter2"));
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X\n\nYWJj\n";
        for key in [good.replace("CERTIFICATE", "ENCRYPTED PRIVATE KEY"), old.to_owned()] {
            assert!(format!("{:?}", pem(&key, "PRIVATE KEY")).contains("a key that is encrypted"));
        }
    }
}
