//! What topics share: the unpacked image and one booted node.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::lab::Lab;
use crate::node::Node;
use crate::tool;

/// Programs that a node needs.
pub const NODE_TOOLS: &[&str] = &["qemu-system-x86_64", "qemu-img", "fsck.erofs"];
/// Name of the machine.
const NAME: &str = "bench";

/// Shared by the topics of one run; gone afterwards, with the machine.
#[derive(Debug)]
pub struct Shared {
    // Fields are dropped in this order: a machine is found by its files, so it goes before them.
    booted: Option<Booted>,
    lab: Lab,
    /// How long the node is watched for what it writes.
    pub idle_minutes: u64,
}

/// A node that has come up.
#[derive(Debug)]
pub struct Booted {
    /// The machine.
    pub node: Node,
    /// What `ironhull run --json` says of it.
    pub answer: Value,
    /// From the power button to the answer of the pod.
    pub took: Duration,
}

impl Shared {
    /// Makes it; the node is started by the first topic that needs it.
    pub fn new(idle_minutes: u64) -> Shared {
        Shared { lab: Lab::new(), booted: None, idle_minutes }
    }

    /// Returns the directory for files that are gone afterwards.
    pub fn dir(&self) -> &Path {
        self.lab.dir()
    }

    /// Returns the lab: the unpacked image.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Returns the node, booted on a fresh disk by the first call.
    pub fn booted(&mut self) -> Result<&Booted> {
        let booted = match self.booted.take() {
            Some(booted) => booted,
            None => boot(self.lab.other_node(NAME))?,
        };
        Ok(self.booted.insert(booted))
    }
}

/// Boots the built image.
fn boot(node: Node) -> Result<Booted> {
    let mut command = node.ironhull();
    // As `make run` does: from the raw disk, with the pinned firmware.
    command.current_dir(tool::source_root()).args(["--json", "run", "image-profiles/single.yaml"]);
    command.args(["--name", NAME, "--detach", "--fresh"]);
    let output = tool::output(&mut command);
    let end = SystemTime::now();
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let answer = serde_json::from_slice(&output.stdout).context("reading what `ironhull run` prints")?;
    // The last that is written before QEMU starts; the probe for KVM and the disk come earlier.
    let began = node.file("state.json").metadata().and_then(|m| m.modified());
    let began = began.context("reading when the machine was started")?;
    let took = end.duration_since(began).context("the clock was set back")?;
    Ok(Booted { node, answer, took })
}
