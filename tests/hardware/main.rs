//! The image on other machines than that of `ironhull run`: it boots from each kind of disk, and gets an address through
//! each kind of network adapter, that both QEMU and its firmware know.
//!
//! QEMU shows that a driver is there and works with an emulated device. It shows nothing of adapters that it does not
//! emulate, nor of the firmware files that some real ones need.
//!
//! Each machine boots with a disk and an adapter of its own until the node API answers on the network. `make hardware`
//! takes all of them; `IRONHULL_MACHINES` sets how many, and `make test` takes two, other ones with each commit.

#![expect(clippy::unwrap_used, reason = "a step that fails is a behaviour that fails")]

use std::process::{Command, ExitCode};

use e2e::pc::{self, Running};
use e2e::seed::Random;
use e2e::{image, loopback, setting, tool};

/// Programs that the tests need.
const TOOLS: &[&str] = &["qemu-system-x86_64", "qemu-img"];
/// Number of machines, unless the environment sets it.
const MACHINES: usize = 2;
/// Memory of a machine in MiB.
const MEMORY_MIB: u32 = 2048;

/// A kind of disk: its name, the devices before it, and its own, whose drive is `disk`. Debian's firmware for QEMU can't
/// boot from VMware's pvscsi, nor from SD cards.
const DISKS: &[(&str, &[&str], &str)] = &[
    ("AHCI", &["ich9-ahci,id=bus"], "ide-hd,drive=disk,bus=bus.0"),
    ("NVMe", &[], "nvme,drive=disk,serial=1"),
    ("virtio-scsi", &["virtio-scsi-pci,id=bus"], "scsi-hd,drive=disk,bus=bus.0"),
    ("a USB stick", &["qemu-xhci,id=bus"], "usb-storage,drive=disk,bus=bus.0"),
];

/// Network adapters: name, and QEMU's device.
const ADAPTERS: &[(&str, &str)] = &[
    ("Intel's e1000", "e1000"),
    ("Intel's e1000e", "e1000e"),
    ("VMware's vmxnet3", "vmxnet3"),
    ("virtio", "virtio-net-pci"),
    ("a USB adapter", "usb-net"),
];

fn main() -> ExitCode {
    if !judges::present(TOOLS) {
        println!("0 machines, skipped");
        return ExitCode::SUCCESS;
    }
    let wanted = setting::number("IRONHULL_MACHINES", MACHINES);
    let all = DISKS.len().max(ADAPTERS.len());
    let first = Random::of("hardware").index(all);
    for number in (first..first + wanted.min(all)).map(|n| n % all) {
        let (disk, adapter) = (&DISKS[number % DISKS.len()], &ADAPTERS[number % ADAPTERS.len()]);
        println!("{} and {} …", disk.0, adapter.0);
        boot(*disk, adapter.1);
        println!("ok   {} and {}", disk.0, adapter.0);
    }
    ExitCode::SUCCESS
}

/// Boots until the node API answers.
fn boot((_, before, disk): (&str, &[&str], &str), adapter: &str) {
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().join("node").display().to_string();
    tool::run(tool::ironhull(), &["config", "init", &credentials]);
    let overlay = dir.path().join("overlay.qcow2");
    image::overlay((&image::raw(), "raw"), &overlay);
    let mut command = pc::command(dir.path(), MEMORY_MIB);
    command.args(["-drive", &format!("if=none,id=disk,format=qcow2,file={}", overlay.display())]);
    before.iter().for_each(|device| {
        command.args(["-device", device]);
    });
    command.args(["-device", &format!("{disk},bootindex=1")]);
    let address = loopback::address();
    command.args(["-netdev", &format!("user,id=net0,hostfwd=tcp:{address}:9443-:9443")]);
    if adapter.starts_with("usb") {
        command.args(["-device", "qemu-xhci,id=usb"]);
    }
    let rom = if adapter.starts_with("usb") { "" } else { ",romfile=" };
    command.args(["-device", &format!("{adapter},netdev=net0{rom}")]);
    command.args(["-fw_cfg", &format!("name=opt/ironhull/config,file={credentials}/node.yaml")]);
    let mut machine = Running::start(command);
    machine.wait_for("stage node-api");
    let mut status = Command::new(tool::ironhull());
    status.args(["node", &address.to_string(), "--credentials", &credentials, "status"]);
    let told = tool::output(&mut status);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
}
