//! Brings up the cluster: writes certificates and files, then submits the services to `init`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use api::CertificateExpiry;
use cluster::{Manifest, Ownership};
use config::Role;
use control::ServiceSpec;
use net::{Network, clock};

use crate::back_off::BackOff;
use crate::condition::{Claim, SERVICES_READY};
use crate::node::Node;
use crate::plan::plan_now;
use crate::thread::spawn_or_tell;

/// Maximum time until certificates are checked again, since the clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(6 * 3600);

/// Writes the cluster's files and submits the services to `init`; returns the objects to apply.
pub fn bring_up(node: &Arc<Node>, network: &Network, role: Role) -> Vec<Manifest> {
    let mut pauses = BackOff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        let submitted = prepare(node, network, role).and_then(|plan| {
            node.init.submit(plan.services).context("handing the services to init")?;
            Ok((plan.manifests, plan.due_secs))
        });
        match submitted {
            Ok((manifests, due_secs)) => {
                renew_from(node, network, role, due_secs);
                return manifests;
            }
            Err(e) => node.claim(SERVICES_READY, Claim::no("Failed", format!("{e:#}"))),
        }
        pauses.sleep();
    }
}

/// What remains to be done once the files are written.
struct Prepared {
    services: Vec<ServiceSpec>,
    manifests: Vec<Manifest>,
    /// When to prepare again.
    due_secs: u64,
}

/// Plans and writes.
fn prepare(node: &Node, network: &Network, role: Role) -> Result<Prepared> {
    let plan = plan_now(node, network, role)?;
    let changed = cluster::apply(Path::new("/"), &plan.directories, &plan.files, Ownership::Set)
        .context("writing the cluster's files")?;
    eprintln!("noded: {} of {} files of the cluster written", changed.len(), plan.files.len());
    node.set_certificates(expiries(&plan.pki.certificates));
    let due_secs = plan.pki.next_renewal_secs();
    node.has_authority.store(true, Ordering::Release);
    Ok(Prepared { services: plan.services, manifests: plan.manifests, due_secs })
}

fn expiries(certificates: &[cluster::Certificate]) -> Vec<CertificateExpiry> {
    let expiry = |c: &cluster::Certificate| CertificateExpiry {
        name: c.name.clone(),
        not_after_epoch_secs: c.not_after_secs,
    };
    certificates.iter().map(expiry).collect()
}

/// Prepares again whenever the first certificate reaches two thirds of its validity. The components reload
/// their certificates by themselves; the services are not touched.
fn renew_from(node: &Arc<Node>, network: &Network, role: Role, first_due_secs: u64) {
    let (node, network) = (Arc::clone(node), network.clone());
    spawn_or_tell("renewal", move || {
        let mut pauses = BackOff::new(Duration::from_secs(1), Duration::from_secs(600));
        let mut due_secs = first_due_secs;
        loop {
            sleep_until(due_secs);
            match prepare(&node, &network, role) {
                Ok(prepared) => {
                    pauses.reset();
                    due_secs = prepared.due_secs;
                }
                Err(e) => {
                    eprintln!("noded: renewing certificates: {e:#}");
                    pauses.sleep();
                }
            }
        }
    });
}

/// Sleeps until `due_secs` on the wall clock, or some hours at most.
fn sleep_until(due_secs: u64) {
    let left = Duration::from_secs(due_secs.saturating_sub(clock::now().as_secs()));
    thread::sleep(left.clamp(Duration::from_secs(60), LONGEST_SLEEP));
}
