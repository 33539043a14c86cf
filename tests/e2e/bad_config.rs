//! With an invalid config nothing is started; each error is printed on the console, with the line marked.
//!
//! `ironhull run` would refuse it before the boot, so the machine is started without it.

use std::fs;
use std::process::{Command, Stdio};

use e2e::lab::Lab;
use e2e::node::wait;
use e2e::{image, tool};

/// Two errors, in two lines.
const CONFIG: &str = "\
apiVersion: ironhull.dev/v1
kind: NodeConfig
hostnam: x
network: { ethernets: { eth0: { dhcp4: maybe } } }
";
/// Firmware of Debian's package `ovmf`, code and variables in one file.
const FIRMWARE: &str = "/usr/share/ovmf/OVMF.fd";

/// The test.
pub fn show(lab: &mut Lab) {
    let file = lab.dir().join("bad.yaml");
    fs::write(&file, CONFIG).unwrap();
    refused_by_the_command(lab, &file);
    refused_by_the_node(lab, &file);
}

/// The command prints the errors and starts nothing.
fn refused_by_the_command(lab: &Lab, config: &std::path::Path) {
    let node = lab.other_node("badconfig");
    let config = config.display().to_string();
    let output = node.try_run(&image::qcow2(), &["--user-data", &config]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && !node.is_running());
    assert!(told.contains("hostnam") && told.contains("dhcp4") && told.contains('^'), "{told}");
}

/// The node prints the errors and waits.
fn refused_by_the_node(lab: &Lab, config: &std::path::Path) {
    let serial = lab.dir().join("badconfig.serial");
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-smp", "2"]);
    qemu.args(["-nodefaults", "-display", "none", "-bios", FIRMWARE]);
    qemu.arg("-serial").arg(format!("file:{}", serial.display()));
    qemu.arg("-drive").arg(format!("if=virtio,snapshot=on,file={}", image::qcow2().display()));
    qemu.arg("-fw_cfg").arg(format!("name=opt/ironhull/config,file={}", config.display()));
    let mut qemu = qemu.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let text = || String::from_utf8_lossy(&fs::read(&serial).unwrap_or_default()).into_owned();
    wait("both errors are told, or the machine has ended", || {
        let told = text();
        (told.contains("hostnam") && told.contains("dhcp4") && told.contains('^'))
            || qemu.try_wait().is_ok_and(|s| s.is_some())
    });
    tool::run("kill", &[qemu.id().to_string()]);
    qemu.wait().unwrap();
    let told = text();
    assert!(told.contains("hostnam") && told.contains("dhcp4") && told.contains('^'), "{told}");
    assert!(!told.contains("stage network"), "the node went on:\n{told}");
}
