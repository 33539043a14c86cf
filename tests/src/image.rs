//! Extracts parts of the built image, according to the layout that all crates share.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use formats::disk::{ReadAt, read_vec};
use formats::gpt::{self, Partition};
use slots::RootParams;

use crate::host_disk::HostDisk;
use crate::tool;

/// Most bytes of a disk that are held at once.
const MOST_BYTES: u64 = 4 << 20;

/// Returns the raw image that `make image` built.
///
/// # Panics
/// If it does not exist.
#[must_use]
pub fn raw() -> PathBuf {
    built("single.raw")
}

/// Returns the qcow2 image that `make image` built.
///
/// # Panics
/// If it does not exist.
#[must_use]
pub fn qcow2() -> PathBuf {
    built("single.qcow2")
}

/// Returns the qcow2 image of a controller that `make image` built.
///
/// # Panics
/// If it does not exist.
#[must_use]
pub fn controller() -> PathBuf {
    built("controller.qcow2")
}

/// Returns the qcow2 image of a worker that `make image` built.
///
/// # Panics
/// If it does not exist.
#[must_use]
pub fn worker() -> PathBuf {
    built("worker.qcow2")
}

/// Returns a file of `out/`.
fn built(name: &str) -> PathBuf {
    let path = tool::source_root().join("out").join(name);
    assert!(path.exists(), "{} is missing: run `make image` first", path.display());
    path
}

/// Returns the byte range of a partition of a raw image: start and length.
///
/// # Panics
/// If the partition table can't be read or has no such partition.
#[must_use]
pub fn partition(disk: &Path, which: slots::Partition) -> (u64, u64) {
    let mut file = File::open(disk).expect("opening the image");
    let blocks = file.seek(SeekFrom::End(0)).expect("measuring the image") / 512;
    let table = gpt::read(&mut file, blocks).expect("reading the partition table");
    let found: Option<&Partition> = table.partitions.iter().find(|p| p.number == which.number());
    let p = found.expect("the partition is in the table");
    (p.first_lba * 512, (p.last_lba + 1 - p.first_lba) * 512)
}

/// Returns the UKI in slot A.
///
/// # Panics
/// If it can't be read.
#[must_use]
pub fn uki() -> Vec<u8> {
    let (start, bytes) = partition(&raw(), slots::Partition::KernelA);
    let file = File::open(raw()).expect("opening the image");
    let mut block = [0; slots::HEADER_BYTES];
    file.read_exact_at(&mut block, start).expect("reading the slot's header");
    let header = slots::Header::parse(&block, bytes).expect("the slot has a header");
    let mut uki = vec![0; usize::try_from(header.length).expect("a UKI is small")];
    file.read_exact_at(&mut uki, start + slots::UKI_OFFSET).expect("reading the UKI");
    uki
}

/// Returns one section of the UKI.
///
/// # Panics
/// If it does not exist.
#[must_use]
pub fn uki_section(name: &str) -> Vec<u8> {
    let uki = uki();
    let sections = formats::uki::sections(&uki).expect("reading the UKI");
    let section = sections.iter().find(|s| s.name == name).expect("the UKI has the section");
    section.bytes.to_vec()
}

/// Writes the kernel to `to`.
///
/// # Panics
/// If that fails.
pub fn extract_kernel(to: &Path) {
    std::fs::write(to, uki_section(".linux")).expect("writing the kernel");
}

/// Returns the root's parameters on the UKI's command line.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn root_params() -> RootParams {
    let cmdline = uki_section(".cmdline");
    RootParams::parse(&String::from_utf8_lossy(&cmdline)).expect("the command line has the root")
}

/// Writes the file system of root slot A to `to`.
///
/// # Panics
/// If that fails.
pub fn extract_root(to: &Path) {
    let (start, _) = partition(&raw(), slots::Partition::RootA);
    cut(&raw(), (start, root_params().data_blocks * 4096), to);
}

/// Copies `bytes` bytes from `start` of a file to a new one; holes stay holes.
///
/// # Panics
/// If that fails.
pub fn cut(from: &Path, (start, bytes): (u64, u64), to: &Path) {
    let disk = HostDisk::open(from).expect("opening the disk");
    let end = start + bytes;
    let out = File::create(to).expect("making the part's file");
    out.set_len(bytes).expect("sizing the part's file");
    let mut at = start;
    while let Some(data) = disk.next_data(at).expect("finding data on the disk").filter(|d| d.start < end) {
        at = data.end.min(end).min(data.start + MOST_BYTES);
        let piece = read_vec(&disk, data.start, at - data.start).expect("reading the disk");
        out.write_all_at(&piece, data.start - start).expect("copying the part");
    }
}

/// Copies a file, with holes for its zeros.
///
/// # Panics
/// If that fails.
pub fn copy(from: &Path, to: &Path) {
    let [from, to] = [from, to].map(|path| path.display().to_string());
    tool::run("cp", &["--sparse=always", &from, &to]);
}

/// Makes an overlay of a built image, `raw` or `qcow2`, as a qcow2 at `to`.
///
/// # Panics
/// If that fails.
pub fn overlay((base, format): (&Path, &str), to: &Path) {
    // A relative path would count from the overlay.
    let base = base.canonicalize().expect("the image has a path").display().to_string();
    let to = to.display().to_string();
    tool::run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", format, "-b", &base, &to]);
}
