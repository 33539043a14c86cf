//! A signed image under Secure Boot: it boots into lockdown; a kernel image that nobody signed gives way to the signed
//! one; a virtual machine whose configuration adds to the signed command line does not start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::lab::Lab;
use e2e::tool;
use slots::Reason;

use crate::disk::Disk;
use crate::generation::Generation;
use crate::machine::Machine;

/// What the systemd stub would append to the command line.
const ADDED: &str = "io.systemd.stub.kernel-cmdline-extra=panic=0";

/// Shows it.
pub fn show(lab: &Lab) -> String {
    let dir = lab.dir().join("signed");
    let keys = dir.join("keys");
    let image = build(&dir, &keys);
    let disk = Disk::of(&image, lab, "signed");
    disk.install(&Generation::good().build());
    let machine = Machine { keys: Some(keys), ..Machine::default() };
    let (serial, seen) = machine.until_generation_1(&disk);
    assert!(serial.contains("slot b failed: bad-signature"), "{serial}");
    assert!(serial.contains("the kernel is in lockdown: integrity"), "{serial}");
    assert_eq!(disk.record().slots.b.last_failure, Reason::BadSignature);

    let extended = Machine { smbios: Some(ADDED.to_owned()), ..machine };
    let mut running = extended.start(&disk);
    running.wait_for("adds \"panic=0\" to the kernel command line");
    running.wait_for("starting again in 10 s");
    format!("{seen}, in lockdown")
}

/// Builds the image with new keys in `keys`, and returns its raw disk.
fn build(dir: &Path, keys: &Path) -> PathBuf {
    fs::create_dir_all(dir).unwrap();
    secureboot::create(keys, "owner").unwrap();
    let single = fs::read_to_string(tool::source_root().join("image-profiles/single.yaml")).unwrap();
    let profile = dir.join("signed.yaml");
    fs::write(&profile, single + "secureBoot: { key: keys/db.key, certificate: keys/db.crt }\n").unwrap();
    let mut build = Command::new(tool::ironhull());
    build.arg("build").arg(&profile).args(["--format", "raw", "--output"]).arg(dir.join("out"));
    let output = tool::output(build.current_dir(tool::source_root()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    dir.join("out/single.raw")
}
