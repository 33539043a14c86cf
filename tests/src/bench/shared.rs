//! Shared by the topics: the unpacked image and one booted node.

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

/// Shared by the topics of one run; removed afterwards, including the machine.
#[derive(Debug)]
pub struct Shared {
    // Fields are dropped in this order: the machine is found by its files, so it must be dropped before them.
    booted: Option<Booted>,
    lab: Lab,
    /// For how many minutes the node's writes are counted.
    pub idle_minutes: u64,
}

/// A node that has come up.
#[derive(Debug)]
pub struct Booted {
    /// The machine.
    pub node: Node,
    /// The output of `ironhull run --json`.
    pub answer: Value,
    /// Time from power-on to the response of the pod.
    pub took: Duration,
}

impl Shared {
    /// Returns it; the first topic that needs the node starts it.
    pub fn new(idle_minutes: u64) -> Shared {
        Shared { lab: Lab::new(), booted: None, idle_minutes }
    }

    /// Returns a temporary directory.
    pub fn dir(&self) -> &Path {
        self.lab.dir()
    }

    /// Returns the lab: the unpacked image.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Returns the node; the first call boots it on a new disk.
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
    // Like `make run`: from the raw disk, with the pinned firmware.
    command.current_dir(tool::source_root()).args(["--json", "run", "image-profiles/single.yaml"]);
    command.args(["--name", NAME, "--detach", "--fresh"]);
    let output = tool::output(&mut command);
    let end = SystemTime::now();
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let answer = serde_json::from_slice(&output.stdout).context("reading what `ironhull run` prints")?;
    // The last file written before QEMU starts; the probe for KVM and the disk come earlier.
    let began = node.file("state.json").metadata().and_then(|m| m.modified());
    let began = began.context("reading when the machine was started")?;
    let took = end.duration_since(began).context("the clock was set back")?;
    Ok(Booted { node, answer, took })
}
