//! A node without a config is configured over the network, with the code that its console shows: it takes its role
//! without a reboot, keeps the config, and has no maintenance any more.
//!
//! `ironhull run` gives every machine a config, so the machine is started without it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use e2e::lab::Lab;
use e2e::node::wait;
use e2e::{image, tool};
use serde_json::Value;

/// Firmware of Debian's package `ovmf`, code and variables in one file.
const FIRMWARE: &str = "/usr/share/ovmf/OVMF.fd";
/// What the code on the console comes after.
const CODE: &str = "pairing code: ";

/// The test.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let dir = lab.dir().join("maintenance");
    fs::create_dir_all(&dir).unwrap();
    image::overlay((&image::qcow2(), "qcow2"), &dir.join("disk.qcow2"));
    let made = ironhull(&["config", "init", &dir.join("me").display().to_string(), "--hostname", "waiting"]);
    assert!(made.status.success(), "{made:?}");
    let mut machine = Machine::start(&dir);
    let code = configure(&machine, &dir);
    wait("the node is ready", || machine.has("NodeReady"));
    assert_eq!(machine.status()["config"]["source"], "api");
    assert_eq!(machine.status()["nodeName"], "waiting");
    let late = machine.ask(&["status", "--code", &code]);
    assert!(!late.status.success() && text(&late).contains("configured already"), "{late:?}");
    machine.cut();

    let mut again = Machine::start(&dir);
    wait("the config is found again", || again.has("ConfigAccepted"));
    assert_eq!(again.status()["config"]["source"], "last-accepted");
    assert!(!again.serial().contains(CODE), "{}", again.serial());
    again.cut();
}

/// Reads the code from the console and gives the node its config; returns the code.
fn configure(machine: &Machine, dir: &Path) -> String {
    wait("the node shows its address and code", || {
        machine.serial().contains("hint: ironhull node 10.0.2.15 apply")
    });
    let serial = machine.serial();
    let code = serial.rsplit(CODE).next().and_then(|rest| rest.split_whitespace().next()).unwrap();
    let status = machine.succeeded(&["status", "--code", code]);
    assert_eq!((&status["reason"], &status["addresses"][0]), (&"no-config".into(), &"10.0.2.15/24".into()));
    assert_eq!(machine.succeeded(&["disks", "--code", code])["disks"][0]["partitions"], 8);
    assert_eq!(machine.succeeded(&["links", "--code", code])["links"][0]["carrier"], true);
    let log = machine.ask(&["logs", "noded", "--code", code]);
    assert!(text(&log).contains("waits for a config") && !text(&log).contains(&code[15..]), "{log:?}");

    let secret = if code.ends_with("0000-0000") { "0000-0001" } else { "0000-0000" };
    let wrong = format!("{}{secret}", &code[..15]);
    let good = dir.join("me/node.yaml").display().to_string();
    let refused = machine.ask(&["apply", &good, "--code", &wrong]);
    assert!(!refused.status.success() && text(&refused).contains("not the right one"), "{refused:?}");
    assert_eq!(machine.succeeded(&["status", "--code", code])["wrongCodes"], 1);

    // Well-formed, but the key is not of the certificate: only the node tries that.
    let other = dir.join("other");
    let made = ironhull(&["config", "init", &other.display().to_string(), "--hostname", "waiting"]);
    assert!(made.status.success(), "{made:?}");
    let key = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let from = text.find("-----BEGIN PRIVATE KEY").unwrap();
        let until = text.find("-----END PRIVATE KEY").unwrap();
        (text[from..until].to_owned(), text)
    };
    let ((own, config), (foreign, _)) = (key(Path::new(&good)), key(&other.join("node.yaml")));
    let bad = dir.join("bad.yaml");
    fs::write(&bad, config.replace(&own, &foreign)).unwrap();
    let refused = machine.ask(&["apply", &bad.display().to_string(), "--code", code]);
    assert!(
        !refused.status.success() && text(&refused).contains("api.certificate with api.key"),
        "{refused:?}"
    );

    machine.succeeded(&["apply", &good, "--code", code]);
    code.to_owned()
}

fn ironhull(words: &[&str]) -> Output {
    tool::output(Command::new(tool::ironhull()).args(words))
}

/// All that a command has printed.
fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// A machine without a config. Killed when dropped.
struct Machine {
    qemu: Child,
    dir: PathBuf,
    address: String,
}

impl Machine {
    fn start(dir: &Path) -> Machine {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
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
        qemu.arg("-netdev").arg(format!("user,id=net,hostfwd=tcp:127.0.0.1:{port}-:9443"));
        qemu.args(["-device", "virtio-net-pci,netdev=net"]);
        let qemu = qemu.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Machine { qemu, dir: dir.to_owned(), address: format!("127.0.0.1:{port}") }
    }

    fn serial(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("serial")).unwrap_or_default()).into_owned()
    }

    fn ask(&self, words: &[&str]) -> Output {
        ironhull(&[&["--json", "node", &self.address], words].concat())
    }

    fn succeeded(&self, words: &[&str]) -> Value {
        let output = self.ask(words);
        assert!(output.status.success(), "{words:?}: {}\n{}", text(&output), self.serial());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The status as the operator gets it; nothing while the API does not answer.
    fn status(&self) -> Value {
        let me = self.dir.join("me").display().to_string();
        let output = self.ask(&["status", "--credentials", &me]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Whether a condition is true.
    fn has(&self, kind: &str) -> bool {
        let status = self.status();
        let all = status["conditions"].as_array();
        all.is_some_and(|all| all.iter().any(|c| c["type"] == kind && c["status"] == "True"))
    }

    /// Cuts its power.
    fn cut(&mut self) {
        self.qemu.kill().unwrap();
        self.qemu.wait().unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
