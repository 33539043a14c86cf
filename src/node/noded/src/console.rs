//! Console messages that must be visible at any log level of the kernel.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The consoles of the kernel, by the names of their devices.
const ACTIVE: &str = "/sys/class/tty/console/active";

/// Writes a text to the log and to every console.
pub fn announce(text: &str) {
    eprintln!("{text}");
    show(text);
}

/// Writes a text to every console, for whoever stands before one: the first screen as well as the serial line. Not to
/// the log.
pub fn show(text: &str) {
    let active = fs::read_to_string(ACTIVE).unwrap_or_default();
    devices(&active).iter().for_each(|device| write(device, text));
}

/// Returns the devices of all consoles; the one that the kernel prefers if they are not known.
fn devices(active: &str) -> Vec<PathBuf> {
    let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric());
    let found: Vec<PathBuf> =
        active.split_whitespace().filter(plain).map(|name| Path::new("/dev").join(name)).collect();
    if found.is_empty() { vec![PathBuf::from("/dev/console")] } else { found }
}

fn write(device: &Path, text: &str) {
    // It must not become the terminal of this program.
    let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap_or_default();
    let console = OpenOptions::new().write(true).custom_flags(flags).open(device);
    // A machine may have none.
    if let Ok(mut console) = console {
        let _ = console.write_all(format!("{}\r\n", text.replace('\n', "\r\n")).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_console_is_written_to() {
        let of = |active: &str| devices(active).iter().map(|d| d.display().to_string()).collect::<Vec<_>>();
        assert_eq!(of("tty0 ttyS0\n"), ["/dev/tty0", "/dev/ttyS0"]);
        assert_eq!(of("hvc0\n"), ["/dev/hvc0"]);
        for nothing in ["", "\n", "../sda a/b\n"] {
            assert_eq!(of(nothing), ["/dev/console"], "{nothing:?}");
        }
    }
}
