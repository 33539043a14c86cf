//! The start of the kernel by our boot loader compared with systemd-boot: the same kernel image on the same
//! disk except for the ESP, in the same machine.
//!
//! Our boot loader reads the image from its slot and checks its digest, which systemd-boot does not;
//! systemd-boot finds it in the file system of the ESP. The times are those at which lines arrive over the
//! serial port: the firmware prints what it starts, and `init` prints when it began by the kernel's clock.
//! The kernel itself prints nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use formats::disk::read_vec;
use formats::fat;

use super::contest::{ROUNDS, median};
use super::row::{Goal, Row, Value};
use super::shared::Shared;
use crate::pc::{self, Running};
use crate::{image, tool};

/// Programs that are needed.
pub const TOOLS: &[&str] = &["qemu-system-x86_64"];
/// The other boot loader, from Debian's package `systemd-boot-efi`.
const OTHER: &str = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";
/// Memory of the machine in MiB.
const MEMORY_MIB: u32 = 2048;

/// The times of a boot, since power-on.
#[derive(Clone, Copy, Debug)]
struct Boot {
    /// The firmware started the boot loader.
    loader: Duration,
    /// The kernel's clock began.
    kernel: Duration,
    /// `init` printed its first line.
    init: Duration,
}

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let dir = shared.dir().join("loader");
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let (raw, other) = (image::raw(), with_other_loader(&dir)?);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        ours.push(boot(&dir, &raw)?);
        theirs.push(boot(&dir, &other)?);
    }
    fs::remove_file(&other).with_context(|| format!("removing {}", other.display()))?;
    let row = |what: &str, time: fn(&Boot) -> Duration| {
        // The first round warms the page cache.
        let of = |boots: &[Boot]| Value::Time(median(boots.iter().skip(1).map(time).collect()));
        Row::new(what, of(&ours), Goal::NotAboveOther).against("systemd-boot", of(&theirs))
    };
    Ok(vec![
        row("boot loader: its start to the kernel's", |b| b.kernel.saturating_sub(b.loader)),
        row("boot loader: power-on to init", |b| b.init),
    ])
}

/// Copies the image and puts the other boot loader and the kernel image on its ESP.
fn with_other_loader(dir: &Path) -> Result<PathBuf> {
    let loader = fs::read(OTHER).with_context(|| format!("reading {OTHER} (make deps-test)"))?;
    let files = BTreeMap::from([
        ("EFI/BOOT/BOOTX64.EFI".to_owned(), loader),
        ("EFI/Linux/ironhull.efi".to_owned(), image::uki()),
        ("loader/loader.conf".to_owned(), b"timeout 0\n".to_vec()),
    ]);
    let (offset, bytes) = image::partition(&image::raw(), slots::Partition::Esp);
    let esp = fat::write(
        files,
        &fat::Options { kind: fat::Kind::Fat32, bytes, offset, serial: 1, label: "ESP".to_owned() },
    )?;
    let disk = dir.join("systemd-boot.raw");
    tool::run("cp", &["--sparse=always".as_ref(), image::raw().as_path(), &disk]);
    let file = File::options().write(true).open(&disk).context("opening the copy of the image")?;
    // Including zeros, which overwrite the old file system.
    file.write_all_at(&read_vec(&esp, 0, bytes)?, offset).context("writing the ESP")?;
    Ok(disk)
}

/// Boots a disk until `init` prints its first line, then cuts the power.
fn boot(dir: &Path, disk: &Path) -> Result<Boot> {
    let mut command = pc::command(dir, MEMORY_MIB);
    pc::add_disk(&mut command, disk);
    let power_on = Instant::now();
    let mut machine = Running::start(command);
    let (loader, _) = machine.wait_for("BdsDxe: starting ");
    let (init, line) = machine.wait_for("stage init at ");
    let since_kernel = clock(&line).with_context(|| format!("expected a time in {line:?}"))?;
    let since = |time: Instant| time.duration_since(power_on);
    let kernel = since(init).saturating_sub(since_kernel);
    Ok(Boot { loader: since(loader), kernel, init: since(init) })
}

/// Parses the time in the line `ironhull: stage init at 1.234 s`.
fn clock(line: &str) -> Option<Duration> {
    let secs = line.split_once("stage init at ")?.1.strip_suffix(" s")?;
    Duration::try_from_secs_f64(secs.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_clock_is_read() {
        assert_eq!(clock("ironhull: stage init at 5.975 s"), Some(Duration::from_millis(5975)));
        for line in ["", "ironhull: stage init at x s", "stage init at -1 s", "stage init at 1"] {
            assert_eq!(clock(line), None, "{line}");
        }
    }
}
