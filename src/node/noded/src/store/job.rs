//! The work of a restore, from the uploaded snapshot to services that run on it.
//!
//! The new data is made while the cluster runs. Then all services but those that run containers are stopped, the data
//! is exchanged, and they start again: pods go on meanwhile. What the store held becomes a snapshot of the state, which
//! `state restore` brings back. Until the exchange a failure changes nothing; from its begin on, it is ended before
//! anything starts, after a power cut as well.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use api::StoreStage;
use config::StorageKind;
use control::ServiceSpec;
use data_encoding::BASE64;
use serde::Deserialize;
use snapshots::Incoming;
use update::Staged;

use super::program::Program;
use super::restorer::{Foreign, Places, Progress};
use crate::back_off::BackOff;
use crate::bring_up::services::wait_at_most;
use crate::condition::{Claim, STATE_KEPT};
use crate::node::Node;
use crate::state;

/// Longest wait for services to stop: they are killed after ten seconds each, and few need another one.
const LONGEST_STOP: Duration = Duration::from_secs(120);
/// Longest wait for the API server to be ready again.
const LONGEST_START: Duration = Duration::from_secs(300);
/// Polling interval.
const LOOK: Duration = Duration::from_millis(250);

/// What the store's program says of a snapshot.
#[derive(Debug, Deserialize)]
struct Checked {
    revision: i64,
    keys: u64,
    /// Base64 of the object that holds the certificate of the cluster's authority.
    #[serde(default)]
    authority: Option<String>,
}

/// Does all of the work, and reports its progress.
pub(super) fn run(node: &Arc<Node>, progress: &Progress, places: &Places, foreign: Foreign) {
    let restored = restore(node, progress, places, foreign);
    if let Err(e) = Staged::discard(&places.staging) {
        eprintln!("noded: removing the snapshot: {e}");
    }
    match restored {
        Ok(()) => progress.show(|p| p.stage = StoreStage::Done),
        Err(error) => {
            let told = api::one_line(error.chain().map(ToString::to_string));
            eprintln!("noded: restoring the store: {told}");
            progress.show(|p| {
                p.hint = p.aside.as_ref().map(|aside| {
                    format!("`ironhull node ADDRESS state restore {aside} --yes --reboot` brings back what was there")
                });
                p.stage = StoreStage::Failed;
                p.error = Some(told);
            });
        }
    }
}

fn restore(node: &Arc<Node>, progress: &Progress, places: &Places, foreign: Foreign) -> Result<()> {
    let program = Program::of(node).context("the store was not started yet")?;
    let checked = check(&program, places, foreign)?;
    eprintln!("noded: restoring a snapshot of the store with {} keys", checked.keys);
    progress.show(|p| {
        (p.revision, p.keys) = (Some(checked.revision), Some(checked.keys));
        p.stage = StoreStage::Restoring;
    });
    let part = match node.documents.cluster.spec.storage.kind {
        StorageKind::Etcd => "etcd",
        StorageKind::Kine => "kine",
    };
    let incoming = node.state.make_incoming(part)?;
    if let Err(error) = fill(&program, places, &incoming) {
        node.state.discard(&incoming).context("removing what was made of the snapshot")?;
        return Err(error);
    }
    progress.show(|p| p.stage = StoreStage::Exchanging);
    exchange(node, progress, &incoming)?;
    await_start(node)
}

/// Has the store's program read the snapshot completely.
fn check(program: &Program, places: &Places, foreign: Foreign) -> Result<Checked> {
    let text = program.run("snapshot-check", &[format!("--file={}", places.staged().display())])?;
    let checked: Checked = serde_json::from_slice(&text).context("reading the result of snapshot-check")?;
    if foreign == Foreign::Refused {
        let path = &places.authority;
        let own = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        match cluster_of(&checked, &own)? {
            Cluster::Own => {}
            Cluster::Other => bail!(
                "the snapshot is of a cluster with other certificate authorities than this node's; --foreign accepts it"
            ),
            Cluster::Unnamed => bail!(
                "the snapshot does not say of which cluster it is: it was made in a cluster's first minute, before \
                 Kubernetes had stored the certificate of its authority; --foreign accepts it"
            ),
        }
    }
    Ok(checked)
}

/// Has the store's program make its data of the snapshot.
fn fill(program: &Program, places: &Places, incoming: &Incoming) -> Result<()> {
    let (directory, user) = (&incoming.directory, program.user());
    chown(directory, Some(user.uid), Some(user.gid))
        .and_then(|()| fs::set_permissions(directory, fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("changing owner and mode of {}", directory.display()))?;
    let flags = [format!("--file={}", places.staged().display()), format!("--to={}", directory.display())];
    program.run("snapshot-restore", &flags).map(drop)
}

/// Stops what needs the store, exchanges its data, and starts everything again.
fn exchange(node: &Arc<Node>, progress: &Progress, incoming: &Incoming) -> Result<()> {
    let _one = node.service_set.lock().unwrap_or_else(PoisonError::into_inner);
    let services = node.planned().services.clone();
    let exchanged = match stop(node, &services) {
        Ok(()) => exchange_whole(node, incoming),
        Err(error) => {
            node.state.keep();
            Err(error)
        }
    };
    progress.show(|p| {
        p.stage = StoreStage::Starting;
        p.aside = exchanged.as_ref().ok().cloned();
    });
    // Nobody else would start them again.
    let mut pauses = BackOff::new(Duration::from_millis(250), Duration::from_secs(10));
    while let Err(e) = node.init.submit(services.clone()) {
        eprintln!("noded: starting the services again: {e:#}");
        pauses.sleep();
    }
    let message = format!("by order: what it held before is in /state/snapshots/{}", exchanged?);
    node.claim(STATE_KEPT, Claim::no("StoreRestored", message));
    Ok(())
}

/// Exchanges the data, to its end if it has begun; returns the name of the snapshot that what was there became.
fn exchange_whole(node: &Arc<Node>, incoming: &Incoming) -> Result<String> {
    let before = node.state.put_aside();
    node.state.exchange(incoming).or_else(|error| {
        // It may be under way: nothing may start before it has ended.
        state::prepare(node);
        match node.state.put_aside().filter(|aside| before.as_ref() != Some(aside)) {
            Some(aside) => {
                eprintln!("noded: the exchange of the store's data was interrupted, and has ended: {error}");
                Ok(aside)
            }
            None => Err(error.into()),
        }
    })
}

/// Waits until the store and the API server are ready.
fn await_start(node: &Node) -> Result<()> {
    for service in [cluster::STORE, "kube-apiserver"] {
        wait_at_most(node, service, LONGEST_START);
        let services = node.init.status()?.services;
        let state = services.iter().find(|s| s.name == service).map(|s| s.state);
        let is_ready = state == Some(control::ServiceState::Ready);
        ensure!(is_ready, "the data was exchanged, but {service} does not become ready");
    }
    Ok(())
}

/// Whose a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cluster {
    /// This node's.
    Own,
    /// One with another authority.
    Other,
    /// It does not hold an authority's certificate.
    Unnamed,
}

/// Returns whose a snapshot is, the authority of this node's cluster having the certificate `own`, PEM.
fn cluster_of(checked: &Checked, own: &str) -> Result<Cluster> {
    let Some(stored) = checked.authority.as_ref().filter(|stored| !stored.is_empty()) else {
        return Ok(Cluster::Unnamed);
    };
    let stored = BASE64.decode(stored.as_bytes()).context("reading the snapshot's root certificate")?;
    let own = own.trim().as_bytes();
    // The object is stored in a form of Kubernetes' that has texts as they are.
    let is_own = !own.is_empty() && stored.windows(own.len()).any(|w| w == own);
    Ok(if is_own { Cluster::Own } else { Cluster::Other })
}

/// Stops all services but those that run containers, and waits until they have ended.
fn stop(node: &Node, services: &[ServiceSpec]) -> Result<()> {
    let is_kept = |name: &str| cluster::RUNTIME.contains(&name);
    let kept = services.iter().filter(|s| is_kept(&s.name)).cloned().collect();
    node.init.submit(kept).context("stopping the services")?;
    let end = Instant::now() + LONGEST_STOP;
    loop {
        let status = node.init.status().context("waiting until the services have ended")?;
        let left = status.services.iter().find(|s| s.name != control::NODED && !is_kept(&s.name));
        let Some(left) = left else { return Ok(()) };
        if Instant::now() > end {
            bail!("{} does not end", left.name);
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_of_the_cluster_whose_certificate_it_holds() {
        let own = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let object = |pem: &str| {
            let stored = format!("k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x10ca.crt\x12{}\x1a", pem.trim());
            Checked { revision: 1, keys: 1, authority: Some(BASE64.encode(stored.as_bytes())) }
        };
        let of = |checked: &Checked, own: &str| cluster_of(checked, own).unwrap();
        assert_eq!(of(&object(own), own), Cluster::Own);
        assert_eq!(of(&object(&own.replace("AAAA", "AAAB")), own), Cluster::Other);
        for authority in [None, Some(String::new())] {
            assert_eq!(of(&Checked { authority, ..object(own) }, own), Cluster::Unnamed);
        }
        assert_eq!(of(&object(own), " \n"), Cluster::Other, "an empty file is no authority");
        assert!(cluster_of(&Checked { authority: Some("!".into()), ..object(own) }, own).is_err());
    }
}
