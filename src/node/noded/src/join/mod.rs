//! A node joins a cluster: with the token in its config it asks for a certificate of its own, and from then on it is a
//! member, token or not.
//!
//! What it joins is on the disk before the first request ([`Record`]): whatever fails afterwards, and however often the
//! node restarts, it goes on joining that cluster and never founds one. Each step can be repeated. Certificates that are
//! due are asked for with the node's own certificate; only a node that has none that is valid needs a token again.

mod certificates;
mod record;

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use cluster::member::{AUTHORITY_PATH, Kind, directories};
use cluster::{Facts, File, Ownership, State, parse_shared};
use config::{ClusterConfig, JoinToken};
use net::clock;
use serde::Deserialize;

use crate::condition::{Claim, JOINED};
use crate::console;
use crate::kube::{Kube, refused_with};
use crate::node::{Member, Node};
pub use record::Record;

/// Why a node is no member of its cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotJoined {
    /// In one word, for the condition.
    pub reason: &'static str,
    /// In one line, with the remedy.
    pub message: String,
}

/// Returns the error with this reason.
fn not_joined(reason: &'static str, message: impl Into<String>) -> anyhow::Error {
    NotJoined { reason, message: message.into() }.into()
}

/// Makes the node a member of its cluster, or renews what is due; returns the cluster.
///
/// # Errors
/// [`NotJoined`], or what else went wrong. The condition `Joined` and the console say it too. May be repeated.
pub fn ensure(node: &Node, address: Ipv4Addr) -> Result<Member> {
    let joined = try_ensure(node, address);
    let message = match &joined {
        Ok(member) => {
            node.claim(JOINED, Claim { message: member.server.clone(), ..Claim::yes("Member") });
            String::new()
        }
        Err(e) => {
            let reason = e.downcast_ref::<NotJoined>().map_or("Failed", |n| n.reason);
            node.claim(JOINED, Claim::no(reason, format!("{e:#}")));
            format!("ironhull: not joined: {e:#}")
        }
    };
    announce(message);
    joined
}

/// Writes to the console what was not written last.
fn announce(message: String) {
    static SAID: Mutex<String> = Mutex::new(String::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if *said != message {
        if !message.is_empty() {
            console::announce(&message);
        }
        *said = message;
    }
}

fn try_ensure(node: &Node, address: Ipv4Addr) -> Result<Member> {
    let token = node.documents.node.join.as_ref().map(|join| &join.token);
    let kept = Record::load(Path::new("/"))?;
    let mut record = decide(token, kept.as_ref())?;
    if kept.as_ref() != Some(&record) {
        record.keep(Path::new("/"))?;
    }
    let authority = File::public(AUTHORITY_PATH, record.authority.clone());
    cluster::apply(Path::new("/"), &directories(), &[authority], Ownership::Set)
        .context("writing the cluster's authority")?;
    let server = record.servers.first().context("the token names no API server")?.clone();
    let addresses = [address];
    let cluster = ClusterConfig::default();
    let facts = Facts {
        node: &node.documents.node,
        cluster: &cluster,
        server: Some(&server),
        address,
        addresses: &addresses,
        now_secs: clock::now().as_secs(),
        build_time_secs: node.image.build_time,
        state_bytes: 0,
        container_images: &node.image.container_images,
    };
    let state = || State::load(Path::new("/")).context("reading certificates");
    obtain_client(&facts, &state()?, &record, token.filter(|t| t.role.name() == record.role))?;
    let kube = Member::kube(&server)?;
    match read_shared(&kube) {
        Ok(text) => {
            if record.cluster.as_ref() != Some(&text) {
                record.cluster = Some(text);
                record.keep(Path::new("/"))?;
            }
        }
        // It was a member before: what it knows is enough while the cluster does not answer.
        Err(e) if record.cluster.is_some() => eprintln!("noded: {e:#}"),
        Err(e) => return Err(e),
    }
    let cluster = parse_shared(record.cluster.as_deref().unwrap_or_default())?;
    let state = state()?;
    if let Some(reason) = Kind::Server.due(&facts, &state) {
        eprintln!("noded: asking for a certificate for the kubelet: {reason}");
        unless_usable(certificates::obtain(Kind::Server, &facts, &kube), Kind::Server, (&facts, &state))?;
    }
    Ok(Member { server, cluster: Arc::new(cluster) })
}

/// Obtains the node's certificate if it is due: with the one that it has if that is valid, else with the token.
fn obtain_client(facts: &Facts, state: &State, record: &Record, token: Option<&JoinToken>) -> Result<()> {
    let Some(reason) = Kind::Client.due(facts, state) else { return Ok(()) };
    eprintln!("noded: asking for a certificate of the node: {reason}");
    let server = facts.api_server();
    if Kind::Client.is_usable(facts, state) {
        let kube = Member::kube(&server)?;
        return unless_usable(certificates::obtain(Kind::Client, facts, &kube), Kind::Client, (facts, state));
    }
    let remedy = "`ironhull token create` on a controller makes one for join.token";
    let Some(token) = token else {
        let message = format!("the node has no valid certificate, and its config no token: {remedy}");
        return Err(not_joined("NoToken", message));
    };
    if token.expires_secs <= facts.now_secs {
        let ended = api::utc(token.expires_secs);
        return Err(not_joined("TokenExpired", format!("the token expired at {ended}: {remedy}")));
    }
    let kube = Kube::with_token(&server, &record.authority, &token.bearer())?;
    certificates::obtain(Kind::Client, facts, &kube).map_err(|e| match refused_with(&e) {
        Some(401) => not_joined(
            "TokenRefused",
            format!("the cluster does not know token {}, or it was revoked: {remedy}", token.id),
        ),
        _ => e,
    })
}

/// Takes a failed renewal for no failure as long as the certificate that is there can be used.
fn unless_usable(obtained: Result<()>, kind: Kind, (facts, state): (&Facts, &State)) -> Result<()> {
    match obtained {
        Err(e) if kind.is_usable(facts, state) => {
            eprintln!("noded: renewing {}: {e:#}", kind.name());
            Ok(())
        }
        other => other,
    }
}

/// Decides what is joined: what the config says, unless the node is a member of another cluster already.
fn decide(token: Option<&JoinToken>, kept: Option<&Record>) -> Result<Record> {
    let Some(token) = token else {
        return kept.cloned().ok_or_else(|| {
            not_joined(
                "NoToken",
                "the config has no join.token: `ironhull token create` on a controller makes one",
            )
        });
    };
    let new = Record::of(token);
    match kept {
        Some(kept) if cluster::member::is_same_authority(&kept.authority, &new.authority) => {
            // The old certificate may be the newer one; the servers are what the operator says.
            Ok(Record { servers: new.servers, ..kept.clone() })
        }
        Some(kept) if kept.cluster.is_some() => Err(not_joined(
            "OtherCluster",
            "the token is of another cluster than the one that the node has joined: a node with an empty state can join it",
        )),
        _ => Ok(new),
    }
}

/// Reads what a node must know of its cluster.
fn read_shared(kube: &Kube) -> Result<String> {
    #[derive(Deserialize)]
    struct ConfigMap {
        data: std::collections::BTreeMap<String, String>,
    }
    let (namespace, name) = (cluster::SHARED_NAMESPACE, cluster::SHARED_NAME);
    let mut found: ConfigMap = kube.get(&format!("/api/v1/namespaces/{namespace}/configmaps/{name}"))?;
    let text = found.data.remove(cluster::SHARED_KEY);
    let text = text.with_context(|| format!("config map {name} has no {}", cluster::SHARED_KEY))?;
    // What can't be understood is not kept.
    parse_shared(&text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{Role, Secret};

    fn token(key: &certs::Key, server: &str) -> JoinToken {
        let subject = certs::Subject { common_name: "ca", organization: None };
        let again = certs::Key::from_pem(&key.to_pem()).unwrap();
        let authority = certs::Authority::new(subject, again);
        JoinToken {
            role: Role::Worker,
            servers: vec![server.into()],
            authority: authority.certificate(certs::Clock::new(1_790_000_000), 1_800_000_000).unwrap(),
            id: "abcdef".into(),
            secret: Secret::new("0123456789abcdef".into()),
            expires_secs: 1_790_000_100,
        }
    }

    fn reason(result: Result<Record>) -> &'static str {
        result.unwrap_err().downcast_ref::<NotJoined>().unwrap().reason
    }

    #[test]
    fn what_was_begun_is_joined_and_a_member_changes_its_cluster_never() {
        let (ours, others) = (certs::Key::generate().unwrap(), certs::Key::generate().unwrap());
        assert_eq!(reason(decide(None, None)), "NoToken");
        let begun = decide(Some(&token(&ours, "https://a")), None).unwrap();
        assert_eq!((begun.role.as_str(), &begun.cluster), ("worker", &None));
        assert_eq!(decide(None, Some(&begun)).unwrap(), begun, "it goes on without the token");
        let other = token(&others, "https://b");
        assert_eq!(decide(Some(&other), Some(&begun)).unwrap().authority, other.authority);
        let member = Record { cluster: Some("x".into()), ..begun };
        assert_eq!(reason(decide(Some(&other), Some(&member))), "OtherCluster");
        let moved = decide(Some(&token(&ours, "https://c")), Some(&member)).unwrap();
        assert_eq!(moved, Record { servers: vec!["https://c".into()], ..member });
    }
}
