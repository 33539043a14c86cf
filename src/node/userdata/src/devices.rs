//! The block devices of the machine, and the volumes on them: whole disks, partitions and CDs.
//!
//! A device that can't be read says nothing about user-data, so it is no error; it is named to the operator, as is one
//! that does not answer in time. Which partitions a disk has is known to the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use formats::volume::Volume;

use crate::reader::{self, Device};

/// Beginnings of the names of devices that are made of others, or of memory.
const MADE_UP: [&str; 6] = ["loop", "ram", "zram", "dm-", "md", "nbd"];
/// Maximum number of devices that are looked at.
const MAX_DEVICES: usize = 256;

/// A volume with a label.
#[derive(Debug)]
pub(crate) struct Labelled {
    /// Name of the device, such as `sr0`.
    pub device: String,
    pub label: String,
    pub volume: Volume<Device>,
}

/// What is on the block devices.
#[derive(Debug, Default)]
pub(crate) struct Volumes {
    /// Volumes that have a label, sorted by device.
    pub labelled: Vec<Labelled>,
    /// All devices that were looked at.
    pub devices: Vec<String>,
    /// Those that could not be read, and why.
    pub unreadable: Vec<String>,
    /// Those that did not answer.
    pub silent: Vec<String>,
}

impl Volumes {
    /// Returns the volumes with this label, in either case.
    pub fn called<'a>(&'a self, label: &'a str) -> impl Iterator<Item = &'a Labelled> {
        self.labelled.iter().filter(move |volume| volume.label.eq_ignore_ascii_case(label))
    }

    /// Says that there is no volume with this label, and where it was looked for.
    pub fn none_called(&self, label: &str) -> String {
        let mut text = match &self.devices[..] {
            [] => "there is no disk".to_owned(),
            devices => format!("no volume is labelled {label:?} on {}", devices.join(", ")),
        };
        for reason in self.unreadable.iter().cloned().chain(self.not_searched()) {
            text.push_str("; ");
            text.push_str(&reason);
        }
        text
    }

    /// Says which devices were not searched.
    pub fn not_searched(&self) -> impl Iterator<Item = String> {
        self.silent.iter().map(|name| format!("{name} does not answer: it was not searched"))
    }
}

/// Looks for volumes on the machine whose file system begins at `root`, and waits for its devices for `patience` at most;
/// reading what was found may take as long again.
pub(crate) fn volumes(root: &Path, patience: Duration) -> Volumes {
    let mut found = Volumes { devices: names(root), ..Volumes::default() };
    let paths: Vec<PathBuf> = found.devices.iter().map(|name| root.join("dev").join(name)).collect();
    for (name, answer) in found.devices.iter().zip(reader::ask(&paths, patience)) {
        match answer {
            Some(Ok(Some((label, volume)))) => {
                found.labelled.push(Labelled { device: name.clone(), label, volume });
            }
            Some(Ok(None)) => {}
            Some(Err(e)) => found.unreadable.push(format!("{name} can't be read: {e}")),
            None => found.silent.push(name.clone()),
        }
    }
    found
}

/// Returns the names of all disks and partitions, sorted.
fn names(root: &Path) -> Vec<String> {
    let block = root.join("sys/block");
    let disks = listed(&block).into_iter().filter(|name| !MADE_UP.iter().any(|kind| name.starts_with(kind)));
    let mut names = Vec::new();
    for disk in disks {
        let folder = block.join(&disk);
        let is_partition = |name: &String| folder.join(name).join("partition").exists();
        names.extend(listed(&folder).into_iter().filter(is_partition));
        names.push(disk);
    }
    names.sort();
    names.truncate(MAX_DEVICES);
    names
}

/// Lists a directory; one that can't be read is empty, as on a machine without block devices.
fn listed(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
