//! The machine's disk: a qcow2 overlay over a copy of the image.
//!
//! The copy shares no data with the image, so writing to the image in place (`dd`, `cp`, another builder)
//! does not change the disk of a machine, and no machine writes to the image. A hard link would cost nothing,
//! but be safe only as long as every program replaces images by rename. Where the file system supports it,
//! the copy is a reflink; otherwise it is as sparse as the image.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{SeekFrom, ioctl_ficlone, seek};

use crate::{MachineDir, VmError};

/// What a new disk is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blank<'a> {
    /// The image.
    pub image: &'a Path,
    /// Size of the disk in bytes; at least that of the image.
    pub bytes: u64,
}

/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// Replaces the disk of `dir`; the data on the old disk is lost.
///
/// # Errors
/// [`VmError::File`] if the old disk can't be removed or the image can't be copied; [`VmError::Failed`] or
/// [`VmError::Program`] if qemu-img fails or can't be started. No disk is left, unless it can't be removed.
pub(crate) fn create(dir: &MachineDir, blank: Blank<'_>) -> Result<(), VmError> {
    let disk = dir.file("disk.qcow2");
    let remove_all =
        || [&disk, &dir.file("image.raw"), &dir.file("image.qcow2")].into_iter().try_for_each(remove);
    remove_all()?;
    let made = make(dir, &disk, blank);
    if made.is_err() {
        // A half-written disk is useless and takes space. The first error is the one to report.
        drop(remove_all());
    }
    made
}

/// Creates the disk where there is none.
fn make(dir: &MachineDir, disk: &Path, blank: Blank<'_>) -> Result<(), VmError> {
    let format = format_of(blank.image)?;
    let base = dir.file(&format!("image.{format}"));
    copy(blank.image, &base)?;
    qemu_img(&create_arguments(disk, &base, format))?;
    grow(disk, blank.bytes)
}

/// Copies a file to a new one, readable only by its owner. The copy is synced, so that the machine's state
/// never claims a disk that a power cut has lost.
fn copy(from: &Path, to: &Path) -> Result<(), VmError> {
    let source = File::open(from).map_err(VmError::file("opening image", from))?;
    let target = File::options().write(true).create_new(true).mode(0o400).open(to);
    let target = target.map_err(VmError::file("making", to))?;
    if ioctl_ficlone(&target, &source).is_err() {
        copy_data(&source, &target).map_err(VmError::file("copying image", from))?;
    }
    target.sync_all().map_err(VmError::file("syncing", to))
}

/// Copies the data of a sparse file, without its holes.
fn copy_data(source: &File, target: &File) -> io::Result<()> {
    let bytes = source.metadata()?.len();
    target.set_len(bytes)?;
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while at < bytes {
        let (start, end) = match seek(source, SeekFrom::Data(at)) {
            Ok(start) => (start, seek(source, SeekFrom::Hole(start))?),
            Err(rustix::io::Errno::NXIO) => break,
            // The file system does not report holes.
            Err(_) => (at, bytes),
        };
        at = start;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            source.read_exact_at(&mut buffer[..length], at)?;
            target.write_all_at(&buffer[..length], at)?;
            at += length as u64;
        }
    }
    Ok(())
}

/// Grows the disk to `bytes` if it is smaller.
fn grow(disk: &Path, bytes: u64) -> Result<(), VmError> {
    let info = qemu_img(&["info".into(), "--output=json".into(), "-U".into(), disk.into()])?;
    let info: serde_json::Value =
        serde_json::from_str(&info).map_err(|e| VmError::Qmp(format!("qemu-img info: {e}")))?;
    if info["virtual-size"].as_u64().is_some_and(|size| size < bytes) {
        qemu_img(&["resize".into(), "-q".into(), disk.into(), bytes.to_string().into()])?;
    }
    Ok(())
}

/// Returns the arguments that create an overlay. The base is named relative to the disk, so that the
/// directory may be moved.
fn create_arguments(disk: &Path, base: &Path, format: &str) -> Vec<OsString> {
    let name = base.file_name().unwrap_or_default();
    let mut line: Vec<OsString> = ["create", "-q", "-f", "qcow2", "-F", format, "-b"].map(Into::into).into();
    line.extend([name.into(), disk.into()]);
    line
}

/// Returns the image's format according to its first bytes.
fn format_of(image: &Path) -> Result<&'static str, VmError> {
    let mut file = fs::File::open(image).map_err(VmError::file("opening image", image))?;
    let mut magic = [0; 4];
    std::io::Read::read_exact(&mut file, &mut magic).map_err(VmError::file("reading image", image))?;
    Ok(if &magic == b"QFI\xfb" { "qcow2" } else { "raw" })
}

/// Removes a file that may be absent.
fn remove(path: &PathBuf) -> Result<(), VmError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(VmError::file("removing", path)(e)),
        _ => Ok(()),
    }
}

/// Runs qemu-img and returns what it prints.
fn qemu_img(arguments: &[OsString]) -> Result<String, VmError> {
    let mut command = Command::new("qemu-img");
    command.args(arguments).stdin(Stdio::null());
    run(&mut command)
}

/// Runs a program and returns its output.
///
/// # Errors
/// [`VmError::Program`] if it can't be started; [`VmError::Failed`] if it exits with an error, with its
/// command line and output.
pub(crate) fn run(command: &mut Command) -> Result<String, VmError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| VmError::Program { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    Err(VmError::Failed {
        line: words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" "),
        status: output.status.to_string(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_can_not_be_made_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let image = root.path().join("out.raw");
        fs::write(&image, vec![7; 4096]).unwrap();
        let dir = MachineDir::below(root.path(), "m").unwrap();
        dir.create().unwrap();
        // A size that qemu-img refuses; if it is missing, that is the failure.
        assert!(create(&dir, Blank { image: &image, bytes: u64::MAX }).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(image.exists());
    }

    /// Makes a disk of 4 MiB over `image`; returns `None`, with a message, if QEMU's tools are missing.
    fn disk_over(image: &Path, root: &Path) -> Option<MachineDir> {
        if !judges::present(&["qemu-img", "qemu-io"]) {
            return None;
        }
        let dir = MachineDir::below(root, "m").unwrap();
        dir.create().unwrap();
        create(&dir, Blank { image, bytes: 4 << 20 }).unwrap();
        Some(dir)
    }

    /// Returns what a guest would read.
    fn seen(dir: &MachineDir) -> Vec<u8> {
        let copy = dir.file("copy.raw");
        let line = ["convert", "-O", "raw"].map(OsString::from).into_iter();
        qemu_img(&line.chain([dir.file("disk.qcow2").into(), copy.clone().into()]).collect::<Vec<_>>())
            .unwrap();
        fs::read(copy).unwrap()
    }

    #[test]
    fn disk_and_image_share_no_bytes() {
        let root = tempfile::tempdir().unwrap();
        let image = root.path().join("out.raw");
        fs::write(&image, vec![7; 1 << 20]).unwrap();
        let Some(dir) = disk_over(&image, root.path()) else { return };
        let expected = [vec![7; 1 << 20], vec![0; 3 << 20]].concat();
        let new = root.path().join("new.raw");
        fs::write(&new, vec![8; 1 << 20]).unwrap();
        // First written in place, as dd and cp do, then replaced, as builds do.
        fs::copy(&new, &image).unwrap();
        assert!(seen(&dir) == expected);
        fs::rename(&new, &image).unwrap();
        assert!(seen(&dir) == expected);
        let mut write = Command::new("qemu-io");
        write.args(["-f", "qcow2", "-c", "write -P 9 0 64k"]).arg(dir.file("disk.qcow2"));
        run(&mut write).unwrap();
        assert!(seen(&dir)[..64 << 10].iter().all(|b| *b == 9));
        assert!(fs::read(&image).unwrap() == vec![8; 1 << 20]);
    }

    #[test]
    fn a_copy_is_as_sparse_as_its_image() {
        use std::os::unix::fs::MetadataExt;
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let image = File::create(at("image")).unwrap();
        image.set_len((1 << 30) + 512).unwrap();
        let data: Vec<u8> = (0..3 << 20).map(|i: u32| i.to_le_bytes()[2] ^ 0x5a).collect();
        image.write_all_at(&data, 512 << 20).unwrap();
        image.write_all_at(b"end", (1 << 30) + 509).unwrap();
        let copy = File::create(at("copy")).unwrap();
        copy_data(&File::open(at("image")).unwrap(), &copy).unwrap();
        let room = |name: &str| fs::metadata(at(name)).unwrap().blocks();
        assert!(room("copy") <= room("image") + 64, "{} and {} blocks", room("copy"), room("image"));
        let copy = File::open(at("copy")).unwrap();
        assert_eq!(copy.metadata().unwrap().len(), (1 << 30) + 512);
        let mut found = vec![0; 3 << 20];
        copy.read_exact_at(&mut found, 512 << 20).unwrap();
        assert!(found == data);
        copy.read_exact_at(&mut found[..3], (1 << 30) + 509).unwrap();
        assert_eq!(&found[..3], b"end");
    }
}
