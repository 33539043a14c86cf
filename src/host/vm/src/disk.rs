//! The machine's disk: a qcow2 overlay over a hard link of the image.
//!
//! Builds replace an image by rename, so the link keeps the old bytes as long as the disk needs them;
//! where no link can be made (another file system), a copy is.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{MachineDir, VmError};

/// What a fresh disk is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blank<'a> {
    /// The image.
    pub image: &'a Path,
    /// Size of the disk in bytes; not smaller than the image.
    pub bytes: u64,
}

/// Makes the disk of `dir` anew; what was on the old one is gone.
///
/// # Errors
/// [`VmError`] if the image can't be linked or qemu-img fails; there is no disk then.
pub(crate) fn create(dir: &MachineDir, blank: Blank<'_>) -> Result<(), VmError> {
    let disk = dir.file("disk.qcow2");
    let remove_all =
        || [&disk, &dir.file("image.raw"), &dir.file("image.qcow2")].into_iter().try_for_each(remove);
    remove_all()?;
    let made = make(dir, &disk, blank);
    if made.is_err() {
        // Half a disk is none, and only fills the place. The first error is the one to tell.
        drop(remove_all());
    }
    made
}

/// Makes the disk where there is none.
fn make(dir: &MachineDir, disk: &Path, blank: Blank<'_>) -> Result<(), VmError> {
    let format = format_of(blank.image)?;
    let base = dir.file(&format!("image.{format}"));
    if fs::hard_link(blank.image, &base).is_err() {
        // A sparse raw image stays sparse: the system copies holes where it can.
        fs::copy(blank.image, &base).map_err(VmError::file("copying image", blank.image))?;
    }
    qemu_img(&create_arguments(disk, &base, format))?;
    grow(disk, blank.bytes)
}

/// Grows the disk to `bytes` where it is smaller.
fn grow(disk: &Path, bytes: u64) -> Result<(), VmError> {
    let info = qemu_img(&["info".into(), "--output=json".into(), "-U".into(), disk.into()])?;
    let info: serde_json::Value =
        serde_json::from_str(&info).map_err(|e| VmError::Qmp(format!("qemu-img info: {e}")))?;
    if info["virtual-size"].as_u64().is_some_and(|size| size < bytes) {
        qemu_img(&["resize".into(), "-q".into(), disk.into(), bytes.to_string().into()])?;
    }
    Ok(())
}

/// Returns the arguments that make an overlay. The base is named relative to the disk, so that the
/// directory may be moved.
fn create_arguments(disk: &Path, base: &Path, format: &str) -> Vec<OsString> {
    let name = base.file_name().unwrap_or_default();
    let mut line: Vec<OsString> = ["create", "-q", "-f", "qcow2", "-F", format, "-b"].map(Into::into).into();
    line.extend([name.into(), disk.into()]);
    line
}

/// Returns the image's format by its first bytes.
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

/// Runs a program to its end and returns what it prints.
///
/// # Errors
/// [`VmError::Program`] if it can't be started, [`VmError::Failed`] if it fails.
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
        // More than qemu-img makes; where it is missing, that is the failure.
        assert!(create(&dir, Blank { image: &image, bytes: u64::MAX }).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(image.exists());
    }

    #[test]
    fn the_overlay_keeps_the_bytes_of_a_replaced_image() {
        let root = tempfile::tempdir().unwrap();
        let image = root.path().join("out.raw");
        fs::write(&image, vec![7; 1 << 20]).unwrap();
        let dir = MachineDir::below(root.path(), "m").unwrap();
        dir.create().unwrap();
        if !judges::present(&["qemu-img"]) {
            return;
        }
        create(&dir, Blank { image: &image, bytes: 4 << 20 }).unwrap();
        let new = root.path().join("new.raw");
        fs::write(&new, vec![8; 1 << 20]).unwrap();
        fs::rename(&new, &image).unwrap();
        let copy = root.path().join("copy.raw");
        let line = ["convert", "-O", "raw"].map(OsString::from).into_iter();
        let line: Vec<_> = line.chain([dir.file("disk.qcow2").into(), copy.clone().into()]).collect();
        qemu_img(&line).unwrap();
        let bytes = fs::read(&copy).unwrap();
        assert_eq!(bytes.len(), 4 << 20);
        assert!(bytes[..1 << 20].iter().all(|b| *b == 7));
    }
}
