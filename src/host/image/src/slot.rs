//! One slot: the verified root on its partition, and the kernel image that belongs to it.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use formats::tree::{Kind, Node, Tree};
use formats::verity::Hasher;
use formats::{cpio, erofs, uki};
use slots::RootParams;

use crate::facts::Facts;
use crate::hostdisk::HostDisk;
use crate::identity::{derive, uuid};
use crate::layout::{Place, check_fill};
use crate::{Error, error::Result};

/// What follows the root parameters on the kernel command line. Both consoles get messages; the last
/// one is `/dev/console`. A panic ends in a reset, and so does a start that has not got to `init` a minute
/// after the kernel's own watchdog, which then is armed already: no node hangs for ever.
const CMDLINE: &str =
    "console=tty0 console=ttyS0,115200 panic=10 softdog.soft_active_on_boot=1 quiet loglevel=4";
/// Directories of the initrd beside `/init`.
const INITRD_DIRECTORIES: &[&str] = &["dev", "proc", "run", "sys", "sysroot"];
/// Level of zstd for the initrd: small in a second, and unpacked at the same speed at every level.
const INITRD_LEVEL: i32 = 15;
/// Bytes handed to the disk at once.
const CHUNK: usize = 1 << 20;

/// Writes the root to its place: EROFS, verity superblock, verity tree, in one pass.
///
/// # Errors
/// [`Error::TooLarge`] if it fills more than its share of the place; what was written then is of no use.
pub(crate) fn write_root(disk: &HostDisk, place: Place, tree: &Tree, facts: &Facts) -> Result<RootParams> {
    let parts = [facts.name.as_bytes(), facts.version.as_bytes(), &facts.build_time.to_le_bytes()];
    let salt = derive("verity salt", &parts);
    let options = erofs::Options { uuid: uuid("root file system", &parts), epoch_secs: facts.build_time };
    let end = place.start + place.bytes;
    let mut stream = Stream { disk, at: place.start, end, hasher: Some(Hasher::new(salt)) };
    let mut buffer = BufWriter::with_capacity(CHUNK, &mut stream);
    erofs::write(tree, &options, &mut buffer).map_err(Error::format("writing the root's EROFS"))?;
    buffer.flush().map_err(Error::format("writing the root's EROFS"))?;
    drop(buffer);
    let hasher = stream.hasher.take().expect("the stream began with a hasher");
    let verity = hasher.finish().map_err(Error::format("hashing the root"))?;
    let params = RootParams {
        root_hash: verity.root_hash,
        salt,
        data_blocks: verity.data_blocks,
        hash_block: verity.data_blocks,
    };
    let mut buffer = BufWriter::with_capacity(CHUNK, &mut stream);
    verity.write(params.uuid(), &mut buffer).map_err(Error::format("writing the root's verity tree"))?;
    buffer.flush().map_err(Error::format("writing the root's verity tree"))?;
    drop(buffer);
    check_fill(place, stream.at - place.start)?;
    Ok(params)
}

/// Writes in order into a place of the disk and hashes what passes. What would leave the place is
/// counted and not written: the neighbour is never touched, and the error can say the whole length.
struct Stream<'a> {
    disk: &'a HostDisk,
    at: u64,
    end: u64,
    hasher: Option<Hasher>,
}

impl Write for Stream<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let length = buf.len() as u64;
        if self.at + length <= self.end {
            self.disk.writer(self.at).write_all(buf)?;
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.write_all(buf)?;
        }
        self.at += length;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What goes into a kernel image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelParts<'a> {
    /// The systemd stub.
    pub stub: &'a [u8],
    /// The kernel.
    pub kernel: &'a [u8],
    /// What `uname -r` says.
    pub release: &'a str,
    /// The init binary.
    pub init: &'a [u8],
}

/// Returns the kernel image that boots `root`.
///
/// # Errors
/// [`Error::Format`] if stub or kernel is no EFI program.
pub(crate) fn kernel_image(parts: &KernelParts<'_>, root: &RootParams, facts: &Facts) -> Result<Vec<u8>> {
    let initrd = initrd(parts.init, facts.build_time)?;
    uki::build(&uki::Parts {
        stub: parts.stub,
        os_release: &facts.to_os_release(),
        cmdline: &command_line(root),
        uname: parts.release,
        initrd: &initrd,
        kernel: parts.kernel,
    })
    .map_err(Error::format("building the kernel image"))
}

/// Returns the kernel command line for `root`.
fn command_line(root: &RootParams) -> String {
    format!("{root} {CMDLINE}")
}

/// Returns the initrd: init, and places to mount things on.
fn initrd(init: &[u8], build_time: u64) -> Result<Vec<u8>> {
    let mut tree = Tree::new();
    tree.insert("init", Node::file(init.to_vec(), 0o755))?;
    for directory in INITRD_DIRECTORIES {
        tree.insert(directory, Node::new(Kind::Directory(BTreeMap::new()), 0o755))?;
    }
    let mut archive = Vec::new();
    // Good until 2106; later dates all look alike.
    let mtime = u32::try_from(build_time).unwrap_or(u32::MAX);
    cpio::write(&tree, mtime, &mut archive).map_err(Error::format("writing the initrd"))?;
    zstd::bulk::compress(&archive, INITRD_LEVEL).map_err(Error::format("compressing the initrd"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{MIB, places};
    use config::Slots;
    use slots::Partition;

    fn facts() -> Facts {
        Facts {
            name: "single".into(),
            version: "0.1.0".into(),
            role: "single".into(),
            architecture: "amd64".into(),
            kubernetes: "1.36.3".into(),
            build_time: 1_790_000_000,
            epoch: 0,
            state: BTreeMap::new(),
        }
    }

    fn write(bytes: usize) -> Result<(RootParams, Vec<u8>)> {
        let dir = tempfile::tempdir().unwrap();
        let place = places(&Slots { root_mib: 8, kernel_mib: 16, state_mib: 1, data_mib: 1 })[4];
        assert_eq!(place.partition, Partition::RootA);
        let disk = HostDisk::create(&dir.path().join("d"), 200 * MIB).unwrap();
        let mut tree = Tree::new();
        tree.insert("usr/bin/x", Node::file(vec![7; bytes], 0o755)).unwrap();
        let params = write_root(&disk, place, &tree, &facts())?;
        let mut all = vec![0; usize::try_from(place.bytes + MIB).unwrap()];
        formats::disk::ReadAt::read_exact_at(&disk, &mut all, place.start).unwrap();
        Ok((params, all))
    }

    #[test]
    fn the_root_is_found_where_the_command_line_says() {
        let (params, partition) = write(1 << 20).unwrap();
        assert_eq!(params.hash_block, params.data_blocks);
        formats::verity::verify(&partition[..8 << 20].to_vec(), &params).unwrap();
        assert_eq!(write(1 << 20).unwrap(), (params, partition));
    }

    #[test]
    fn a_root_too_large_names_its_length_and_leaves_the_neighbour_alone() {
        let Err(Error::TooLarge { part, bytes, limit, .. }) = write(7 << 20) else { panic!("it fits") };
        assert_eq!((part, limit), ("root", (8 << 20) * 8 / 10));
        assert!(bytes > 7 << 20);
        assert!(matches!(write(9 << 20), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn the_initrd_is_zstd_and_the_same_every_time() {
        let first = initrd(b"init", 1).unwrap();
        assert_eq!(first[..4], [0x28, 0xb5, 0x2f, 0xfd]);
        assert_eq!(first, initrd(b"init", 1).unwrap());
    }
}
