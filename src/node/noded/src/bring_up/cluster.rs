//! Brings up the cluster: writes certificates and files, then submits the services to `init`.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::CertificateExpiry;
use cluster::{Manifest, Ownership, Plan};
use control::ServiceSpec;
use net::Network;
use net::clock::{Alarm, Wake};

use super::network::note_address;
use crate::back_off::BackOff;
use crate::condition::{Claim, SERVICES_READY};
use crate::join::{self, Record};
use crate::node::{Node, Planned};
use crate::plan::{node_address, plan_now};
use crate::thread::spawn_or_tell;

/// Longest sleep until certificates are looked at again: other facts change too, such as addresses.
const LONGEST_SLEEP: Duration = Duration::from_secs(6 * 3600);
/// Between two renewals, however often the clock is stepped.
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);
/// Services that know no certificate: pods go on when the others are restarted.
const WITHOUT_CERTIFICATES: [&str; 2] = [control::NODED, "containerd"];

/// The service that the others are clients of.
const API_SERVER: &str = "kube-apiserver";
/// How long the others wait for it to start again.
const LONGEST_START: Duration = Duration::from_secs(120);

/// Writes the cluster's files and submits the services to `init`; returns the objects to apply.
pub fn bring_up(node: &Arc<Node>, network: &Network) -> Vec<Manifest> {
    let mut pauses = BackOff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        // From before the plan on: a step in between is one to plan again for.
        let alarm = Alarm::new();
        let submitted = prepare(node, network).and_then(|plan| {
            // After a restart of this program they run, with what they read then.
            restart_if_needed(node, &plan);
            submit(node, &plan)?;
            Ok((plan.manifests, plan.due_secs))
        });
        match submitted {
            Ok((manifests, due_secs)) => {
                renew_from(node, network, (alarm, due_secs));
                return manifests;
            }
            Err(e) => node.claim(SERVICES_READY, Claim::no("Failed", format!("{e:#}"))),
        }
        pauses.sleep();
    }
}

/// Hands the services to `init`, which restarts those that differ. If the API server is among several of them, it
/// comes first: its clients would back off while it starts.
pub(super) fn submit(node: &Node, prepared: &Prepared) -> Result<()> {
    let _one = node.service_set.lock().unwrap_or_else(PoisonError::into_inner);
    let services = &prepared.services;
    let before = std::mem::take(&mut node.planned().services);
    if let Some(first) = api_server_first(&before, services) {
        node.init.submit(first).context("handing the API server to init")?;
        super::services::wait_at_most(node, API_SERVER, LONGEST_START);
    }
    node.init.submit(services.clone()).context("handing the services to init")?;
    note_address(prepared.address);
    *node.planned() = Planned {
        address: Some(prepared.address),
        addresses: prepared.addresses.clone(),
        services: services.clone(),
    };
    Ok(())
}

/// Returns the set with the API server as it shall be and all others as they were, if both differ.
fn api_server_first(before: &[ServiceSpec], after: &[ServiceSpec]) -> Option<Vec<ServiceSpec>> {
    let is_api_server = |s: &&ServiceSpec| s.name == API_SERVER;
    let (old, new) = (before.iter().find(is_api_server)?, after.iter().find(is_api_server)?);
    let others =
        |set: &[ServiceSpec]| set.iter().filter(|s| s.name != API_SERVER).cloned().collect::<Vec<_>>();
    if old == new || others(before) == others(after) {
        return None;
    }
    Some(before.iter().map(|s| if is_api_server(&s) { new.clone() } else { s.clone() }).collect())
}

/// What remains to be done once the files are written.
pub(super) struct Prepared {
    services: Vec<ServiceSpec>,
    manifests: Vec<Manifest>,
    /// When to prepare again.
    due_secs: u64,
    /// What services have read is not valid any more, or not yet.
    was_invalid: bool,
    /// The node's address, and all of its addresses.
    address: Ipv4Addr,
    addresses: Vec<Ipv4Addr>,
}

/// Plans and writes; one at a time.
pub(super) fn prepare(node: &Node, network: &Network) -> Result<Prepared> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let addresses = network.addresses();
    let address = node_address(node, &addresses).context("the node has no address")?;
    found_or_join(node, address)?;
    let plan = plan_now(node, (address, &addresses))?;
    let changed = cluster::apply(Path::new("/"), &plan.directories, &plan.files, Ownership::Set)
        .context("writing the cluster's files")?;
    eprintln!("noded: {} of {} files of the cluster written", changed.len(), plan.files.len());
    node.set_certificates(expiries(&plan.pki.certificates));
    for renewed in &plan.pki.certificates {
        if let Some(reason) = renewed.issued.filter(|r| *r != cluster::Reason::Missing) {
            eprintln!("noded: certificate {} is made anew: {reason}", renewed.name);
        }
    }
    let (due_secs, was_invalid) = (plan.pki.next_renewal_secs(), plan.pki.was_invalid);
    node.has_authority.store(node.duties.control_plane, Ordering::Release);
    let Plan { services, manifests, .. } = plan;
    Ok(Prepared { services, manifests, due_secs, was_invalid, address, addresses })
}

/// Makes a node without a control plane a member of its cluster. One with a control plane founds its cluster, unless the
/// state says that it has joined one.
fn found_or_join(node: &Node, address: Ipv4Addr) -> Result<()> {
    if !node.duties.control_plane {
        let member = join::ensure(node, address).context("joining the cluster")?;
        *node.member.lock().unwrap_or_else(PoisonError::into_inner) = Some(member);
        return Ok(());
    }
    let joined = Record::load(Path::new("/"))?;
    ensure!(
        joined.is_none(),
        "the state is that of a node that has joined a cluster, and this image would found another one: \
         boot an image of its role, or begin with an empty state"
    );
    Ok(())
}

/// Restarts what runs with certificates that are not valid: components read an authority only when they start, and
/// keep tokens by the time at which they got them.
pub(super) fn restart_if_needed(node: &Node, prepared: &Prepared) {
    if !prepared.was_invalid {
        return;
    }
    let running = node.init.status().map(|s| s.services).unwrap_or_default();
    let running = running.iter().filter(|s| s.pid.is_some());
    for service in running.filter(|s| !WITHOUT_CERTIFICATES.contains(&s.name.as_str())) {
        eprintln!("noded: {} is restarted: its certificates were not valid by the clock", service.name);
        if let Err(e) = node.init.restart(&service.name) {
            eprintln!("noded: restarting {}: {e:#}", service.name);
        }
    }
}

fn expiries(certificates: &[cluster::Certificate]) -> Vec<CertificateExpiry> {
    let expiry = |c: &cluster::Certificate| CertificateExpiry {
        name: c.name.clone(),
        not_after_epoch_secs: c.not_after_secs,
    };
    certificates.iter().map(expiry).collect()
}

/// Prepares again whenever the first certificate is due, and at once when the clock is stepped. The components read
/// their certificates again by themselves, but not those of authorities.
fn renew_from(node: &Arc<Node>, network: &Network, first: (Alarm, u64)) {
    let (node, network) = (Arc::clone(node), network.clone());
    spawn_or_tell("renewal", move || {
        let mut pauses = BackOff::new(SHORTEST_PAUSE, Duration::from_secs(600));
        let (mut alarm, mut due_secs) = first;
        loop {
            if alarm.wait(Duration::from_secs(due_secs), LONGEST_SLEEP) == Wake::Stepped {
                eprintln!("noded: the clock was stepped: looking at the certificates");
            }
            match prepare(&node, &network) {
                Ok(prepared) => {
                    restart_if_needed(&node, &prepared);
                    pauses.reset();
                    due_secs = prepared.due_secs;
                }
                Err(e) => eprintln!("noded: renewing certificates: {e:#}"),
            }
            pauses.sleep();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service that differs by its command.
    fn service(name: &str, flag: &str) -> ServiceSpec {
        let text =
            format!(r#"{{"name":"{name}","command":["/usr/bin/x","{flag}"],"user":{{"uid":0,"gid":0}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_api_server_is_restarted_before_its_clients() {
        let set = |api: &str, kubelet: &str| vec![service("kubelet", kubelet), service(API_SERVER, api)];
        let before = set("old", "old");
        assert_eq!(api_server_first(&before, &set("new", "new")), Some(set("new", "old")));
        for after in [set("old", "old"), set("new", "old"), set("old", "new")] {
            assert_eq!(api_server_first(&before, &after), None, "one step is enough");
        }
        assert_eq!(api_server_first(&[], &before), None, "nothing runs yet");
    }
}
