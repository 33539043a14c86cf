//! State that outlives a generation: its version on the disk, a snapshot before a new generation first writes to it,
//! and the way back.
//!
//! A generation writes the state in its own version. So before it starts anything it checks the recorded version
//! ([`decide`](plan::decide)):
//!
//! * another generation's, readable: a snapshot is taken, then it may write;
//! * not readable, as after a rollback over such a change: the newest readable snapshot is restored, the newer state is
//!   moved aside, and the status says what was lost;
//! * no readable snapshot: nothing is started, and the reason is reported.
//!
//! The new generation takes the snapshot, not the old one before it reboots: at this moment nothing writes, so a plain
//! copy is consistent and complete. It is also taken when the upgrade was only installed, or started by `boot-once`.
//! This is all that a single controller can do; a member of a quorum will have to rejoin instead.

mod copy;
mod plan;
mod store;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use config::StorageKind;

use crate::condition::{Claim, SERVICES_READY, STATE_KEPT};
use crate::node::Node;
use plan::{Image, Outcome};
use store::Store;

/// Where the state is.
const STATE: &str = "/state";
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(15);

/// Returns the versions of the state on the disk, by name; none where nothing was recorded.
///
/// # Errors
/// If the record can't be read.
pub fn recorded() -> Result<BTreeMap<String, u32>> {
    Ok(Store::at(Path::new(STATE)).load()?.map(|r| r.versions).unwrap_or_default())
}

/// Makes the state one that this generation may write; returns when it is.
pub fn prepare(node: &Arc<Node>) {
    let mut told = String::new();
    loop {
        match try_prepare(node) {
            Ok(()) => return,
            Err(e) => {
                let text = format!("{e:#}");
                if text != told {
                    crate::console::announce(&format!("ironhull: the state can't be used: {text}"));
                    told.clone_from(&text);
                }
                node.claim(SERVICES_READY, Claim::no("State", text));
            }
        }
        thread::sleep(PAUSE);
    }
}

fn try_prepare(node: &Node) -> Result<()> {
    let boot = node.init.status().context("asking init for its status")?.boot;
    // Without a boot record there is one generation for ever.
    let Some(boot) = boot else { return Ok(()) };
    let image = Image { generation: boot.generation, versions: known(node) };
    let store = Store::at(Path::new(STATE));
    let step = plan::decide(store.load()?.as_ref(), &image, &store.snapshots())?;
    store.carry_out(&step, &image)?;
    if let Some(outcome) = store.load()?.and_then(|r| r.outcome) {
        node.claim(STATE_KEPT, claim(&outcome));
    }
    Ok(())
}

/// Returns the versions that the image knows of what is on this node's disk.
fn known(node: &Node) -> BTreeMap<String, api::StateVersions> {
    let unused = match node.documents.cluster.spec.storage.kind {
        StorageKind::Etcd => "kine",
        StorageKind::Kine => "etcd",
    };
    node.image.state.iter().filter(|(n, _)| *n != unused).map(|(n, v)| (n.clone(), *v)).collect()
}

/// Says what came of it.
fn claim(outcome: &Outcome) -> Claim {
    match outcome {
        Outcome::Kept { of } => {
            let message = format!("as generation {of} left it: /state/snapshots/{of}");
            Claim { message, ..Claim::yes("Kept") }
        }
        Outcome::NoSnapshot { why } => Claim::no("NoSnapshot", why.clone()),
        Outcome::Restored { of, instead_of, unreadable } => Claim::no(
            "Restored",
            format!(
                "{unreadable}: restored as generation {of} left it; what was written since is in \
                 /state/snapshots/{instead_of}.left"
            ),
        ),
    }
}
