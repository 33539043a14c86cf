//! kube-apiserver, and the tasks that other services wait for.

use control::{Limits, Probe, Stop};

use super::builder::{Flags, daemon, exec, health, task};
use super::parts::{NODED, Parts};
use super::{policy, store};
use crate::facts::Facts;
use crate::users;

/// Name of the service.
pub(crate) const NAME: &str = "kube-apiserver";
/// Name of the task that ends when the API server responds, even with an error.
pub(crate) const ANSWER: &str = "kube-apiserver-answer";
/// Name of the task that ends when the API server is ready for its clients.
pub(crate) const SERVING: &str = "kube-apiserver-serving";
const PKI: &str = "/state/pki/apiserver";
/// The issuer of service account tokens.
const ISSUER: &str = "https://kubernetes.default.svc";

pub(crate) fn add(facts: &Facts, parts: &mut Parts) {
    let spec = &facts.cluster.spec;
    let port = spec.api.port;
    let mut flags = flags(facts);
    policy::add(facts.cluster, parts, &mut flags);
    // The operator's flags win over ours.
    flags.extend(&spec.api.extra_args);
    let mut service = daemon(NAME, users::APISERVER, flags.command("/usr/bin/kube-apiserver"));
    service.readiness = exec(&[NODED, "wait-apiserver", &facts.api_server()]);
    service.health = health(Probe::Tcp { port });
    service.limits = Limits {
        memory_min_bytes: Some(128 << 20),
        cpu_weight: Some(1000),
        oom_score_adj: Some(-980),
        open_files: Some(65_536),
        ..Limits::default()
    };
    if port < 1024 {
        service.limits.capabilities.insert("net-bind-service".to_owned());
    }
    service.stop = Stop { grace_secs: 20, ..Stop::default() };
    parts.services.push(service);
    for (name, wait) in [(ANSWER, "wait-answer"), (SERVING, "wait-serving")] {
        parts.services.push(task(name, users::APISERVER, &[NODED, wait, &facts.api_server()]));
    }
}

fn flags(facts: &Facts) -> Flags {
    let spec = &facts.cluster.spec;
    let pki = |file: &str| format!("{PKI}/{file}");
    let mut flags = Flags::new([
        ("advertise-address", spec.api.address.unwrap_or(facts.address).to_string().as_str()),
        ("secure-port", &spec.api.port.to_string()),
        ("tls-cert-file", &pki("server.crt")),
        ("tls-private-key-file", &pki("server.key")),
        ("tls-min-version", "VersionTLS12"),
        ("anonymous-auth", "false"),
        ("client-ca-file", &pki("ca.crt")),
        ("enable-bootstrap-token-auth", "true"),
        ("authorization-mode", "Node,RBAC"),
        ("enable-admission-plugins", "NodeRestriction"),
        ("allow-privileged", "true"),
        ("kubelet-certificate-authority", &pki("ca.crt")),
        ("kubelet-client-certificate", &pki("kubelet-client.crt")),
        ("kubelet-client-key", &pki("kubelet-client.key")),
        ("kubelet-preferred-address-types", "InternalIP,Hostname"),
        ("proxy-client-cert-file", &pki("front-proxy-client.crt")),
        ("proxy-client-key-file", &pki("front-proxy-client.key")),
        ("requestheader-client-ca-file", &pki("front-proxy-ca.crt")),
        ("requestheader-allowed-names", "front-proxy-client"),
        ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
        ("requestheader-group-headers", "X-Remote-Group"),
        ("requestheader-username-headers", "X-Remote-User"),
        ("service-account-issuer", ISSUER),
        ("service-account-jwks-uri", &format!("{ISSUER}/openid/v1/jwks")),
        ("service-account-key-file", &pki("service-account.pub")),
        ("service-account-signing-key-file", &pki("service-account.key")),
        ("service-cluster-ip-range", &spec.network.service_cidr.to_string()),
        ("profiling", "false"),
        // Without it, every stop waits for open watches until the process is killed.
        ("shutdown-watch-termination-grace-period", "5s"),
    ]);
    for (name, value) in store::client_flags(spec.storage.kind, PKI) {
        flags.set(name, value);
    }
    flags.feature_gates(&spec.feature_gates);
    flags
}
