//! The installation medium starts a machine as a CD and as a USB stick, without touching either: a node without a
//! config waits in maintenance, with state and data in memory. A machine in BIOS mode says what is wrong.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use e2e::lab::Lab;
use e2e::medium::{self, Live};
use e2e::pc::Running;
use e2e::{image, tool};

/// Memory of a machine in BIOS mode in MiB.
const BIOS_MIB: &str = "64";
/// What such a machine says.
const BIOS_TEXT: &str = "Ironhull starts in UEFI mode only";

/// Shows it.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let dir = lab.dir().join("medium");
    let iso = medium::build(&dir);
    let cd = [
        "-drive",
        &medium::drive(&iso, "media=cdrom,readonly=on"),
        "-device",
        "ide-cd,drive=medium,bootindex=0",
    ];
    waits_for_a_config(&dir, &cd.map(str::to_owned), "sr0");

    // A stick is larger than what was copied to it.
    let stick = dir.join("stick");
    std::fs::copy(&iso, &stick).unwrap();
    let bytes = std::fs::metadata(&iso).unwrap().len() + (100 << 20);
    File::options().write(true).open(&stick).unwrap().set_len(bytes).unwrap();
    let before = tool::output(Command::new("sha256sum").arg(&stick)).stdout;
    let usb = [
        "-device",
        "qemu-xhci",
        "-device",
        "usb-storage,drive=medium,bootindex=0",
        "-drive",
        &medium::drive(&stick, "media=disk"),
    ];
    waits_for_a_config(&dir, &usb.map(str::to_owned), "sda");
    assert_eq!(
        before,
        tool::output(Command::new("sha256sum").arg(&stick)).stdout,
        "the stick was written to"
    );

    for (file, media) in [(&iso, "cdrom"), (&iso, "disk"), (&image::raw(), "disk")] {
        says_that_it_needs_uefi(file, media);
    }
}

/// Starts a machine whose only disk is the medium.
fn waits_for_a_config(dir: &Path, devices: &[String], name: &str) {
    let mut live = Live::start(dir, devices);
    let status = live.status();
    assert_eq!((&status["reason"], &status["medium"]), (&"no-config".into(), &name.into()), "{status}");
    assert_eq!(status["boot"], serde_json::Value::Null, "a medium has no boot record");
    let said = live.said();
    assert!(said.contains("this is an installation medium; nothing is written to it"), "{said}");
    assert!(!said.contains("boot record"), "{said}");
}

/// Starts a machine without UEFI from a file.
fn says_that_it_needs_uefi(file: &Path, media: &str) {
    let mut command = Command::new("qemu-system-x86_64");
    command.args(["-machine", "pc,graphics=off", "-accel", "tcg", "-m", BIOS_MIB, "-nodefaults"]);
    command.args(["-display", "none", "-serial", "stdio"]);
    let drive = format!("if=ide,format=raw,snapshot=on,media={media},file={}", file.display());
    command.args(["-drive", &drive, "-boot", if media == "cdrom" { "d" } else { "c" }]);
    Running::start(command).wait_for(BIOS_TEXT);
}
