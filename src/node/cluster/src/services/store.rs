//! etcd, or kine over SQLite: the store of the API server.
//!
//! etcd listens on a unix socket. The API server opens a connection for each kind of object, some 75 at its
//! start, and with TLS a fifth of the work of both until the API server is ready would be TLS. The file
//! system protects the socket instead: only etcd, the API server and root may enter [`SOCKETS`], so other
//! processes on the node, including pods in its network, have no port to connect to. etcd's certificates are
//! for other members.
//!
//! kine makes its socket accessible only to its own user, so it listens on 127.0.0.1:2379 and requires a
//! client certificate.

use config::StorageKind;
use control::{Limits, Probe, User};

use super::builder::{Flags, daemon, health};
use super::parts::Parts;
use crate::facts::Facts;
use crate::file::Directory;
use crate::users;

/// Name of the service, whichever store it is.
pub(crate) const NAME: &str = "etcd";
/// Where kine listens.
const KINE_URL: &str = "https://127.0.0.1:2379";
/// Where etcd listens.
const ETCD_URL: &str = "unix:///run/etcd/etcd.sock";
/// Where etcd serves what is not gRPC: if one socket serves both, etcd inspects every connection.
const ETCD_HTTP_URL: &str = "unix:///run/etcd/http.sock";
/// The directory of both sockets.
const SOCKETS: &str = "/run/etcd";
/// Port of etcd's health check and metrics, on the loopback address only.
const METRICS_PORT: u16 = 2381;
/// etcd's flag of the longest that its database may become, in bytes.
pub const QUOTA: &str = "quota-backend-bytes";
/// etcd's own value of it, and the highest that it recommends.
const USUAL_QUOTA_BYTES: u64 = 2 << 30;
const LONGEST_QUOTA_BYTES: u64 = 8 << 30;
const PKI: &str = "/state/pki/etcd";

pub(crate) fn add(facts: &Facts, parts: &mut Parts) {
    match facts.cluster.spec.storage.kind {
        StorageKind::Etcd => etcd(facts, parts),
        StorageKind::Kine => kine(parts),
    }
}

/// Returns the API server's flags for the store; `pki` is its own directory of certificates.
pub(crate) fn client_flags(kind: StorageKind, pki: &str) -> Vec<(&'static str, String)> {
    match kind {
        StorageKind::Etcd => vec![("etcd-servers", ETCD_URL.to_owned())],
        StorageKind::Kine => vec![
            ("etcd-servers", KINE_URL.to_owned()),
            ("etcd-cafile", format!("{pki}/etcd-ca.crt")),
            ("etcd-certfile", format!("{pki}/etcd-client.crt")),
            ("etcd-keyfile", format!("{pki}/etcd-client.key")),
        ],
    }
}

fn etcd(facts: &Facts, parts: &mut Parts) {
    const PEERS: &str = "https://127.0.0.1:2380";
    let pki = |file: &str| format!("{PKI}/{file}");
    let mut flags = Flags::new([
        ("name", facts.node.hostname.as_str()),
        ("data-dir", "/state/etcd"),
        ("listen-client-urls", ETCD_URL),
        ("listen-client-http-urls", ETCD_HTTP_URL),
        ("advertise-client-urls", ETCD_URL),
        ("listen-peer-urls", PEERS),
        ("initial-advertise-peer-urls", PEERS),
        ("initial-cluster", &format!("{}={PEERS}", facts.node.hostname)),
        ("initial-cluster-token", &facts.cluster.metadata.name),
        ("peer-client-cert-auth", "true"),
        ("peer-trusted-ca-file", &pki("ca.crt")),
        ("peer-cert-file", &pki("peer.crt")),
        ("peer-key-file", &pki("peer.key")),
        ("tls-min-version", "TLS1.3"),
        ("listen-metrics-urls", &format!("http://127.0.0.1:{METRICS_PORT}")),
        // Nothing uses it.
        ("enable-grpc-gateway", "false"),
        ("enable-pprof", "false"),
        ("log-level", "warn"),
    ]);
    if let Some(quota) = quota_bytes(facts.state_bytes) {
        flags.set(QUOTA, quota.to_string());
    }
    flags.extend(&facts.cluster.spec.storage.etcd.extra_args);
    let mut service = daemon(NAME, users::ETCD, flags.command("/usr/bin/etcd"));
    let probe = Probe::Http { port: METRICS_PORT, path: "/health".to_owned() };
    service.readiness = Some(probe.clone());
    service.health = health(probe);
    service.limits = limits();
    parts.directories.push(Directory::private("/state/etcd", users::ETCD));
    // Set-group-ID: files in it get the API server's group, which may enter the directory but not list it.
    let owner = User { uid: users::ETCD.uid, gid: users::APISERVER.gid };
    parts.directories.push(Directory { path: SOCKETS.into(), mode: 0o2710, owner });
    parts.services.push(service);
}

fn kine(parts: &mut Parts) {
    // FULL, so that an acknowledged write survives a power cut; kine's default is NORMAL.
    const DATABASE: &str = "sqlite:///state/kine/state.db?_journal_mode=WAL&_busy_timeout=30000\
                            &_synchronous=FULL&_txlock=immediate";
    let pki = |file: &str| format!("{PKI}/{file}");
    let flags = Flags::new([
        ("endpoint", DATABASE),
        ("listen-address", "127.0.0.1:2379"),
        ("trusted-ca-file", &pki("ca.crt")),
        ("server-cert-file", &pki("server.crt")),
        ("server-key-file", &pki("server.key")),
        ("metrics-bind-address", "0"),
        // The API server requests compaction itself.
        ("compact-interval", "0"),
    ]);
    let mut service = daemon(NAME, users::KINE, flags.command("/usr/bin/kine"));
    service.readiness = Some(Probe::Tcp { port: 2379 });
    service.health = health(Probe::Tcp { port: 2379 });
    service.limits = limits();
    parts.directories.push(Directory::private("/state/kine", users::KINE));
    parts.services.push(service);
}

/// Returns the longest that etcd lets its database become on a state partition of this size; `None` leaves etcd's
/// default, which is [`USUAL_QUOTA_BYTES`].
///
/// An upgrade copies the database on the same partition, so it may take half of a small one and a quarter of a large
/// one, up to what etcd recommends at most. It is never less than etcd's default where that leaves room for a copy:
/// a database that has grown under the default must not stop at an upgrade.
pub(crate) fn quota_bytes(state_bytes: u64) -> Option<u64> {
    // Rounded, since a file system takes a little for itself.
    const STEP: u64 = 256 << 20;
    let half = (state_bytes / 2 + STEP / 2) / STEP * STEP;
    let quota = half.min((half / 2).clamp(USUAL_QUOTA_BYTES, LONGEST_QUOTA_BYTES));
    (quota > 0).then_some(quota)
}

/// Limits of the store: everything depends on it, so it is the last to be chosen by the OOM killer.
fn limits() -> Limits {
    Limits {
        memory_min_bytes: Some(32 << 20),
        cpu_weight: Some(1000),
        oom_score_adj: Some(-990),
        open_files: Some(65_536),
        ..Limits::default()
    }
}
