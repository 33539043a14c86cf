//! kube-controller-manager and kube-scheduler.
//!
//! There is one of each, so no leader is elected. Both get the authorities as files instead of asking the API
//! server for them at start, and serving certificates, since their own would be RSA, which is slow to generate.

use control::{Limits, Probe};

use super::apiserver;
use super::builder::{Flags, after, daemon, health};
use super::parts::Parts;
use crate::facts::Facts;
use crate::file::File;
use crate::pki::member;
use crate::{kubeconfig, users};

pub(crate) fn add(facts: &Facts, parts: &mut Parts) {
    controller_manager(facts, parts);
    scheduler(facts, parts);
}

/// Returns the flags of both, for the component whose directory is `name`.
fn common(name: &str) -> Flags {
    let pki = |file: &str| format!("/state/pki/{name}/{file}");
    let kubeconfig = format!("/etc/kubernetes/{name}.kubeconfig");
    Flags::new([
        ("kubeconfig", kubeconfig.as_str()),
        ("authentication-kubeconfig", &kubeconfig),
        ("authorization-kubeconfig", &kubeconfig),
        ("authentication-skip-lookup", "true"),
        ("client-ca-file", &pki("ca.crt")),
        ("requestheader-client-ca-file", &pki("front-proxy-ca.crt")),
        ("bind-address", "127.0.0.1"),
        ("tls-cert-file", &pki("server.crt")),
        ("tls-private-key-file", &pki("server.key")),
        ("tls-min-version", "VersionTLS13"),
        ("leader-elect", "false"),
        ("profiling", "false"),
    ])
}

fn controller_manager(facts: &Facts, parts: &mut Parts) {
    const NAME: &str = "controller-manager";
    let spec = &facts.cluster.spec;
    let pki = |file: &str| format!("/state/pki/{NAME}/{file}");
    let mut flags = common(NAME);
    flags.set("cluster-name", spec_name(facts));
    flags.set("cluster-cidr", spec.network.pod_cidr.to_string());
    flags.set("service-cluster-ip-range", spec.network.service_cidr.to_string());
    flags.set("allocate-node-cidrs", "true");
    flags.set("node-cidr-mask-size", "24");
    flags.set("cluster-signing-cert-file", pki("ca.crt"));
    flags.set("cluster-signing-key-file", pki("ca.key"));
    flags.set("root-ca-file", pki("ca.crt"));
    flags.set("service-account-private-key-file", pki("service-account.key"));
    flags.set("use-service-account-credentials", "true");
    // Removes tokens that have expired. Requests for certificates of nodes are approved by `noded` alone: upstream would
    // give whoever has a token the certificate of any node.
    flags.set("controllers", "*,token-cleaner-controller,-certificatesigningrequest-approving-controller");
    // At its start each controller makes requests; with the default limit they wait for each other for
    // seconds.
    flags.set("kube-api-qps", "200");
    flags.set("kube-api-burst", "400");
    flags.feature_gates(&spec.feature_gates);
    flags.extend(&spec.controller_manager.extra_args);
    let user = users::CONTROLLER_MANAGER;
    let mut service =
        daemon("kube-controller-manager", user, flags.command("/usr/bin/kube-controller-manager"));
    // It exits when it has been refused for 10 s, which is less than upstream needs to create the roles on a
    // slow machine, in case they are not in the store from the start.
    service.after = after([apiserver::SERVING]);
    service.readiness = Some(Probe::Tcp { port: 10_257 });
    service.health = health(Probe::Tcp { port: 10_257 });
    service.limits = limits();
    parts.files.push(component_kubeconfig(facts, NAME, user));
    parts.services.push(service);
}

fn scheduler(facts: &Facts, parts: &mut Parts) {
    const NAME: &str = "scheduler";
    let spec = &facts.cluster.spec;
    let mut flags = common(NAME);
    flags.feature_gates(&spec.feature_gates);
    flags.extend(&spec.scheduler.extra_args);
    let mut service = daemon("kube-scheduler", users::SCHEDULER, flags.command("/usr/bin/kube-scheduler"));
    service.after = after([apiserver::ANSWER]);
    service.readiness = Some(Probe::Tcp { port: 10_259 });
    service.health = health(Probe::Tcp { port: 10_259 });
    service.limits = limits();
    parts.files.push(component_kubeconfig(facts, NAME, users::SCHEDULER));
    parts.services.push(service);
}

/// Returns the kubeconfig of the component whose directory is `name`, readable only by its user.
fn component_kubeconfig(facts: &Facts, name: &str, user: control::User) -> File {
    let directory = format!("/state/pki/{name}");
    let pair = (format!("{directory}/client.crt"), format!("{directory}/client.key"));
    kubeconfig_of(facts, (name, user), (&directory, &pair.0, &pair.1))
}

/// Returns the kubeconfig of a program of the node itself, run by root: with a certificate of its own where the node
/// issues them, otherwise with the node's.
pub(crate) fn node_kubeconfig(facts: &Facts, name: &str) -> File {
    let pair = member::CLIENT_PATH;
    match facts.server {
        None => component_kubeconfig(facts, name, control::User::ROOT),
        Some(_) => kubeconfig_of(facts, (name, control::User::ROOT), (member::DIRECTORY, pair, pair)),
    }
}

fn kubeconfig_of(
    facts: &Facts,
    (name, user): (&str, control::User),
    (directory, certificate, key): (&str, &str, &str),
) -> File {
    let files = kubeconfig::Files { authority: &format!("{directory}/ca.crt"), certificate, key };
    let text = kubeconfig::by_files(&spec_name(facts), &facts.api_server(), name, &files);
    File::private(format!("/etc/kubernetes/{name}.kubeconfig"), user, text)
}

fn spec_name(facts: &Facts) -> String {
    facts.cluster.metadata.name.clone()
}

fn limits() -> Limits {
    Limits { cpu_weight: Some(300), oom_score_adj: Some(-970), open_files: Some(65_536), ..Limits::default() }
}
