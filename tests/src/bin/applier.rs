//! Applies a bundle to two files instead of a slot, with the node's updater; prints its peak memory use in
//! bytes. Used by `bench`, in a process of its own so that its memory can be measured.
//!
//! Usage: `applier BUNDLE KEYS DIRECTORY`. With files, the behaviour of a disk when it is flushed is not
//! tested.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bundle::{KeySet, Node};
use formats::disk::ReadAt;
use rustix::fs::Advice;
use update::{Device, Free, Target, UpdateError};

/// Lengths of the partitions: those of the profile `single`.
const KERNEL_BYTES: u64 = 96 << 20;
const ROOT_BYTES: u64 = 512 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(bytes) => {
            println!("{bytes}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<u64> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [bundle, keys, directory] = arguments.as_slice() else {
        bail!("expected BUNDLE KEYS DIRECTORY, found {} arguments", arguments.len());
    };
    let keys = KeySet::parse(&fs::read(keys).context("reading the key set")?)?;
    let open = || {
        File::open(bundle).map_err(|source| UpdateError::File {
            doing: "opening",
            path: bundle.clone(),
            source,
        })
    };
    let manifest = bundle::Sealed::open(open()?)?.claims()?;
    let state = BTreeMap::new();
    let node = Node {
        role: &manifest.role,
        architecture: &manifest.architecture,
        epoch: 0,
        kernel_bytes: KERNEL_BYTES,
        root_bytes: ROOT_BYTES,
        state: &state,
        now_secs: 0,
    };
    let examined = update::examine(open, &keys, (&node, &manifest.kubernetes), &mut |_| ())?;
    update::install(examined, &mut Files { directory }, &mut |_, _| ())?;
    peak_bytes()
}

/// Two files.
struct Files<'a> {
    directory: &'a Path,
}

/// One of them.
struct Partition(File, u64);

impl Target for Files<'_> {
    type Device = Partition;

    fn begin(&mut self) -> Result<Free<Partition>, UpdateError> {
        let make = |name: &str, bytes| {
            let path = self.directory.join(name);
            let made = File::options().read(true).write(true).create(true).truncate(true).open(&path);
            let made = made.and_then(|file| file.set_len(bytes).map(|()| Partition(file, bytes)));
            made.map_err(|source| UpdateError::File { doing: "making", path, source })
        };
        Ok(Free { generation: 2, kernel: make("kernel", KERNEL_BYTES)?, root: make("root", ROOT_BYTES)? })
    }

    fn commit(&mut self, _: u32, _: u32) -> Result<(), UpdateError> {
        Ok(())
    }
}

impl ReadAt for Partition {
    fn len(&self) -> u64 {
        self.1
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }
}

impl Device for Partition {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn forget(&self) {
        // As on the node, so that the next read comes from the disk.
        let _ = rustix::fs::fadvise(&self.0, 0, None, Advice::DontNeed);
    }
}

/// Returns the peak memory use of this process.
fn peak_bytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).context("the kernel tells no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("reading VmHWM")?;
    Ok(kib << 10)
}
