//! The kernel image: stub, kernel, initrd and command line in one file that the firmware starts.

use std::collections::BTreeMap;
use std::path::Path;

use formats::tree::{Kind, Node, Tree};
use formats::{cpio, uki};
use imagefacts::ImageFacts;
use slots::{CARRIED_MEDIUM, RootParams};

use crate::facts;
use crate::source::HostFile;
use crate::{Error, error::Result};

/// What follows the root's parameters on the kernel command line. Both consoles get messages; the last one is
/// `/dev/console`. A panic ends in a reset, and so does a boot that does not reach `init` within a minute
/// after the kernel has armed its own watchdog: no node hangs for ever. The page allocator shuffles its free lists
/// only when told to. The drivers of bonds and dummies make links of their own, `bond0` among them, unless told not to.
const CMDLINE: &str = "console=tty0 console=ttyS0,115200 panic=10 softdog.soft_active_on_boot=1 \
                       page_alloc.shuffle=1 bonding.max_bonds=0 dummy.numdummies=0 quiet loglevel=4";
/// Directories of the initrd besides `/init`.
const INITRD_DIRECTORIES: &[&str] = &["dev", "proc", "run", "sys", "sysroot"];
/// Compression level of zstd for the initrd: small within a second; decompression is equally fast at every
/// level.
const INITRD_LEVEL: i32 = 15;
/// The same for an installation medium, which has a hundred times as much.
const MEDIUM_LEVEL: i32 = 9;

/// The parts of a kernel image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelParts<'a> {
    /// The systemd stub.
    pub stub: &'a [u8],
    /// The kernel.
    pub kernel: &'a [u8],
    /// Its release, as in `uname -r`.
    pub release: &'a str,
    /// The init binary.
    pub init: &'a [u8],
}

/// Returns the kernel image that boots `root`.
///
/// # Errors
/// [`Error::Format`] if stub or kernel is not an EFI program.
pub(crate) fn kernel_image(
    parts: &KernelParts<'_>,
    root: &RootParams,
    facts: &ImageFacts,
) -> Result<Vec<u8>> {
    let cmdline = command_line(root);
    let initrd = initrd(parts.init, &cmdline, facts.build_time)?;
    pack(parts, &cmdline, facts, &initrd)
}

/// Returns the kernel image that boots `root` from the installation medium in the file `medium`, which it brings along.
///
/// # Errors
/// As [`kernel_image`]; [`Error::File`] if the medium can't be read.
pub(crate) fn netboot_image(
    parts: &KernelParts<'_>,
    root: &RootParams,
    facts: &ImageFacts,
    medium: &Path,
) -> Result<Vec<u8>> {
    let cmdline = command_line(root);
    // The kernel unpacks one archive after the other.
    let mut initrd = initrd(parts.init, &cmdline, facts.build_time)?;
    let mut tree = Tree::new();
    tree.insert(CARRIED_MEDIUM, HostFile::node(medium, 0o400)?)?;
    let compressing = "compressing the medium";
    let mut encoder = zstd::Encoder::new(&mut initrd, MEDIUM_LEVEL).map_err(Error::format(compressing))?;
    cpio::write(&tree, mtime(facts.build_time), &mut encoder).map_err(Error::format(compressing))?;
    encoder.finish().map_err(Error::format(compressing))?;
    pack(parts, &cmdline, facts, &initrd)
}

/// Puts the parts into one file.
fn pack(parts: &KernelParts<'_>, cmdline: &str, facts: &ImageFacts, initrd: &[u8]) -> Result<Vec<u8>> {
    uki::build(&uki::Parts {
        stub: parts.stub,
        os_release: &facts::os_release(facts),
        cmdline,
        uname: parts.release,
        initrd,
        kernel: parts.kernel,
    })
    .map_err(Error::format("building the kernel image"))
}

/// Returns the kernel command line for `root`.
fn command_line(root: &RootParams) -> String {
    format!("{root} {CMDLINE}")
}

/// Returns the initrd: init, the command line that it expects under Secure Boot, and mount points.
fn initrd(init: &[u8], cmdline: &str, build_time: u64) -> Result<Vec<u8>> {
    let mut tree = Tree::new();
    tree.insert("cmdline", Node::file(cmdline.as_bytes().to_vec(), 0o444))?;
    tree.insert("init", Node::file(init.to_vec(), 0o755))?;
    for directory in INITRD_DIRECTORIES {
        tree.insert(directory, Node::new(Kind::Directory(BTreeMap::new()), 0o755))?;
    }
    let mut archive = Vec::new();
    cpio::write(&tree, mtime(build_time), &mut archive).map_err(Error::format("writing the initrd"))?;
    zstd::bulk::compress(&archive, INITRD_LEVEL).map_err(Error::format("compressing the initrd"))
}

/// Returns the time of all files. Sufficient until 2106; later dates all become the same.
fn mtime(build_time: u64) -> u32 {
    u32::try_from(build_time).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initrd_is_zstd_and_the_same_every_time() {
        let first = initrd(b"init", "quiet", 1).unwrap();
        assert_eq!(first[..4], [0x28, 0xb5, 0x2f, 0xfd]);
        assert_eq!(first, initrd(b"init", "quiet", 1).unwrap());
    }
}
