//! A machine started with QEMU alone: `ironhull run` would give it a config.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::node::wait;
use crate::{qmp, tool};

/// Firmware of Debian's package `ovmf`, code and variables in one file.
const FIRMWARE: &str = "/usr/share/ovmf/OVMF.fd";
/// What the code on the console comes after.
pub const CODE: &str = "pairing code: ";

/// What a machine has besides a disk and a network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting<'a> {
    /// Address of the node, to which its API's port is forwarded; empty: the one that QEMU's DHCP gives.
    pub address: &'a str,
    /// Further options of the network, each after a comma.
    pub network: &'a str,
    /// Whether it has a second adapter on the same segment, `52:54:00:12:34:57`.
    pub second_port: bool,
    /// Further arguments of QEMU.
    pub devices: &'a [String],
}

/// The machine. Killed when dropped; what it wrote is shown if that is because a test failed.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    dir: PathBuf,
    address: String,
}

impl Machine {
    /// Starts the disk `disk.qcow2` in `dir`, where the operator's credentials are in `me`.
    ///
    /// # Panics
    /// If QEMU can't be started.
    #[must_use]
    pub fn start(dir: &Path, setting: &Setting<'_>) -> Machine {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let file = |name: &str| dir.join(name).display().to_string();
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args([
            "-machine",
            "q35",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-m",
            "4096",
            "-smp",
            "2",
        ]);
        qemu.args(["-nodefaults", "-display", "none", "-bios", FIRMWARE]);
        qemu.arg("-serial").arg(format!("file:{}", file("serial")));
        qemu.arg("-drive").arg(format!("if=virtio,file={}", file("disk.qcow2")));
        let forward = format!("hostfwd=tcp:127.0.0.1:{port}-{}:9443", setting.address);
        qemu.arg("-netdev").arg(format!("user,id=world,{forward}{}", setting.network));
        // All are in one hub, 0.
        qemu.args(["-netdev", "hubport,id=uplink,hubid=0,netdev=world"]);
        for port in 0..=u8::from(setting.second_port) {
            qemu.arg("-netdev").arg(format!("hubport,id=port{port},hubid=0"));
            let mac = 0x56 + port;
            qemu.arg("-device")
                .arg(format!("virtio-net-pci,id=nic{port},netdev=port{port},mac=52:54:00:12:34:{mac:x}"));
        }
        let qmp = file("qmp");
        qemu.arg("-qmp").arg(format!("unix:{qmp},server=on,wait=off")).args(setting.devices);
        let qemu = qemu.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("starting QEMU");
        Machine { qemu, dir: dir.to_owned(), address: format!("127.0.0.1:{port}") }
    }

    /// Returns what it has written to its serial line.
    #[must_use]
    pub fn serial(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("serial")).unwrap_or_default()).into_owned()
    }

    /// Waits until it shows a pairing code, at this address; returns the code.
    ///
    /// # Panics
    /// If it never does.
    #[must_use]
    pub fn code(&self, address: &str) -> String {
        let hint = format!("hint: ironhull node {address} apply");
        wait("the node shows its address and code", || self.serial().contains(&hint));
        last_code(&self.serial())
    }

    /// Runs `ironhull --json node ADDRESS …`, which may fail.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> Output {
        ironhull(&[&["--json", "node", &self.address], words].concat())
    }

    /// Runs `ironhull --json node ADDRESS …` and returns its output.
    ///
    /// # Panics
    /// If it fails.
    pub fn succeeded(&self, words: &[&str]) -> Value {
        let output = self.ask(words);
        assert!(output.status.success(), "{words:?}: {}\n{}", text(&output), self.serial());
        serde_json::from_slice(&output.stdout).expect("ironhull --json prints JSON")
    }

    /// The status as the operator gets it; nothing while the API does not answer.
    #[must_use]
    pub fn status(&self) -> Value {
        let me = self.dir.join("me").display().to_string();
        let output = self.ask(&["status", "--credentials", &me]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Whether a condition is true.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        let status = self.status();
        let all = status["conditions"].as_array();
        all.is_some_and(|all| all.iter().any(|c| c["type"] == kind && c["status"] == "True"))
    }

    /// Unplugs the cable of an adapter, `nic0` or `nic1`, or plugs it in.
    ///
    /// # Panics
    /// If QEMU refuses.
    pub fn cable(&self, adapter: &str, plugged: bool) {
        qmp::set_link(&self.dir.join("qmp"), adapter, plugged).expect("QEMU has the adapter");
    }

    /// Cuts its power.
    ///
    /// # Panics
    /// If it has ended.
    pub fn cut(&mut self) {
        self.qemu.kill().expect("QEMU runs");
        self.qemu.wait().expect("QEMU ends");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the serial line of the machine in {}:\n{}", self.dir.display(), self.serial());
        }
        // It may have ended already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Returns the last pairing code in a text of the console.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn last_code(text: &str) -> String {
    let code = text.rsplit_once(CODE).and_then(|(_, rest)| rest.split_whitespace().next());
    code.expect("the console shows a code").to_owned()
}

/// Runs the `ironhull` command, which may fail.
#[must_use]
pub fn ironhull(words: &[&str]) -> Output {
    tool::output(Command::new(tool::ironhull()).args(words))
}

/// All that a command has printed.
#[must_use]
pub fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
