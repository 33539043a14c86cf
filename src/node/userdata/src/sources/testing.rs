//! Lays out machines in directories, for the tests of sources. Volumes are made by foreign tools.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::{Error, Machine, Search};

/// A machine in a directory.
pub(crate) struct Layout {
    dir: TempDir,
}

impl Layout {
    /// A machine without anything.
    pub fn new() -> Layout {
        Layout { dir: tempfile::tempdir().unwrap() }
    }

    /// Returns where a path of the machine is on this host.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path.trim_start_matches('/'))
    }

    /// Adds a file.
    pub fn file(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Adds a block device; `sda1` and the like are partitions.
    pub fn device(&self, name: &str, bytes: &[u8]) {
        self.file(&format!("dev/{name}"), bytes);
        let disk = match name.strip_suffix(|c: char| c.is_ascii_digit()) {
            Some(disk) if name.starts_with("nvme") => disk.trim_end_matches('p'),
            Some(disk) if name.starts_with(['s', 'v']) && !name.starts_with("sr") => disk,
            _ => name,
        };
        let folder = format!("sys/block/{disk}");
        if disk == name {
            fs::create_dir_all(self.path(&folder)).unwrap();
            return;
        }
        self.file(&format!("{folder}/{name}/partition"), b"1\n");
        if !self.path(&format!("dev/{disk}")).exists() {
            self.file(&format!("dev/{disk}"), &[0; 512]);
        }
    }

    /// Makes an ISO 9660 volume; `None` if the tool is missing.
    pub fn iso(&self, label: &str, files: &[(&str, &str)]) -> Option<Vec<u8>> {
        let tool = judges::find("genisoimage")?;
        let from = self.folder(files);
        let to = self.dir.path().join("iso");
        let words = ["-quiet", "-J", "-r", "-V", label, "-o", to.to_str().unwrap(), from.to_str().unwrap()];
        tool.agrees(&words);
        Some(fs::read(to).unwrap())
    }

    /// Makes a FAT volume; `None` if a tool is missing.
    pub fn fat(&self, label: &str, files: &[(&str, &str)]) -> Option<Vec<u8>> {
        let (make, copy) = (judges::find("mkfs.vfat")?, judges::find("mcopy")?);
        let from = self.folder(files);
        let to = self.dir.path().join("fat");
        let _ = fs::remove_file(&to);
        make.agrees(&["-n", label, "-C", to.to_str().unwrap(), "2048"]);
        for entry in fs::read_dir(from).unwrap() {
            let file = entry.unwrap().path();
            copy.agrees(&["-s", "-i", to.to_str().unwrap(), file.to_str().unwrap(), "::"]);
        }
        Some(fs::read(to).unwrap())
    }

    /// Writes files into a new directory.
    fn folder(&self, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.dir.path().join("from");
        let _ = fs::remove_dir_all(&folder);
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    /// Returns the machine, to be searched once.
    pub fn machine(&self) -> Machine {
        Machine::at(&self.dir.path().join("root"))
    }

    /// Searches all sources.
    pub fn find(&self) -> Result<Search, Error> {
        crate::find(&self.machine())
    }
}
