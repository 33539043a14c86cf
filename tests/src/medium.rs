//! A machine that runs from the installation medium, and its maintenance API.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::pc::{self, Running};
use crate::{bare, loopback, tool};

/// Memory of a live machine in MiB: state and data are in it.
const MEMORY_MIB: u32 = 3072;

/// Builds the installation medium of the single-node profile in `dir`.
///
/// # Panics
/// If that fails.
#[must_use]
pub fn build(dir: &Path) -> PathBuf {
    build_as(dir, "iso", "iso")
}

/// Builds a form of it, which is a file with this ending.
///
/// # Panics
/// If that fails.
#[must_use]
pub fn build_as(dir: &Path, format: &str, ending: &str) -> PathBuf {
    let out = dir.display().to_string();
    let mut command = Command::new(tool::ironhull());
    command.current_dir(tool::source_root());
    command.args(["build", "image-profiles/single.yaml", "--format", format, "--output", &out]);
    let output = tool::output(&mut command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    dir.join(format!("single.{ending}"))
}

/// Returns QEMU's words for a drive with the id `medium`.
#[must_use]
pub fn drive(file: &Path, more: &str) -> String {
    format!("if=none,id=medium,format=raw,{more},file={}", file.display())
}

/// A machine without a config that runs from the medium.
#[derive(Debug)]
pub struct Live {
    /// The machine.
    pub machine: Running,
    /// Where its node API is forwarded to.
    pub address: String,
    code: String,
}

impl Live {
    /// Starts a machine with these devices, and waits until it shows its pairing code.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn start(dir: &Path, devices: &[String]) -> Live {
        let mut command = pc::command(dir, MEMORY_MIB);
        let address = loopback::address().to_string();
        command.args(["-netdev", &format!("user,id=net0,hostfwd=tcp:{address}:9443-:9443")]);
        command.args(["-device", "virtio-net-pci,netdev=net0,romfile="]).args(devices);
        let mut machine = Running::start(command);
        machine.wait_for("addresses:    10.0.2.15");
        let (_, line) = machine.wait_for(bare::CODE);
        let code = bare::last_code(&line);
        Live { machine, address: format!("{address}:9443"), code }
    }

    /// Runs `ironhull --json node ADDRESS … --code CODE`, which may fail.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> Output {
        let mut command = Command::new(tool::ironhull());
        command.args(["--json", "node", &self.address]).args(words).args(["--code", &self.code]);
        tool::output(&mut command)
    }

    /// Returns the node's state.
    ///
    /// # Panics
    /// If it does not tell.
    #[must_use]
    pub fn status(&mut self) -> Value {
        let output = self.ask(&["status"]);
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), self.said());
        serde_json::from_slice(&output.stdout).expect("ironhull --json prints JSON")
    }

    /// Returns everything on the console so far.
    #[must_use]
    pub fn said(&self) -> String {
        self.machine.lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}
