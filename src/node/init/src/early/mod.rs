//! The initrd: from nothing to a verified root with state and data mounted.
//!
//! Only two things are trusted: the kernel command line, which is part of the signed UKI, and what
//! dm-verity has checked against it. A root that is not found or cannot be mounted ends the boot (and
//! with it the try); damage on state or data does not: the node enters maintenance, reports it, and never reformats. Nor
//! does a disk on which they are mounted too slowly: a reboot would begin that again, for ever.

mod carried;
mod check;
mod cmdline;
mod condition;
mod death;
mod format;
mod medium;
mod memory;
mod processor;
mod root;
mod storage;

use std::path::{Path, PathBuf};

use slots::{MEDIUM_ROOT, RootParams};
use sys::MountFlags;

use crate::base::Base;
use crate::blocks::Block;

pub(crate) use condition::Condition;
pub(crate) use death::Death;

/// Where the root is put together before it becomes `/`.
const NEW_ROOT: &str = "/sysroot";

/// How long in milliseconds state and data may take to be checked, mounted and grown: tens of minutes on a slow disk of
/// many TB, beside checks that have a limit of their own. The node runs without them after that.
const STORAGE_LIMIT_MS: u64 = 7_200_000;

/// What the initrd leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct Booted {
    /// How whole the machine is.
    pub(crate) condition: Condition,
    /// The partition that holds the root.
    pub(crate) root: Block,
    /// The device through which the root is read and verified.
    pub(crate) verified: PathBuf,
}

/// Brings the machine up to its root. Everything later happens on it.
///
/// # Errors
/// [`Death`]: there is nothing to run, and the machine has to start again.
pub(crate) fn boot(base: &mut Base) -> Result<Booted, Death> {
    let started = sys::boot_ms();
    let mounted = mount_kernel_trees();
    // Whatever there is to write to: the message of a failure has to reach somebody.
    base.voice.open();
    mounted?;
    base.reach_at("init", started);
    base.arm_watchdogs();
    let params = RootParams::parse(&cmdline::read()?)?;
    let root = root::find(base, &params)?;
    let verified = root::mount(&params, &root, Path::new(NEW_ROOT)).map_err(Death::RootNotVerified)?;
    base.reach("root");
    let mounted = base.in_child(STORAGE_LIMIT_MS, |base| match root.label == MEDIUM_ROOT {
        true => storage::mount_memory(base, &root.disk, Path::new(NEW_ROOT)),
        false => storage::mount_all(base, &root.disk, Path::new(NEW_ROOT)),
    });
    let condition = mounted.unwrap_or_else(|error| {
        base.voice.error(&format!("mounting state and data: {error:#}"));
        Condition::nothing(&format!("{error:#}"))
    });
    if condition.is_whole() {
        base.reach("state");
    }
    change_root()?;
    Ok(Booted { condition, root, verified })
}

/// Mounts what the kernel shows of itself, and a place for sockets.
fn mount_kernel_trees() -> anyhow::Result<()> {
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let trees = [
        ("proc", "/proc", safe, ""),
        ("sysfs", "/sys", safe, ""),
        ("devtmpfs", "/dev", MountFlags::NOSUID | MountFlags::NOEXEC, "mode=0755"),
        ("tmpfs", "/run", MountFlags::NOSUID | MountFlags::NODEV, "mode=0755,size=20%"),
    ];
    for (fstype, target, flags, data) in trees {
        // An initrd without the directory gets it.
        drop(std::fs::create_dir(target));
        sys::mount((fstype, fstype), Path::new(target), flags, data)?;
    }
    Ok(())
}

/// Takes the kernel's trees along and makes the new root `/`.
fn change_root() -> anyhow::Result<()> {
    // The initrd is memory: what is deleted is given back.
    for file in ["/init", "/cmdline"] {
        drop(std::fs::remove_file(file));
    }
    for tree in ["proc", "sys", "dev", "run"] {
        sys::move_mount(&Path::new("/").join(tree), &Path::new(NEW_ROOT).join(tree))?;
    }
    sys::change_root(Path::new(NEW_ROOT))?;
    Ok(())
}
