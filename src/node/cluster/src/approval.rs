//! Whether a request for a node's certificate is approved. Pure: the requests of nodes come from the API server, which
//! has authenticated whoever asks, and `noded` on a controller carries the verdict out.
//!
//! Upstream approves whatever a node's group asks for, so that whoever has a bootstrap token can become any node,
//! including one that exists. Here a token gives a name that no node has, once; a node's own certificate gives that node
//! another one, and nothing else; and a kubelet answers only for its node's name and for addresses that are nobody
//! else's. Requests of others, as of people, are left to people.

use std::net::IpAddr;

use config::Cidr;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use crate::pki::member::{CLIENT_SIGNER, SERVER_SIGNER};

/// Prefix of the user names of nodes.
pub(crate) const NODE_PREFIX: &str = "system:node:";
/// Group of nodes.
pub const NODES_GROUP: &str = "system:nodes";
/// Group of those who join with a worker's token. Its name is what the API server allows for tokens.
pub const WORKERS_JOINING_GROUP: &str = "system:bootstrappers:ironhull:worker";
/// Most names and addresses in a server's certificate.
const MAX_NAMES: usize = 32;
/// The usage that Kubernetes allows beside the required ones.
const ENCIPHERMENT: &str = "key encipherment";

/// A request as the API server shows it.
#[derive(Clone, Debug, Default)]
pub struct Petition {
    /// Who shall sign.
    pub signer: String,
    /// Who asks.
    pub username: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// What the certificate shall be used for.
    pub usages: Vec<String>,
    /// The request, PEM.
    pub request: String,
}

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownNode {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What a verdict depends on besides the request.
#[derive(Clone, Debug)]
pub struct Known {
    /// The nodes that exist.
    pub nodes: Vec<KnownNode>,
    /// Requests for certificates of clients that were approved already.
    pub approved: Vec<Petition>,
    /// Addresses of services.
    pub services: Cidr,
    /// Addresses of pods.
    pub pods: Cidr,
    /// The controller's own addresses, and those by which its API server is reached.
    pub reserved: Vec<IpAddr>,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is approved, and why.
    Approve(&'static str),
    /// It is denied, and why.
    Deny(String),
    /// It is for people to decide.
    Leave,
}

/// Decides about a request.
#[must_use]
pub fn judge(petition: &Petition, known: &Known) -> Verdict {
    let is_in = |group: &str| petition.groups.iter().any(|g| g == group);
    let asks = match petition.username.strip_prefix(NODE_PREFIX) {
        Some(name) if is_in(NODES_GROUP) => Asks::Node(name),
        _ if is_in(WORKERS_JOINING_GROUP) => Asks::Joining,
        _ => return Verdict::Leave,
    };
    let judged = match petition.signer.as_str() {
        CLIENT_SIGNER => judge_client(petition, asks, known),
        SERVER_SIGNER => judge_server(petition, asks, known),
        _ => return Verdict::Leave,
    };
    judged.map_or_else(Verdict::Deny, Verdict::Approve)
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Asks<'a> {
    /// The node of this name.
    Node(&'a str),
    /// Whoever has a token.
    Joining,
}

fn judge_client(petition: &Petition, asks: Asks, known: &Known) -> Result<&'static str, String> {
    let wanted = Contents::of(petition)?;
    wanted.has_usages(petition, "client auth")?;
    if !wanted.names.is_empty() {
        return Err("the certificate of a client has no names besides its subject's".to_owned());
    }
    match asks {
        Asks::Node(name) if name == wanted.node => Ok("the node renews its own certificate"),
        Asks::Node(name) => Err(format!("node {name} asks for a certificate of node {}", wanted.node)),
        Asks::Joining => {
            let approved = known.approved.iter().filter_map(|p| Contents::of(p).ok());
            let before: Vec<Contents> = approved.filter(|b| b.node == wanted.node).collect();
            if before.iter().any(|b| b.key == wanted.key) {
                return Ok("this key has the name already");
            }
            let hint = format!("`kubectl delete node {}` lets another machine have the name", wanted.node);
            if known.nodes.iter().any(|n| n.name == wanted.node) {
                return Err(format!("node {} exists, and this machine has not its key; {hint}", wanted.node));
            }
            if !before.is_empty() {
                return Err(format!(
                    "another machine got the name {} within the last hour: delete its certificate signing request",
                    wanted.node
                ));
            }
            Ok("a token for workers, and no node has the name")
        }
    }
}

fn judge_server(petition: &Petition, asks: Asks, known: &Known) -> Result<&'static str, String> {
    let wanted = Contents::of(petition)?;
    wanted.has_usages(petition, "server auth")?;
    match asks {
        Asks::Node(name) if name == wanted.node => {}
        Asks::Node(name) => {
            return Err(format!("node {name} asks for a certificate of node {}", wanted.node));
        }
        Asks::Joining => return Err("a token is for the certificate of a client only".to_owned()),
    }
    if wanted.names.is_empty() || wanted.names.len() > MAX_NAMES {
        return Err(format!("expected 1 to {MAX_NAMES} names and addresses, found {}", wanted.names.len()));
    }
    for name in &wanted.names {
        match name {
            Name::Dns(dns) if *dns == wanted.node => {}
            Name::Dns(dns) => return Err(format!("the DNS name {dns:?} is not the node's")),
            Name::Address(address) => is_free(*address, &wanted.node, known)?,
            Name::Other => return Err("expected DNS names and addresses, found another kind".to_owned()),
        }
    }
    Ok("the node's own name and addresses")
}

/// Checks that an address can be that of a node, and is nobody else's.
fn is_free(address: IpAddr, node: &str, known: &Known) -> Result<(), String> {
    let is_special = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    let within = |range: Cidr| matches!(address, IpAddr::V4(v4) if range.contains(v4));
    let owner = known.nodes.iter().find(|n| n.name != node && n.addresses.contains(&address));
    let why = match owner {
        _ if is_special => "is no address of a node".to_owned(),
        _ if within(known.services) => format!("is one of services, {}", known.services),
        _ if within(known.pods) => format!("is one of pods, {}", known.pods),
        Some(owner) => format!("is one of node {}", owner.name),
        None if known.reserved.contains(&address) => "is one of the control plane".to_owned(),
        None => return Ok(()),
    };
    Err(format!("address {address} {why}"))
}

/// A name in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Dns(String),
    Address(IpAddr),
    Other,
}

/// What a request says.
#[derive(Debug)]
struct Contents {
    /// Name of the node.
    node: String,
    /// The public key, DER.
    key: Vec<u8>,
    names: Vec<Name>,
}

impl Contents {
    /// Reads a request; its subject must be that of a node.
    fn of(petition: &Petition) -> Result<Contents, String> {
        let malformed = || "the request is malformed".to_owned();
        let pem = x509_parser::pem::parse_x509_pem(petition.request.as_bytes());
        let (_, pem) = pem.map_err(|_| malformed())?;
        let (_, request) = X509CertificationRequest::from_der(&pem.contents).map_err(|_| malformed())?;
        let subject = &request.certification_request_info.subject;
        let attributes = subject.iter_attributes().count();
        let mut names = subject.iter_common_name().filter_map(|a| a.as_str().ok());
        let mut groups = subject.iter_organization().filter_map(|a| a.as_str().ok());
        let node = names.next().and_then(|n| n.strip_prefix(NODE_PREFIX)).filter(|n| is_node_name(n));
        let (Some(node), Some(NODES_GROUP), 2) = (node, groups.next(), attributes) else {
            return Err(format!(
                "expected the subject O={NODES_GROUP}, CN={NODE_PREFIX}NAME, found {subject}"
            ));
        };
        let names = request.requested_extensions().into_iter().flatten().flat_map(names_in).collect();
        let key = request.certification_request_info.subject_pki.raw.to_vec();
        Ok(Contents { node: node.to_owned(), key, names })
    }

    /// Checks that `usage` and a signature are all that is asked for.
    fn has_usages(&self, petition: &Petition, usage: &str) -> Result<(), String> {
        let has = |wanted: &str| petition.usages.iter().any(|u| u == wanted);
        let extra = petition
            .usages
            .iter()
            .find(|u| ![usage, "digital signature", ENCIPHERMENT].contains(&u.as_str()));
        match extra {
            None if has(usage) && has("digital signature") => Ok(()),
            _ => Err(format!(
                "expected the usages digital signature and {usage}, found {}",
                petition.usages.join(", ")
            )),
        }
    }
}

/// Returns the names in an extension.
fn names_in(extension: &ParsedExtension) -> Vec<Name> {
    let ParsedExtension::SubjectAlternativeName(names) = extension else { return Vec::new() };
    let name = |name: &GeneralName| match name {
        GeneralName::DNSName(dns) => Name::Dns((*dns).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map_or(Name::Other, Name::Address),
        _ => Name::Other,
    };
    names.general_names.iter().map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    v4.or_else(|| <[u8; 16]>::try_from(bytes).map(|b| IpAddr::from(b).to_canonical()).ok())
}

/// Returns whether a text can be the name of a node, and so be shown.
fn is_node_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    (1..=253).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use certs::{Key, Subject, Usage};

    /// A request for `node` with `key`.
    fn pem(node: &str, usage: Usage, names: &[&str], key: &Key) -> String {
        let common_name = format!("system:node:{node}");
        let subject = Subject { common_name: &common_name, organization: Some(NODES_GROUP) };
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        certs::request(subject, usage, &names, key).unwrap()
    }

    fn client(node: &str, key: &Key) -> Petition {
        Petition {
            signer: CLIENT_SIGNER.into(),
            username: "system:bootstrap:abcdef".into(),
            groups: vec!["system:bootstrappers".into(), WORKERS_JOINING_GROUP.into()],
            usages: vec!["digital signature".into(), "client auth".into()],
            request: pem(node, Usage::Client, &[], key),
        }
    }

    fn server(asks: &str, node: &str, names: &[&str]) -> Petition {
        Petition {
            signer: SERVER_SIGNER.into(),
            username: format!("system:node:{asks}"),
            groups: vec![NODES_GROUP.into()],
            usages: vec!["digital signature".into(), "server auth".into()],
            request: pem(node, Usage::Server, names, &Key::generate().unwrap()),
        }
    }

    fn known() -> Known {
        Known {
            nodes: vec![KnownNode { name: "old".into(), addresses: vec!["10.0.0.5".parse().unwrap()] }],
            approved: Vec::new(),
            services: "10.96.0.0/12".parse().unwrap(),
            pods: "10.244.0.0/16".parse().unwrap(),
            reserved: vec!["10.0.0.1".parse().unwrap()],
        }
    }

    /// The reason of a denial.
    fn denied(petition: &Petition, known: &Known) -> String {
        match judge(petition, known) {
            Verdict::Deny(why) => why,
            other => panic!("{other:?}: {petition:?}"),
        }
    }

    #[test]
    fn a_token_gives_a_name_that_nobody_has_once() {
        let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        let mut known = known();
        assert!(matches!(judge(&client("new", &key), &known), Verdict::Approve(_)));
        assert!(denied(&client("old", &key), &known).contains("kubectl delete node old"));
        known.approved = vec![client("new", &key), client("old", &other)];
        assert!(matches!(judge(&client("new", &key), &known), Verdict::Approve(_)), "asked again");
        assert!(denied(&client("new", &other), &known).contains("another machine got the name"));
        assert!(matches!(judge(&client("old", &other), &known), Verdict::Approve(_)), "it has its key");
        assert!(denied(&client("old", &key), &known).contains("node old exists"));
    }

    #[test]
    fn a_node_gets_only_its_own_certificates() {
        let key = Key::generate().unwrap();
        let renewal = |asks: &str, node: &str| Petition {
            username: format!("system:node:{asks}"),
            groups: vec![NODES_GROUP.into()],
            ..client(node, &key)
        };
        assert!(matches!(judge(&renewal("old", "old"), &known()), Verdict::Approve(_)));
        assert!(denied(&renewal("old", "new"), &known()).contains("node old asks"));
        assert!(matches!(judge(&server("n", "n", &["n", "10.0.0.9"]), &known()), Verdict::Approve(_)));
        assert!(denied(&server("old", "n", &["n"]), &known()).contains("node old asks"));
        let joining =
            Petition { groups: client("n", &key).groups, username: "x".into(), ..server("n", "n", &["n"]) };
        assert!(denied(&joining, &known()).contains("a token is for"));
    }

    #[test]
    fn a_kubelet_answers_for_no_address_of_others() {
        for (name, expected) in [
            ("10.0.0.5", "is one of node old"),
            ("10.0.0.1", "is one of the control plane"),
            ("10.96.0.1", "is one of services"),
            ("10.244.3.4", "is one of pods"),
            ("127.0.0.1", "is no address of a node"),
            ("0.0.0.0", "is no address of a node"),
            ("::1", "is no address of a node"),
            ("kubernetes.default", "is not the node's"),
        ] {
            assert!(denied(&server("n", "n", &["n", name]), &known()).contains(expected), "{name}");
        }
        assert!(matches!(judge(&server("old", "old", &["10.0.0.5"]), &known()), Verdict::Approve(_)));
        assert!(denied(&server("n", "n", &[]), &known()).contains("expected 1 to 32"));
    }

    #[test]
    fn what_is_not_exactly_a_nodes_request_is_denied_or_left() {
        let key = Key::generate().unwrap();
        let good = client("n", &key);
        let with_names = Petition { request: pem("n", Usage::Client, &["n"], &key), ..good.clone() };
        assert!(denied(&with_names, &known()).contains("no names"));
        let more =
            Petition { usages: [good.usages.clone(), vec!["cert sign".into()]].concat(), ..good.clone() };
        assert!(denied(&more, &known()).contains("cert sign"));
        let junk = Petition { request: "junk".into(), ..good.clone() };
        assert!(denied(&junk, &known()).contains("malformed"));
        for (name, group) in
            [("system:node:n", "system:masters"), ("admin", NODES_GROUP), ("system:node:A_b", NODES_GROUP)]
        {
            let subject = Subject { common_name: name, organization: Some(group) };
            let request = certs::request(subject, Usage::Client, &[], &key).unwrap();
            assert!(denied(&Petition { request, ..good.clone() }, &known()).contains("expected the subject"));
        }
        let person = Petition { groups: vec!["people".into()], ..good.clone() };
        assert_eq!(judge(&person, &known()), Verdict::Leave);
        let other = Petition { signer: "kubernetes.io/kube-apiserver-client".into(), ..good };
        assert_eq!(judge(&other, &known()), Verdict::Leave);
    }
}
