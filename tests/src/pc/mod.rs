//! An emulated PC with OVMF, run by QEMU without the `ironhull` command: what is watched here is what comes
//! before a node answers, or happens to its disk.

mod console;

use std::path::Path;
use std::process::Command;

pub use console::Running;

/// The firmware and its variables, of Debian's package `ovmf`.
pub const FIRMWARE_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
/// What the variables are at first.
pub const FIRMWARE_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// Returns a PC of the kind that `ironhull run` makes, with two processors and `memory_mib` MiB, its serial
/// line on standard output and no disk. Its variables are a file in `dir`, new with each call.
///
/// # Panics
/// When the firmware is not there.
#[must_use]
pub fn command(dir: &Path, memory_mib: u32) -> Command {
    let variables = dir.join("variables.fd");
    std::fs::copy(FIRMWARE_VARIABLES, &variables).expect("copying the firmware's variables");
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-machine", "q35,vmport=off", "-accel", "tcg,thread=multi,tb-size=512"])
        .args(["-cpu", "max,-avx,-avx2,-f16c", "-smp", "2", "-m", &memory_mib.to_string()])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"])
        .args(["-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0"])
        .args(["-drive", &format!("if=pflash,format=raw,readonly=on,file={FIRMWARE_CODE}")])
        .args(["-drive", &format!("if=pflash,format=raw,file={}", variables.display())]);
    command
}

/// Gives the PC a raw disk on which nothing is changed: writes are lost with the machine.
pub fn add_disk(command: &mut Command, disk: &Path) {
    let drive = format!("if=none,id=disk,format=raw,snapshot=on,file={}", disk.display());
    command.args(["-drive", &drive, "-device", "virtio-blk-pci,drive=disk,bootindex=1"]);
}

/// Gives the PC a disk of which all is logged that is done to it, in the new file `log`.
///
/// The guest's flushes are logged, but the host needs not wait for its own disk: it is not the host whose power
/// is cut.
///
/// # Panics
/// When the log can't be made.
pub fn add_logged_disk(command: &mut Command, disk: &Path, format: &str, log: &Path) {
    std::fs::write(log, []).expect("making the log");
    let file = format!("node-name=medium,driver={format},file.driver=file,file.filename={}", disk.display());
    let log = format!("node-name=log,driver=file,filename={}", log.display());
    let [file, log] = [file, log].map(|node| node + ",cache.no-flush=on");
    let logged = "driver=blklogwrites,node-name=disk,file=medium,log=log,log-sector-size=512";
    command.args(["-blockdev", &file, "-blockdev", &log, "-blockdev", logged]);
    command.args(["-device", "virtio-blk-pci,drive=disk,bootindex=1"]);
}
