//! The work of an upgrade, from a bundle to the reboot.
//!
//! Nothing is written to a slot before the complete bundle has been verified. A failure is reported and
//! leaves the running generation unchanged; an invalid bundle is deleted, so that the next attempt does not
//! resume it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{UpgradeBundle, UpgradeStage};
use bundle::Manifest;
use control::{BootOrder, ShutdownKind};
use net::clock;
use update::{Staged, Step, UpdateError, keys};
use weburl::WebUrl;

use super::progress::Progress;
use super::slot::{KEPT_KEYS, Slots};
use super::staging::{STAGING, free_bytes};
use super::{drain, fetch};
use crate::node::Node;

/// Path of the image's key set.
const IMAGE_KEYS: &str = "/usr/share/ironhull/update-keys.json";
/// Time between reporting the reboot and the reboot, so that observers see it.
const FAREWELL: Duration = Duration::from_secs(2);

/// The source of the bundle.
#[derive(Debug)]
pub enum Bundle {
    /// It was uploaded completely.
    Here(Staged),
    /// It is downloaded from a URL.
    At(WebUrl),
}

/// What to do once the bundle is installed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Then {
    /// Whether to drain the node.
    pub drain: bool,
    /// Whether to reboot.
    pub reboot: bool,
}

/// Does all of the work, and reports its progress.
pub fn run(node: &Node, progress: &Progress, bundle: Bundle, then: Then) {
    if let Err(error) = upgrade(node, progress, bundle, then) {
        let known = error.downcast_ref::<UpdateError>();
        if known.is_some_and(UpdateError::is_about_the_bundle)
            && let Err(e) = Staged::discard(Path::new(STAGING))
        {
            eprintln!("noded: throwing a bundle away: {e}");
        }
        let hint = known.and_then(UpdateError::hint);
        let told = api::one_line(error.chain().map(ToString::to_string));
        eprintln!("noded: upgrade: {told}");
        if progress.is_called_off() && progress.status().generation.is_some() {
            give_up(node);
        }
        progress.show(|u| {
            u.stage = if progress.is_called_off() { UpgradeStage::Cancelled } else { UpgradeStage::Failed };
            u.error = Some(told);
            u.hint = hint;
        });
    }
}

/// Cancels the start of the generation that was just installed.
fn give_up(node: &Node) {
    match node.init.boot(BootOrder::Cancel) {
        Ok(Ok(())) => {}
        Ok(Err(refused)) => eprintln!("noded: calling the new generation off: {}", refused.message),
        Err(e) => eprintln!("noded: calling the new generation off: {e:#}"),
    }
}

fn upgrade(node: &Node, progress: &Progress, bundle: Bundle, then: Then) -> Result<()> {
    let staged = match bundle {
        Bundle::Here(staged) => staged,
        Bundle::At(url) => fetched(progress, &url)?,
    };
    install(node, progress, &staged)?;
    drop(staged);
    if let Err(e) = Staged::discard(Path::new(STAGING)) {
        eprintln!("noded: removing the bundle: {e}");
    }
    ensure!(!progress.is_called_off(), "cancelled");
    progress.enter(UpgradeStage::Installed, 0);
    if then.drain {
        drain_node(node, progress).context("the new generation is installed, but the node is not drained")?;
    }
    if then.reboot {
        ensure!(!progress.is_called_off(), "cancelled");
        progress.enter(UpgradeStage::Rebooting, 0);
        thread::sleep(FAREWELL);
        node.init.shutdown(ShutdownKind::Reboot).context("asking init to reboot")?;
    }
    Ok(())
}

/// Downloads the bundle.
fn fetched(progress: &Progress, url: &WebUrl) -> Result<Staged> {
    let free = free_bytes()?;
    progress.enter(UpgradeStage::Fetching, 0);
    fetch::fetch(url, Path::new(STAGING), free, &mut |done, total| {
        progress.show(|u| {
            u.done_bytes = done;
            u.total_bytes = u.total_bytes.max(total);
        });
        !progress.is_called_off()
    })
}

/// Verifies the bundle, then writes it.
fn install(node: &Node, progress: &Progress, staged: &Staged) -> Result<()> {
    let keys = keys::load(Path::new(IMAGE_KEYS), Path::new(KEPT_KEYS))?;
    let mut slots = Slots::load(&node.init, progress.called_off())?;
    let (kernel_bytes, root_bytes) = slots.room()?;
    let on_disk = node.state.recorded()?;
    let facts = bundle::Node {
        role: &node.image.role,
        architecture: &node.image.architecture,
        epoch: slots.boot().epoch_floor.max(slots.boot().running().map_or(0, |s| s.entry.epoch)),
        kernel_bytes,
        root_bytes,
        state: &on_disk,
        now_secs: clock::now().as_secs(),
    };
    progress.enter(UpgradeStage::Verifying, staged.source().bytes);
    let open = || staged.reader();
    let examined =
        update::examine(open, &keys, (&facts, &node.image.kubernetes), &mut |done| progress.advance(done))?;
    slots.next_keys = examined.next_keys().cloned();
    let manifest = examined.manifest();
    let total = manifest.parts.uki.bytes + manifest.parts.root.bytes;
    let named = describe(manifest);
    progress.show(|u| u.bundle = Some(named));
    ensure!(!progress.is_called_off(), "cancelled");
    progress.enter(UpgradeStage::Writing, total);
    let generation = update::install(examined, &mut slots, &mut |step, done| match step {
        Step::Writing => progress.advance(done),
        Step::Checking => progress.show(|u| (u.stage, u.done_bytes) = (UpgradeStage::Checking, done)),
    })?;
    let slot = slots.free.map(|s| s.name().to_owned());
    progress.show(|u| (u.slot, u.generation) = (slot, Some(generation)));
    eprintln!("noded: generation {generation} is installed");
    Ok(())
}

fn describe(manifest: &Manifest) -> UpgradeBundle {
    UpgradeBundle {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        kubernetes: manifest.kubernetes.clone(),
    }
}

/// Drains the node. One that runs no pods is no node of Kubernetes.
fn drain_node(node: &Node, progress: &Progress) -> Result<()> {
    if !node.duties.workloads {
        return Ok(());
    }
    progress.enter(UpgradeStage::Draining, 0);
    let kube = node.kube()?;
    drain::drain(&kube, &node.documents.node.hostname, &mut |done, total| {
        progress.show(|u| (u.done_bytes, u.total_bytes) = (done, total));
        !progress.is_called_off()
    })
}
