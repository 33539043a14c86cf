//! What the certificates say, and when they are made anew.

use std::collections::BTreeMap;
use std::path::Path;

use config::{ClusterConfig, NodeConfig, Role, StorageKind};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::place::path;
use super::{Pki, Reason, State, plan};
use crate::duties::Duties;
use crate::error::Error;
use crate::facts::Facts;
use crate::facts::fixture::{NOW, facts, node};

const DAY: u64 = 86_400;
const SINGLE: Duties = Duties::of(Role::Single);

/// A node to plan for.
struct Lab {
    node: NodeConfig,
    cluster: ClusterConfig,
}

impl Lab {
    fn new() -> Self {
        Lab { node: node(), cluster: ClusterConfig::default() }
    }

    fn facts(&self) -> Facts<'_> {
        facts(&self.node, &self.cluster)
    }

    fn plan(&self, state: &State) -> Pki {
        plan(SINGLE, &self.facts(), state).unwrap()
    }
}

/// The reasons by which certificates were made anew.
fn issued(pki: &Pki) -> BTreeMap<&str, Reason> {
    pki.certificates.iter().filter_map(|c| Some((c.name.as_str(), c.issued?))).collect()
}

fn text<'a>(pki: &'a Pki, name: &str) -> &'a str {
    let file = pki.files.iter().find(|f| f.path == path(name)).unwrap();
    std::str::from_utf8(&file.contents).unwrap()
}

/// Common name, organization, names, and usages of a certificate as text.
fn describe(pem: &str) -> String {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let (_, found) = X509Certificate::from_der(&pem.contents).unwrap();
    let usage = found.extended_key_usage().unwrap().map(|u| u.value).unwrap();
    let mut out = found.subject().to_string();
    if usage.server_auth {
        out.push_str(" server");
    }
    if usage.client_auth {
        out.push_str(" client");
    }
    if let Some(names) = found.subject_alternative_name().unwrap() {
        let names: Vec<String> = names.value.general_names.iter().map(ToString::to_string).collect();
        out.push_str(&format!(" [{}]", names.join(" ")));
    }
    let key = found.key_usage().unwrap().unwrap().value;
    assert!(key.digital_signature() && !key.key_cert_sign() && !found.is_ca());
    out
}

#[test]
fn every_certificate_says_what_it_is_for_and_no_more() {
    let pki = Lab::new().plan(&State::empty());
    let api = "[DNSName(kubernetes) DNSName(kubernetes.default)";
    let cases = [
        ("etcd/peer", "CN=etcd-peer server client [IPAddress(7f:00:00:01) DNSName(localhost)]"),
        ("apiserver/kubelet-client", "CN=apiserver-kubelet-client, O=ironhull:kubelet-clients client"),
        ("apiserver/front-proxy-client", "CN=front-proxy-client client"),
        ("apiserver/probe", "CN=ironhull:probe client"),
        ("controller-manager/client", "CN=system:kube-controller-manager client"),
        ("scheduler/client", "CN=system:kube-scheduler client"),
        ("kubelet/client", "CN=system:node:node1, O=system:nodes client"),
        (
            "kubelet/server",
            "CN=system:node:node1, O=system:nodes server [IPAddress(0a:00:02:0f) DNSName(node1)]",
        ),
        ("kube-proxy/client", "CN=system:kube-proxy client"),
        ("noded/client", "CN=ironhull:noded, O=system:masters client"),
    ];
    for (name, expected) in cases {
        assert_eq!(describe(text(&pki, &format!("{name}.crt"))), expected, "{name}");
    }
    let server = describe(text(&pki, "apiserver/server.crt"));
    assert!(server.starts_with("CN=kube-apiserver server [IPAddress("), "{server}");
    for name in ["0a:60:00:01", "7f:00:00:01", "0a:00:02:0f", "kubernetes.default.svc.cluster.local", "node1"]
    {
        assert!(server.contains(name), "{name} is missing in {server}, beside {api}");
    }
}

#[test]
fn each_store_has_the_certificates_that_it_uses() {
    let mut lab = Lab::new();
    let of_the_store = |pki: &Pki| -> Vec<String> {
        let names = pki.certificates.iter().map(|c| c.name.clone());
        names.filter(|n| n.starts_with("etcd/") || n == "apiserver/etcd-client").collect()
    };
    assert_eq!(of_the_store(&lab.plan(&State::empty())), ["etcd/peer"]);
    lab.cluster.spec.storage.kind = StorageKind::Kine;
    let pki = lab.plan(&State::empty());
    assert_eq!(of_the_store(&pki), ["etcd/server", "apiserver/etcd-client"]);
    let server = "CN=etcd-server server [IPAddress(7f:00:00:01) DNSName(localhost)]";
    assert_eq!(describe(text(&pki, "etcd/server.crt")), server);
    assert_eq!(describe(text(&pki, "apiserver/etcd-client.crt")), "CN=apiserver-etcd-client client");
    assert_eq!(text(&pki, "apiserver/etcd-ca.crt"), text(&pki, "ca/etcd.crt"));
}

#[test]
fn names_of_the_config_are_in_the_api_servers_certificate() {
    let mut lab = Lab::new();
    lab.cluster.spec.api.sans = vec!["*.example.org".into(), "192.0.2.7".into()];
    lab.cluster.spec.api.external_address = Some("api.example.org".into());
    let server = describe(text(&lab.plan(&State::empty()), "apiserver/server.crt"));
    for name in ["DNSName(*.example.org)", "IPAddress(c0:00:02:07)", "DNSName(api.example.org)"] {
        assert!(server.contains(name), "{name} is missing in {server}");
    }
}

#[test]
fn a_second_boot_changes_nothing() {
    let lab = Lab::new();
    let first = lab.plan(&State::empty());
    let second = lab.plan(&State::with(&first.files));
    assert_eq!(first.files, second.files);
    assert_eq!(issued(&second), BTreeMap::new());
}

#[test]
fn only_what_changed_is_made_anew() {
    let mut lab = Lab::new();
    let first = lab.plan(&State::empty());
    let state = State::with(&first.files);
    lab.cluster.spec.api.sans = vec!["new.example.org".into()];
    assert_eq!(issued(&lab.plan(&state)), [("apiserver/server", Reason::Contents)].into());
    lab.cluster.spec.api.sans.clear();

    let mut broken = state.clone();
    broken.set(&path("kubelet/client.crt"), Some("junk"));
    broken.set(&path("scheduler/client.key"), None);
    broken.set(&path("etcd/peer.key"), Some(text(&first, "scheduler/client.key")));
    broken.set(&path("kube-proxy/client.key"), Some("junk"));
    let expected = [
        ("kubelet/client", Reason::Missing),
        ("scheduler/client", Reason::Missing),
        ("etcd/peer", Reason::Key),
        ("kube-proxy/client", Reason::Key),
    ];
    assert_eq!(issued(&lab.plan(&broken)), expected.into());

    lab.node.hostname = "node2".into();
    let changed = lab.plan(&state);
    let names: Vec<&str> = issued(&changed).into_keys().collect();
    assert_eq!(names, ["apiserver/server", "kubelet/client", "kubelet/server"]);
}

#[test]
fn certificates_are_renewed_at_two_thirds_of_their_life() {
    let lab = Lab::new();
    let first = lab.plan(&State::empty());
    let state = State::with(&first.files);
    let at = |now_secs| plan(SINGLE, &Facts { now_secs, ..lab.facts() }, &state).unwrap();
    assert_eq!(issued(&at(NOW + 240 * DAY)), BTreeMap::new());
    let renewed = at(NOW + 244 * DAY);
    assert_eq!(issued(&renewed).get("apiserver/server"), Some(&Reason::Age));
    assert!(!issued(&renewed).contains_key("ca/kubernetes"));
    assert!(!renewed.was_invalid && at(NOW + 366 * DAY).was_invalid);
    assert!((NOW + 242 * DAY..NOW + 245 * DAY).contains(&first.next_renewal_secs()));
}

#[test]
fn a_clock_behind_the_image_is_not_believed() {
    let lab = Lab::new();
    let pki = plan(SINGLE, &Facts { now_secs: 5, ..lab.facts() }, &State::empty()).unwrap();
    let ends = pki.certificates.iter().map(|c| c.not_after_secs).min().unwrap();
    assert_eq!(ends, NOW - 1000 + 365 * DAY);
    let far = plan(SINGLE, &Facts { now_secs: u64::MAX, ..lab.facts() }, &State::empty());
    assert!(far.is_ok());
}

#[test]
fn an_authority_is_never_replaced() {
    let lab = Lab::new();
    let first = lab.plan(&State::empty());
    let mut state = State::with(&first.files);
    state.set(&path("ca/etcd.crt"), None);
    let second = lab.plan(&state);
    assert_eq!(issued(&second), [("ca/etcd", Reason::Missing)].into());
    assert_eq!(text(&first, "ca/etcd.key"), text(&second, "ca/etcd.key"));

    let mut state = State::with(&first.files);
    state.set(&path("ca/kubernetes.key"), None);
    assert!(matches!(plan(SINGLE, &lab.facts(), &state), Err(Error::LostKey { name: "kubernetes" })));
    state.set(&path("ca/kubernetes.key"), Some("junk"));
    assert!(matches!(plan(SINGLE, &lab.facts(), &state), Err(Error::Key { .. })));
}

/// An authority is signed again before what it issues would have to end early; nothing that runs notices.
#[test]
fn an_authority_is_renewed_with_its_key_while_it_is_valid() {
    let lab = Lab::new();
    let first = lab.plan(&State::empty());
    let at = |days| {
        plan(SINGLE, &Facts { now_secs: NOW + days * DAY, ..lab.facts() }, &State::with(&first.files))
            .unwrap()
    };
    assert!(!issued(&at(2433)).contains_key("ca/kubernetes"));
    let renewed = at(2434);
    assert_eq!(issued(&renewed).get("ca/kubernetes"), Some(&Reason::Age));
    assert_eq!(text(&first, "ca/kubernetes.key"), text(&renewed, "ca/kubernetes.key"));
    // Under the old certificate and the new one, what either has issued is good.
    for (authority, issued) in [(&first, &renewed), (&renewed, &renewed)] {
        let now = NOW + 2434 * DAY;
        verify(text(authority, "ca/kubernetes.crt"), text(issued, "apiserver/server.crt"), now).unwrap();
    }
    verify(text(&renewed, "ca/kubernetes.crt"), text(&first, "apiserver/server.crt"), NOW).unwrap();
    let longest = renewed.certificates.iter().filter(|c| !c.name.starts_with("ca/"));
    assert!(longest.map(|c| c.not_after_secs).all(|end| end == NOW + (2434 + 365) * DAY));
}

/// What a machine's clock may show while it is [`NOW`]: reset, stopped for years, at the end of 32 bits, years
/// ahead, and local time at both ends of the world.
const CLOCKS: [u64; 8] = [
    0,
    1_577_836_800, // 2020-01-01
    NOW,
    NOW - 14 * 3600,
    NOW + 14 * 3600,
    2_147_558_400, // 2038-01-20
    2_366_841_600, // 2045-01-01
    9_223_372_036, // 2262-04-11, the last day of a Linux clock
];

#[test]
fn whatever_the_clock_showed_everything_is_valid_once_it_is_right() {
    let mut lab = Lab::new();
    lab.cluster.spec.storage.kind = StorageKind::Kine;
    for before in CLOCKS {
        let at = |now_secs| Facts { now_secs, ..lab.facts() };
        let first = plan(SINGLE, &at(before), &State::empty()).unwrap();
        for now in CLOCKS {
            let second = plan(SINGLE, &at(now), &State::with(&first.files)).unwrap();
            // No clock is believed that is behind the image.
            let now_is = now.max(lab.facts().build_time_secs);
            for ca in ["kubernetes", "front-proxy", "etcd"] {
                let key = format!("ca/{ca}.key");
                assert_eq!(text(&first, &key), text(&second, &key));
            }
            for (authority, certificate) in ISSUED {
                let (authority, certificate) = (text(&second, authority), text(&second, certificate));
                verify(authority, certificate, now_is)
                    .unwrap_or_else(|e| panic!("made at {before}, now {now}: {e}"));
            }
            let valid = |(authority, certificate)| {
                verify(text(&first, authority), text(&first, certificate), now_is).is_ok()
            };
            assert_eq!(second.was_invalid, !ISSUED.into_iter().all(valid), "made at {before}, now {now}");
            assert_eq!(
                issued(&plan(SINGLE, &at(now), &State::with(&second.files)).unwrap()),
                BTreeMap::new()
            );
        }
    }
}

/// One certificate of each authority, with that.
const ISSUED: [(&str, &str); 3] = [
    ("ca/kubernetes.crt", "apiserver/server.crt"),
    ("ca/front-proxy.crt", "apiserver/front-proxy-client.crt"),
    ("ca/etcd.crt", "etcd/server.crt"),
];

#[test]
fn openssl_trusts_what_an_authority_of_2045_issues_once_the_clock_is_right() {
    let Some(openssl) = judges::find("openssl") else { return };
    let (lab, dir) = (Lab::new(), tempfile::tempdir().unwrap());
    let first = plan(SINGLE, &Facts { now_secs: 2_366_841_600, ..lab.facts() }, &State::empty()).unwrap();
    let healed = lab.plan(&State::with(&first.files));
    assert!(healed.was_invalid);
    let write = |pki: &Pki, name: &str| {
        let path = dir.path().join(name.replace('/', "-"));
        std::fs::write(&path, text(pki, name)).unwrap();
        path.display().to_string()
    };
    for ca in ["ca/kubernetes", "ca/front-proxy", "ca/etcd"] {
        assert_eq!(issued(&healed).get(ca), Some(&Reason::Clock), "{ca}");
    }
    // Judged in the year in which it stands, and in which it was made.
    for (time, pki, good) in [(NOW, &healed, true), (NOW, &first, false), (2_366_841_600, &first, true)] {
        let (ca, leaf) = (write(pki, "ca/kubernetes.crt"), write(pki, "apiserver/server.crt"));
        let time = time.to_string();
        let line = ["verify", "-attime", &time, "-purpose", "sslserver", "-CAfile", &ca, &leaf];
        let (content, said) = openssl.ask(&line);
        assert_eq!(content, good, "{said}");
    }
}

/// Verifies a certificate as rustls does, at `now_secs`, for a server as it names itself or for a client.
fn verify(authority: &str, certificate: &str, now_secs: u64) -> Result<(), String> {
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(authority)).map_err(|e| e.to_string())?;
    let (roots, leaf) = (std::sync::Arc::new(roots), der(certificate));
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now_secs));
    let verified = if describe(certificate).contains(" server") {
        let by = rustls::client::WebPkiServerVerifier::builder_with_provider(roots, provider);
        let name = ServerName::try_from("localhost").unwrap();
        by.build().unwrap().verify_server_cert(&leaf, &[], &name, &[], now).map(drop)
    } else {
        let by = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider);
        by.build().unwrap().verify_client_cert(&leaf, &[], now).map(drop)
    };
    verified.map_err(|e| e.to_string())
}

#[test]
fn all_validities_of_a_text_are_read() {
    let pki = Lab::new().plan(&State::empty());
    let (ca, leaf) = (text(&pki, "ca/etcd.crt"), text(&pki, "etcd/peer.crt"));
    let both = format!("{ca}junk\n{leaf}{}", text(&pki, "etcd/peer.key"));
    let built = NOW - 1000;
    let expected = [(built.min(NOW - 3600), NOW + 3650 * DAY), (NOW - 3600, NOW + 365 * DAY)];
    assert_eq!(super::validities_secs(&both), expected);
    assert_eq!(super::validities_secs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []);
    assert_eq!(super::validity_secs(b"junk"), None);
}

#[test]
fn components_own_what_they_read_and_nobody_else_reads_keys() {
    for kind in [StorageKind::Etcd, StorageKind::Kine] {
        let mut lab = Lab::new();
        lab.cluster.spec.storage.kind = kind;
        let pki = lab.plan(&State::empty());
        for file in &pki.files {
            let directory = pki.directories.iter().find(|d| Some(d.path.as_path()) == file.path.parent());
            let directory = directory.unwrap();
            assert_eq!(directory.mode, 0o700, "{file:?}");
            let is_ca = directory.path == Path::new("/state/pki/ca");
            assert!(is_ca || file.owner == directory.owner, "{file:?}");
            let is_key = file.path.extension().is_some_and(|e| e == "key");
            assert_eq!(file.mode, if is_key { 0o600 } else { 0o644 }, "{file:?}");
            assert!(!format!("{file:?}").contains("BEGIN"));
        }
    }
}

#[test]
fn an_operators_kubeconfig_is_short_lived_and_of_the_operators_group() {
    let pki = Lab::new().plan(&State::empty());
    let kubeconfig = pki.operator_kubeconfig("alice", "https://127.0.0.1:16443", DAY).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&kubeconfig).unwrap();
    assert_eq!(parsed["clusters"][0]["cluster"]["server"], "https://127.0.0.1:16443");
    assert_eq!(parsed["clusters"][0]["name"], "ironhull");
    assert!(parsed["users"][0]["user"]["client-key-data"].is_string());
}
