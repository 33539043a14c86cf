//! Uses KVM if it really works, emulation otherwise.
//!
//! `/dev/kvm` may exist and open, and still be unable to run a guest (nested virtualisation without hardware
//! support). So a real guest is run: 198 bytes of firmware that go through the same modes as any 64-bit guest
//! (x87, protected mode, paging, long mode, SSE) and then make QEMU exit with a code that nothing else
//! returns. A broken KVM hangs or stops on the way.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// The host's processor.
    Kvm,
    /// QEMU's emulation.
    Tcg,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Accelerator::Kvm => "KVM",
            Accelerator::Tcg => "emulation (TCG)",
        })
    }
}

/// An accelerator, and why it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// The reason, in one line.
    pub reason: String,
}

/// Time limit of the probe; a working KVM needs a tenth of a second.
const LIMIT: Duration = Duration::from_secs(2);
/// Exit code of QEMU when the guest writes 16 to the exit device.
const PASSED: i32 = 33;
/// Size of the firmware image; it ends at 4 GiB, where the processor starts.
const IMAGE_BYTES: usize = 64 << 10;
/// `jmp 0xf000:0`, at the reset vector 16 bytes before the end.
const RESET: [u8; 5] = [0xea, 0x00, 0x00, 0x00, 0xf0];

/// `qemu/kvm-probe.S`, assembled.
const PROBE: [u8; 198] = [
    0xfa, 0xdb, 0xe3, 0x2e, 0x66, 0x0f, 0x01, 0x16, 0xc0, 0x00, 0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22,
    0xc0, 0x66, 0xea, 0x1a, 0x00, 0x0f, 0x00, 0x08, 0x00, 0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8, 0x8e, 0xc0,
    0x8e, 0xd0, 0x31, 0xc0, 0xbf, 0x00, 0x10, 0x00, 0x00, 0xb9, 0x00, 0x0c, 0x00, 0x00, 0xf3, 0xab, 0xc7,
    0x05, 0x00, 0x10, 0x00, 0x00, 0x03, 0x20, 0x00, 0x00, 0xc7, 0x05, 0x00, 0x20, 0x00, 0x00, 0x03, 0x30,
    0x00, 0x00, 0xc7, 0x05, 0x00, 0x30, 0x00, 0x00, 0x83, 0x00, 0x00, 0x00, 0xb8, 0x00, 0x10, 0x00, 0x00,
    0x0f, 0x22, 0xd8, 0x0f, 0x20, 0xe0, 0x0d, 0x20, 0x06, 0x00, 0x00, 0x0f, 0x22, 0xe0, 0xb9, 0x80, 0x00,
    0x00, 0xc0, 0x0f, 0x32, 0x0d, 0x00, 0x01, 0x00, 0x00, 0x0f, 0x30, 0x0f, 0x20, 0xc0, 0x83, 0xe0, 0xfb,
    0x0d, 0x03, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0, 0xea, 0x86, 0x00, 0x0f, 0x00, 0x18, 0x00, 0xb8, 0x08,
    0x00, 0x00, 0x00, 0x66, 0x0f, 0x6e, 0xc0, 0x66, 0x0f, 0xfe, 0xc0, 0x66, 0x0f, 0x7e, 0xc0, 0x66, 0xba,
    0xf4, 0x00, 0xee, 0xf4, 0x0f, 0x1f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
    0x00, 0x00, 0x00, 0x9a, 0xcf, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00, 0xff, 0xff, 0x00,
    0x00, 0x00, 0x9a, 0xaf, 0x00, 0x1f, 0x00, 0xa0, 0x00, 0x0f, 0x00,
];

/// Chooses KVM if a guest runs under it, emulation otherwise. Takes at most two seconds.
#[must_use]
pub fn choose(program: &str) -> Choice {
    let tcg = |reason: &str| Choice { accelerator: Accelerator::Tcg, reason: reason.to_owned() };
    match File::options().read(true).write(true).open("/dev/kvm") {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return tcg("this machine has no /dev/kvm"),
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            return tcg("no permission to use /dev/kvm");
        }
        Err(e) => return tcg(&format!("/dev/kvm can't be opened: {e}")),
        Ok(_) => {}
    }
    match probe(program, "kvm", LIMIT) {
        Ok(true) => Choice { accelerator: Accelerator::Kvm, reason: "a test guest ran under KVM".to_owned() },
        Ok(false) => tcg("/dev/kvm exists, but a test guest did not run under it"),
        Err(e) => tcg(&format!("the KVM probe could not be started: {e}")),
    }
}

/// Runs the probe under `accel`; returns whether the guest finished within `limit` (whole seconds).
///
/// A guest that hangs keeps a processor busy, so QEMU runs under `timeout`, which ends it even if this
/// process is killed.
fn probe(program: &str, accel: &str, limit: Duration) -> std::io::Result<bool> {
    const NOT_FOUND: i32 = 127;
    let mut firmware = tempfile::NamedTempFile::new()?;
    firmware.write_all(&image())?;
    let status = Command::new("timeout")
        .args(["--signal=KILL", &limit.as_secs().to_string(), program])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-m", "32"])
        .args(["-accel", accel, "-cpu", "max", "-device", "isa-debug-exit,iobase=0xf4", "-bios"])
        .arg(firmware.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    match status.code() {
        Some(NOT_FOUND) => {
            Err(std::io::Error::new(std::io::ErrorKind::NotFound, format!("{program} is missing")))
        }
        code => Ok(code == Some(PASSED)),
    }
}

/// Returns the firmware image.
fn image() -> Vec<u8> {
    const HALT: u8 = 0xf4;
    let mut image = vec![HALT; IMAGE_BYTES];
    image[..PROBE.len()].copy_from_slice(&PROBE);
    image[IMAGE_BYTES - 16..][..RESET.len()].copy_from_slice(&RESET);
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_passes_where_a_guest_runs() {
        if !judges::present(&["qemu-system-x86_64"]) {
            return;
        }
        assert!(probe("qemu-system-x86_64", "tcg", Duration::from_secs(120)).unwrap());
    }

    #[test]
    fn a_missing_program_is_no_kvm() {
        assert_eq!(choose("no-such-program").accelerator, Accelerator::Tcg);
    }
}
