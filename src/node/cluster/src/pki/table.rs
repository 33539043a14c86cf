//! The table of all certificates: subject, authority and path of each.

use certs::Usage;
use config::StorageKind;
use control::User;

use super::place::{PKI_DIRECTORY, path};
use super::spec::{LIFE_SECS, LeafSpec};
use crate::approval::{NODE_PREFIX, NODES_GROUP};
use crate::duties::Duties;
use crate::facts::Facts;
use crate::file::Directory;
use crate::users;

/// Group in the API server's client certificate for kubelets; a built-in manifest authorizes it.
pub const KUBELET_CLIENT_GROUP: &str = "ironhull:kubelet-clients";

/// An authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ca {
    /// For everything that talks to the API server or a kubelet.
    Kubernetes,
    /// For the API server as a client of extension API servers.
    FrontProxy,
    /// For the store.
    Etcd,
}

impl Ca {
    /// Returns the name of its files in `ca/`.
    pub fn name(self) -> &'static str {
        match self {
            Ca::Kubernetes => "kubernetes",
            Ca::FrontProxy => "front-proxy",
            Ca::Etcd => "etcd",
        }
    }

    /// Returns the common name in its certificate.
    pub fn common_name(self) -> &'static str {
        match self {
            Ca::Kubernetes => "kubernetes-ca",
            Ca::FrontProxy => "kubernetes-front-proxy-ca",
            Ca::Etcd => "etcd-ca",
        }
    }
}

/// A certificate of the table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub ca: Ca,
    pub spec: LeafSpec,
    pub owner: User,
}

/// Returns all certificates of a node that holds the authorities.
pub(crate) fn leaves(duties: Duties, facts: &Facts) -> Vec<Entry> {
    use Ca::{Etcd, FrontProxy, Kubernetes};
    let node_name = format!("{NODE_PREFIX}{}", facts.node.hostname);
    let loopback = || vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let store = users::store(facts.cluster.spec.storage.kind);
    let (api, manager) = (users::APISERVER, users::CONTROLLER_MANAGER);
    let client = |ca, name, owner, common_name: &str, group: Option<&str>| {
        entry(ca, owner, leaf(name, Usage::Client, (common_name, group), Vec::new()))
    };
    let server = |ca, name, owner, common_name: &str, names| {
        entry(ca, owner, leaf(name, Usage::Server, (common_name, None), names))
    };
    let mut all = vec![
        server(Kubernetes, "apiserver/server", api, "kube-apiserver", api_names(facts)),
        client(
            Kubernetes,
            "apiserver/kubelet-client",
            api,
            "apiserver-kubelet-client",
            Some(KUBELET_CLIENT_GROUP),
        ),
        client(FrontProxy, "apiserver/front-proxy-client", api, "front-proxy-client", None),
        client(Kubernetes, "apiserver/probe", api, "ironhull:probe", None),
        client(Kubernetes, "controller-manager/client", manager, "system:kube-controller-manager", None),
        server(Kubernetes, "controller-manager/server", manager, "kube-controller-manager", loopback()),
        client(Kubernetes, "scheduler/client", users::SCHEDULER, "system:kube-scheduler", None),
        server(Kubernetes, "scheduler/server", users::SCHEDULER, "kube-scheduler", loopback()),
    ];
    if duties.workloads {
        let kubelet =
            leaf("kubelet/server", Usage::Server, (&node_name, Some(NODES_GROUP)), node_names(facts));
        all.extend([
            client(Kubernetes, "kubelet/client", User::ROOT, &node_name, Some(NODES_GROUP)),
            entry(Kubernetes, User::ROOT, kubelet),
            client(Kubernetes, "kube-proxy/client", User::ROOT, "system:kube-proxy", None),
        ]);
    }
    all.push(client(Kubernetes, "noded/client", User::ROOT, "ironhull:noded", Some("system:masters")));
    match facts.cluster.spec.storage.kind {
        // The API server uses a unix socket, so these are for other etcd members.
        StorageKind::Etcd => {
            let peer = leaf("etcd/peer", Usage::Both, ("etcd-peer", None), loopback());
            all.push(entry(Etcd, store, peer));
        }
        StorageKind::Kine => {
            all.push(server(Etcd, "etcd/server", store, "etcd-server", loopback()));
            all.push(client(Etcd, "apiserver/etcd-client", api, "apiserver-etcd-client", None));
        }
    }
    all
}

fn entry(ca: Ca, owner: User, spec: LeafSpec) -> Entry {
    Entry { ca, spec, owner }
}

fn leaf(
    name: &str,
    usage: Usage,
    (common_name, group): (&str, Option<&str>),
    names: Vec<String>,
) -> LeafSpec {
    LeafSpec {
        name: name.to_owned(),
        common_name: common_name.to_owned(),
        organization: group.map(str::to_owned),
        usage,
        names,
        life_secs: LIFE_SECS,
    }
}

/// Returns every name and address of the API server.
fn api_names(facts: &Facts) -> Vec<String> {
    let spec = &facts.cluster.spec;
    let mut names = vec!["kubernetes".to_owned(), "kubernetes.default".to_owned()];
    names.push("kubernetes.default.svc".to_owned());
    names.push(format!("kubernetes.default.svc.{}", spec.network.cluster_domain));
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]);
    names.push(spec.network.api_service_address().to_string());
    names.extend(node_names(facts));
    names.extend(spec.api.address.map(|a| a.to_string()));
    names.extend(spec.api.external_address.clone());
    names.extend(spec.api.sans.iter().cloned());
    names
}

/// Returns the node's name and addresses.
pub(crate) fn node_names(facts: &Facts) -> Vec<String> {
    let addresses = facts.addresses.iter().chain([&facts.address]).map(ToString::to_string);
    std::iter::once(facts.node.hostname.clone()).chain(addresses).collect()
}

/// A copy for a component of a file that belongs to root.
#[derive(Debug)]
pub(crate) struct Copy {
    pub original: &'static str,
    pub to: &'static str,
    pub mode: u32,
    pub owner: User,
}

/// Returns all copies, each in its component's directory.
pub(crate) fn copies(duties: Duties, store: StorageKind) -> Vec<Copy> {
    let (api, manager) = (users::APISERVER, users::CONTROLLER_MANAGER);
    let public = |original, to, owner| Copy { original, to, mode: 0o644, owner };
    let private = |original, to, owner| Copy { original, to, mode: 0o600, owner };
    let mut all = vec![
        public("ca/etcd.crt", "etcd/ca.crt", users::store(store)),
        public("ca/kubernetes.crt", "apiserver/ca.crt", api),
        public("ca/front-proxy.crt", "apiserver/front-proxy-ca.crt", api),
        public("ca/service-account.pub", "apiserver/service-account.pub", api),
        private("ca/service-account.key", "apiserver/service-account.key", api),
        public("ca/kubernetes.crt", "controller-manager/ca.crt", manager),
        private("ca/kubernetes.key", "controller-manager/ca.key", manager),
        public("ca/front-proxy.crt", "controller-manager/front-proxy-ca.crt", manager),
        private("ca/service-account.key", "controller-manager/service-account.key", manager),
        public("ca/kubernetes.crt", "scheduler/ca.crt", users::SCHEDULER),
        public("ca/front-proxy.crt", "scheduler/front-proxy-ca.crt", users::SCHEDULER),
        public("ca/kubernetes.crt", "noded/ca.crt", User::ROOT),
    ];
    if duties.workloads {
        all.push(public("ca/kubernetes.crt", "kubelet/ca.crt", User::ROOT));
        all.push(public("ca/kubernetes.crt", "kube-proxy/ca.crt", User::ROOT));
    }
    if store == StorageKind::Kine {
        all.push(public("ca/etcd.crt", "apiserver/etcd-ca.crt", api));
    }
    all
}

/// Returns all directories: one for the authorities and one for each component, accessible only to its owner.
pub(crate) fn directories(duties: Duties, store: StorageKind) -> Vec<Directory> {
    let closed = |name, owner| Directory::private(path(name), owner);
    let mut all = vec![
        Directory::public(PKI_DIRECTORY),
        closed("ca", User::ROOT),
        closed("etcd", users::store(store)),
        closed("apiserver", users::APISERVER),
        closed("controller-manager", users::CONTROLLER_MANAGER),
        closed("scheduler", users::SCHEDULER),
        closed("noded", User::ROOT),
    ];
    if duties.workloads {
        all.extend([closed("kubelet", User::ROOT), closed("kube-proxy", User::ROOT)]);
    }
    all
}
