//! An emulated PC with OVMF, run by QEMU without the `ironhull` command, to observe what happens before a
//! node answers, or on its disk.

mod console;

use std::path::Path;
use std::process::Command;

pub use console::Running;

/// The firmware and its variables, from Debian's package `ovmf`.
pub const FIRMWARE_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
/// The initial firmware variables.
pub const FIRMWARE_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// Returns a PC like those of `ironhull run`, with two processors and `memory_mib` MiB, its serial port on
/// standard output and no disk. Its variables are a file in `dir`, new with each call.
///
/// # Panics
/// If the firmware is not installed.
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

/// Adds a raw disk whose file is not changed: writes are lost when the machine ends.
pub fn add_disk(command: &mut Command, disk: &Path) {
    let drive = format!("if=none,id=disk,format=raw,snapshot=on,file={}", disk.display());
    command.args(["-drive", &drive, "-device", "virtio-blk-pci,drive=disk,bootindex=1"]);
}

/// Adds a disk whose operations are logged in the new file `log`.
///
/// The guest's flushes are logged, but the host need not sync its own disk, since it does not lose power.
///
/// # Panics
/// If the log can't be created.
pub fn add_logged_disk(command: &mut Command, disk: &Path, format: &str, log: &Path) {
    std::fs::write(log, []).expect("making the log");
    let file = format!("node-name=medium,driver={format},file.driver=file,file.filename={}", disk.display());
    let log = format!("node-name=log,driver=file,filename={}", log.display());
    let [file, log] = [file, log].map(|node| node + ",cache.no-flush=on");
    let logged = "driver=blklogwrites,node-name=disk,file=medium,log=log,log-sector-size=512";
    command.args(["-blockdev", &file, "-blockdev", &log, "-blockdev", logged]);
    command.args(["-device", "virtio-blk-pci,drive=disk,bootindex=1"]);
}
