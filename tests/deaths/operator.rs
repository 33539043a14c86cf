//! A machine's operator: its config, and requests to its node API.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use e2e::lab::Lab;
use e2e::{loopback, tool};

use crate::disk::text;
use crate::machine::Machine;

/// A config directory made by `ironhull config init`, and the address of this host that is forwarded to the
/// node.
pub struct Operator {
    dir: PathBuf,
    address: Ipv4Addr,
}

impl Operator {
    /// Makes a config directory with one change to the config of `config init`.
    #[track_caller]
    pub fn new(lab: &Lab, name: &str, change: (&str, &str)) -> Operator {
        let dir = lab.dir().join(name);
        tool::run(tool::ironhull(), &["config", "init", &text(&dir)]);
        let config = dir.join("node.yaml");
        let good = std::fs::read_to_string(&config).unwrap();
        let changed = good.replacen(change.0, change.1, 1);
        assert_ne!(changed, good);
        std::fs::write(&config, changed).unwrap();
        Operator { dir, address: loopback::address() }
    }

    /// Makes one whose control plane can't start, so that it does not compete with what is tested.
    pub fn without_control_plane(lab: &Lab, name: &str) -> Operator {
        let no_flag = "extraArgs: { no-such-flag: none }";
        let changed = format!("storage: {{ type: etcd, etcd: {{ {no_flag} }} }}\n  api: {{ {no_flag} }}");
        Operator::new(lab, name, ("storage: { type: etcd }", &changed))
    }

    /// Returns the machine with this config.
    pub fn machine(&self) -> Machine {
        Machine { user_data: Some(self.dir.join("node.yaml")), api: Some(self.address), ..Machine::default() }
    }

    /// Returns a command for its node.
    pub fn order(&self, words: &[&str]) -> Command {
        let mut command = Command::new(tool::ironhull());
        let address = self.address.to_string();
        command.args(["--json", "node", &address, "--credentials", &text(&self.dir)]).args(words);
        command
    }

    /// Returns a command for its node in maintenance.
    pub fn pair(&self, code: &str, words: &[&str]) -> Command {
        let mut command = Command::new(tool::ironhull());
        command.args(["--json", "node", &self.address.to_string(), "--code", code]).args(words);
        command
    }

    /// Returns the path of its config.
    pub fn config(&self) -> String {
        text(&self.dir.join("node.yaml"))
    }
}
