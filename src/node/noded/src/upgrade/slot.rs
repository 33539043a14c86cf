//! The inactive slot of this node: two block devices, and the boot record through `init`.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use bundle::{KeySet, Kind};
use control::{BootOrder, BootStatus};
use formats::disk::ReadAt;
use rustix::fs::Advice;
use slots::Slot;
use update::{Device, Free, Target, UpdateError, keys};

use crate::init::{Init, Refusal};

/// Path of the key set that came with a bundle.
pub const KEPT_KEYS: &str = "/state/config/update-keys.json";
/// `O_EXCL`: opening fails if the device is mounted or mapped, so the running generation is never
/// overwritten.
const EXCLUSIVE: i32 = 0o200;

/// A partition.
#[derive(Debug)]
pub struct Partition<'a> {
    file: File,
    bytes: u64,
    /// Nothing is written once it is set.
    called_off: &'a AtomicBool,
}

impl<'a> Partition<'a> {
    /// Opens a partition that is not in use.
    fn open(path: &Path, part: Kind, called_off: &'a AtomicBool) -> Result<Partition<'a>, UpdateError> {
        let open = || {
            let file = File::options().read(true).write(true).custom_flags(EXCLUSIVE).open(path)?;
            let bytes = sys::device_bytes(&file, path).map_err(io::Error::other)?;
            Ok(Partition { file, bytes, called_off })
        };
        open().map_err(|source| UpdateError::Device { doing: "opening", part, source })
    }
}

impl ReadAt for Partition<'_> {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }
}

impl Device for Partition<'_> {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.called_off.load(Ordering::Relaxed) {
            return Err(io::Error::other("cancelled"));
        }
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn forget(&self) {
        // If the kernel keeps the pages, the data is read from memory, which proves less than reading the
        // disk.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}

/// The slots of this node.
#[derive(Debug)]
pub struct Slots<'a> {
    init: &'a Init,
    boot: BootStatus,
    called_off: &'a AtomicBool,
    /// The slot that was released for writing.
    pub free: Option<Slot>,
    /// The key set in the bundle.
    pub next_keys: Option<KeySet>,
}

impl<'a> Slots<'a> {
    /// Returns the slots according to `init`.
    ///
    /// # Errors
    /// If `init` can't be asked, or the disk has no boot record.
    pub fn load(init: &'a Init, called_off: &'a AtomicBool) -> Result<Slots<'a>> {
        let boot = init.status()?.boot.context("the disk has no boot record")?;
        Ok(Slots { init, boot, called_off, free: None, next_keys: None })
    }

    /// Returns the boot status according to `init`.
    pub fn boot(&self) -> &BootStatus {
        &self.boot
    }

    /// Returns the lengths of the smaller kernel and the smaller root partition.
    ///
    /// # Errors
    /// If the length of one can't be determined.
    pub fn room(&self) -> Result<(u64, u64)> {
        let bytes = |path: &PathBuf| -> Result<u64> {
            let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
            Ok(sys::device_bytes(&file, path)?)
        };
        let mut room = (u64::MAX, u64::MAX);
        for slot in &self.boot.slots {
            room = (room.0.min(bytes(&slot.kernel)?), room.1.min(bytes(&slot.root)?));
        }
        Ok(room)
    }
}

impl<'a> Target for Slots<'a> {
    type Device = Partition<'a>;

    fn begin(&mut self) -> Result<Free<Partition<'a>>, UpdateError> {
        let mistake = |what: String| UpdateError::Slots {
            message: what,
            hint: "this is a bug: please report it".to_owned(),
        };
        let other = self.boot.other();
        let other = other.ok_or_else(|| mistake("the disk has one slot".to_owned()))?;
        // Opened before the slot is released: if that fails, the slot keeps its content.
        let kernel = Partition::open(&other.kernel, Kind::Uki, self.called_off)?;
        let root = Partition::open(&other.root, Kind::Root, self.called_off)?;
        let free = answered(self.init.begin_update())?;
        if free.name != other.name {
            let found = format!("init released slot {}, expected {}", free.name, other.name);
            return Err(mistake(found));
        }
        let opened = Free { generation: free.generation, kernel, root };
        self.free = Some(free.name);
        Ok(opened)
    }

    fn commit(&mut self, generation: u32, epoch: u32) -> Result<(), UpdateError> {
        if self.called_off.load(Ordering::Relaxed) {
            return Err(UpdateError::CalledOff);
        }
        // Stored before the commit: both key sets have signed the bundle, and a power cut in between must not
        // lose the new one.
        if let Some(set) = &self.next_keys {
            keys::keep(set, Path::new(KEPT_KEYS))?;
        }
        let order = self.init.boot(BootOrder::CommitUpdate { generation, epoch });
        match (order, self.free) {
            // The response was lost, but the record may have been written; its content decides.
            (Err(e), Some(slot)) if has_it(self.init, slot, generation) => {
                eprintln!("noded: committing generation {generation}: {e:#}; but it is committed");
                Ok(())
            }
            (order, _) => answered(order),
        }
    }
}

/// Returns whether the boot record has the generation in the slot.
fn has_it(init: &Init, slot: Slot, generation: u32) -> bool {
    let boot = init.status().ok().and_then(|s| s.boot);
    let slots = boot.map(|b| b.slots).unwrap_or_default();
    slots.iter().any(|s| s.name == slot && s.entry.generation == generation && s.entry.is_present())
}

/// Converts a response of `init`.
fn answered<T>(answer: Result<Result<T, Refusal>>) -> Result<T, UpdateError> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Refusal { message, hint })) => Err(UpdateError::Slots { message, hint }),
        Err(e) => Err(UpdateError::Slots {
            message: format!("asking init: {e:#}"),
            hint: "try again; `ironhull node ADDRESS logs init` may say more".to_owned(),
        }),
    }
}
