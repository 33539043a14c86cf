//! Opens the disk in a file or block device, including the backing files of a qcow2.
//!
//! Names in a qcow2 are paths relative to the directory of the file that contains them; QEMU's protocols
//! (`nbd:`, `json:`) are refused. The format that a qcow2 states for its backing file is used and never
//! guessed, since a guest can write anything to the start of a raw disk.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use formats::disk::{ReadAt, read_vec};
use formats::qcow2::{self, Backing, Others};

use crate::hostdisk::HostDisk;
use crate::{Error, error::Result};

/// Maximum length of a chain of backing files.
const MAX_CHAIN: usize = 64;
/// First bytes of a qcow2 file.
const QCOW2_MAGIC: &[u8] = b"QFI\xfb";
/// First bytes of a VMDK file, which only tells that it is not a raw disk.
const VMDK_MAGIC: &[u8] = b"KDMV";

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Every byte of the file is a byte of the disk.
    Raw,
    /// QEMU's format.
    Qcow2,
}

impl Format {
    /// Returns `raw` or `qcow2`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
        }
    }
}

/// Opens the disk in `path`; its format is detected from its first bytes.
///
/// # Errors
/// [`Error::NotAnImage`] if it is not a file or block device, or a backing file can't be used, which the
/// reason then names; [`Error::File`] if it can't be read.
pub(crate) fn open(path: &Path) -> Result<(Format, Box<dyn ReadAt + Send>)> {
    let mut chain = Chain { top: path, files: Vec::new() };
    chain.open(path, None)
}

/// The files from the one that was requested to the one being opened.
struct Chain<'a> {
    top: &'a Path,
    /// Device, inode and path of each.
    files: Vec<(u64, u64, PathBuf)>,
}

impl Chain<'_> {
    /// Opens the disk in `path` in this format, or in the one detected from its first bytes.
    fn open(&mut self, path: &Path, format: Option<Format>) -> Result<(Format, Box<dyn ReadAt + Send>)> {
        let file = self.file(path)?;
        let format = match format {
            Some(format) => format,
            None => self.probe(path, &file)?,
        };
        let disk: Box<dyn ReadAt + Send> = match format {
            Format::Raw => Box::new(file),
            Format::Qcow2 => {
                let links = qcow2::links(&file).map_err(|e| self.not(path, &chain(&e)))?;
                let backing = links.backing.map(|b| self.backing(path, &b)).transpose()?;
                let data = links.data_file.map(|name| self.data(path, &name)).transpose()?;
                let reader = qcow2::Reader::open_with(file, Others { backing, data });
                Box::new(reader.map_err(|e| self.not(path, &chain(&e)))?)
            }
        };
        self.files.pop();
        Ok((format, disk))
    }

    /// Opens a file and adds it to the chain.
    fn file(&mut self, path: &Path) -> Result<HostDisk> {
        // Checked before opening: opening a pipe waits for a writer.
        let meta = fs::metadata(path).map_err(Error::file("opening", path))?;
        if let Some(found) = other_than_disk(&meta) {
            return Err(self.not(path, &format!("expected a file or block device, found {found}")));
        }
        if self.files.iter().any(|(device, inode, _)| (*device, *inode) == (meta.dev(), meta.ino())) {
            let names = self.files.iter().map(|(.., path)| path.display().to_string());
            let names: Vec<String> = names.chain([path.display().to_string()]).collect();
            return Err(self.not(path, &format!("it is its own backing file: {}", names.join(" over "))));
        }
        if self.files.len() == MAX_CHAIN {
            let found = "expected at most 64 files over each other, found more";
            return Err(self.not(path, found));
        }
        self.files.push((meta.dev(), meta.ino(), path.to_owned()));
        HostDisk::open(path)
    }

    /// Detects a file's format from its first bytes.
    fn probe(&self, path: &Path, file: &HostDisk) -> Result<Format> {
        let magic = read_vec(file, 0, 4)
            .map_err(|_| self.not(path, &format!("expected a disk, found a file of {} bytes", file.len())))?;
        match &*magic {
            QCOW2_MAGIC => Ok(Format::Qcow2),
            VMDK_MAGIC => Err(self.not(path, "expected a raw or qcow2 disk, found a VMDK")),
            _ => Ok(Format::Raw),
        }
    }

    /// Opens the backing file of `over`.
    fn backing(&mut self, over: &Path, backing: &Backing) -> Result<Box<dyn ReadAt + Send>> {
        let format = match backing.format.as_deref() {
            None => None,
            Some(b"raw") => Some(Format::Raw),
            Some(b"qcow2") => Some(Format::Qcow2),
            Some(other) => {
                let found = String::from_utf8_lossy(other);
                return Err(self.not(
                    over,
                    &format!("format of its backing file: expected raw or qcow2, found {found:?}"),
                ));
            }
        };
        let path = self.beside(over, &backing.name)?;
        Ok(self.open(&path, format)?.1)
    }

    /// Opens the file with the data of `over`.
    fn data(&mut self, over: &Path, name: &[u8]) -> Result<Box<dyn ReadAt + Send>> {
        let path = self.beside(over, name)?;
        Ok(self.open(&path, Some(Format::Raw))?.1)
    }

    /// Returns the path of a file that `over` names.
    fn beside(&self, over: &Path, name: &[u8]) -> Result<PathBuf> {
        let name = name.strip_prefix(b"file:").unwrap_or(name);
        let first = name.split(|b| *b == b'/').next().unwrap_or_default();
        if first.contains(&b':') || name.contains(&0) {
            let found = String::from_utf8_lossy(name);
            return Err(
                self.not(over, &format!("name of its backing file: expected a path, found {found:?}"))
            );
        }
        Ok(over.parent().unwrap_or(Path::new("")).join(OsStr::from_bytes(name)))
    }

    /// Returns the error that the image is unusable because of `path`, which may be one of its backing files.
    fn not(&self, path: &Path, reason: &str) -> Error {
        let reason = match path == self.top {
            true => reason.to_owned(),
            false => format!("{}: {reason}", path.display()),
        };
        Error::NotAnImage { path: self.top.to_owned(), reason }
    }
}

/// Returns what kind of file it is, if it can't be a disk.
fn other_than_disk(meta: &Metadata) -> Option<&'static str> {
    let kind = meta.file_type();
    match () {
        () if kind.is_file() || kind.is_block_device() => None,
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_char_device() => Some("a character device"),
        () if kind.is_fifo() => Some("a pipe"),
        () => Some("a socket"),
    }
}

/// Returns an error with its causes as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use judges::Judge;

    /// Makes the disk `over` with a backing file of the given name and format, which qemu-img does not check.
    fn lay(qemu: &Judge, dir: &Path, [over, name, format]: [&str; 3]) {
        let line = ["create", "-q", "-u", "-f", "qcow2", "-F", format, "-b", name, over, "1M"];
        let (content, said) = qemu.ask_in(dir, &line);
        assert!(content, "{line:?}: {said}");
    }

    fn all(path: &Path) -> Result<Vec<u8>> {
        let (_, disk) = open(path)?;
        Ok(read_vec(&*disk, 0, disk.len()).unwrap())
    }

    #[test]
    fn a_chain_is_followed_from_each_file_s_own_directory() {
        let Some(qemu) = judges::find("qemu-img") else { return };
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("machine/below")).unwrap();
        // A raw disk that begins with the magic of a qcow2 is still raw.
        let mut base = vec![9; 300_000];
        base[..4].copy_from_slice(QCOW2_MAGIC);
        fs::write(at("base"), &base).unwrap();
        lay(&qemu, &at("machine/below"), ["mid", "../../base", "raw"]);
        lay(&qemu, &at("machine"), ["top", "below/mid", "qcow2"]);
        let expected = [base, vec![0; (1 << 20) - 300_000]].concat();
        assert!(all(&at("machine/top")).unwrap() == expected);
        std::os::unix::fs::symlink("machine/below/mid", at("link")).unwrap();
        assert!(all(&at("machine/below/../below/mid")).unwrap() == expected);
        assert_eq!(open(&at("machine/top")).unwrap().0.name(), "qcow2");
    }

    #[test]
    fn a_chain_that_does_not_end_or_can_not_be_followed_is_told() {
        let Some(qemu) = judges::find("qemu-img") else { return };
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let error = |name: &str| {
            let text = all(&at(name)).unwrap_err().to_string();
            text.replace(&format!("{}/", dir.path().display()), "")
        };
        let lay = |over: &str, name: &str, format: &str| lay(&qemu, dir.path(), [over, name, format]);
        lay("a", "b", "qcow2");
        lay("b", "a", "qcow2");
        assert_eq!(error("a"), "reading image a: it is its own backing file: a over b over a");
        lay("self", "./self", "qcow2");
        assert_eq!(error("self"), "reading image self: it is its own backing file: self over ./self");
        lay("lost", "nowhere", "raw");
        assert_eq!(error("lost"), "opening nowhere: No such file or directory (os error 2)");
        lay("net", "nbd://198.51.100.1/x", "raw");
        assert_eq!(
            error("net"),
            "reading image net: name of its backing file: expected a path, found \"nbd://198.51.100.1/x\""
        );
        lay("vmware", "b", "vmdk");
        assert_eq!(
            error("vmware"),
            "reading image vmware: format of its backing file: expected raw or qcow2, found \"vmdk\""
        );
        lay("odd", "/dev/null", "raw");
        assert_eq!(
            error("odd"),
            "reading image odd: /dev/null: expected a file or block device, found a character device"
        );
        fs::write(at("f0"), [0; 512]).unwrap();
        for i in 1..=MAX_CHAIN {
            lay(&format!("f{i}"), &format!("f{}", i - 1), if i == 1 { "raw" } else { "qcow2" });
        }
        assert!(open(&at(&format!("f{}", MAX_CHAIN - 1))).is_ok());
        let long = error(&format!("f{MAX_CHAIN}"));
        assert_eq!(long, "reading image f64: f0: expected at most 64 files over each other, found more");
    }

    #[test]
    fn what_can_not_be_a_disk_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        for (path, expected) in [
            (pipe.as_path(), "a pipe"),
            (dir.path(), "a directory"),
            (Path::new("/dev/zero"), "a character device"),
        ] {
            let text = open(path).map(|(format, _)| format).unwrap_err().to_string();
            let expected = format!("expected a file or block device, found {expected}");
            assert_eq!(text, format!("reading image {}: {expected}", path.display()));
        }
    }

    #[test]
    fn a_vmdk_is_called_that() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        fs::write(&path, b"KDMV\x03\0\0\0").unwrap();
        let text = open(&path).map(|(format, _)| format).unwrap_err().to_string();
        let expected = "expected a raw or qcow2 disk, found a VMDK";
        assert_eq!(text, format!("reading image {}: {expected}", path.display()));
    }

    #[test]
    fn a_block_device_is_as_long_as_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("disk");
        fs::write(&file, vec![5; 3 << 20]).unwrap();
        let Some(losetup) = judges::find("losetup") else { return };
        let (attached, device) = losetup.ask(&["--find", "--show", "--read-only", file.to_str().unwrap()]);
        if !attached {
            return judges::missing("loop devices, and the rights to make one:");
        }
        let read = all(Path::new(device.trim()));
        losetup.agrees(&["--detach", device.trim()]);
        assert!(read.unwrap() == vec![5; 3 << 20]);
    }
}
