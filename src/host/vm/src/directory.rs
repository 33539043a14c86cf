//! The directory of a machine, and the state kept in it.
//!
//! `$XDG_STATE_HOME/ironhull/machines/<name>` (`~/.local/state` by default), mode 0700, holding `disk.qcow2`,
//! `image.*` (copy of the image under it), `firmware-vars.fd`, `serial.log`, `qmp.sock`, `pid` and
//! `state.json`; the command adds `kubeconfig` and the operator's credentials.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Accelerator, Forward, VmError};

/// Maximum length of a machine's name: the path of its socket has a limit.
const MAX_NAME_BYTES: usize = 40;
/// QEMU's control socket.
pub(crate) const SOCKET: &str = "qmp.sock";
/// Maximum length of a unix socket's path: `sun_path` of unix(7) without the terminating zero.
const MAX_SOCKET_BYTES: usize = 107;

/// The firmware of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Kind of firmware.
    pub kind: FirmwareKind,
    /// The firmware code, used read-only.
    pub code: PathBuf,
    /// Initial content of the firmware variables.
    pub variables: Vec<u8>,
}

/// Kind of firmware.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirmwareKind {
    /// Starts any boot loader.
    #[default]
    Uefi,
    /// Starts only programs signed by a key in its variables.
    SecureBoot,
}

/// What is stored between two starts of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Identifies the image the disk was made from: a digest, or another name that changes with the image.
    pub image: String,
    /// The forwarded ports; each is used again if it is free.
    pub ports: Vec<Forward>,
    /// The accelerator of the last start.
    pub accelerator: Option<Accelerator>,
    /// Digest of the initial firmware variables.
    #[serde(default)]
    pub variables: String,
}

/// The directory of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineDir {
    name: String,
    path: PathBuf,
}

impl MachineDir {
    /// Returns the directory of machine `name` in the user's state directory; it need not exist.
    ///
    /// # Errors
    /// [`VmError::Name`] if the name is malformed, [`VmError::NoHome`] if neither `$XDG_STATE_HOME` nor
    /// `$HOME` is set, [`VmError::TooDeep`] if the path of its socket would be too long. Nothing is created.
    pub fn named(name: &str) -> Result<MachineDir, VmError> {
        MachineDir::below(&machines()?, name)
    }

    /// Lists the names of all machines of this user, sorted. A state directory that can't be read counts as
    /// empty.
    #[must_use]
    pub fn all() -> Vec<String> {
        let Ok(root) = machines() else { return Vec::new() };
        let entries = fs::read_dir(&root).into_iter().flatten().flatten();
        let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        let made = |n: &String| MachineDir::below(&root, n).is_ok_and(|d| d.exists());
        let mut names: Vec<String> = names.filter(made).collect();
        names.sort();
        names
    }

    /// Returns the error for an unknown machine; it lists the existing ones.
    pub(crate) fn unknown(&self) -> VmError {
        VmError::Unknown { name: self.name.clone(), machines: MachineDir::all() }
    }

    /// Returns the directory of machine `name` below `root`.
    ///
    /// # Errors
    /// [`VmError::Name`] if the name is malformed, [`VmError::TooDeep`] if the path of its socket would be
    /// too long. Nothing is created.
    pub fn below(root: &Path, name: &str) -> Result<MachineDir, VmError> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let sound = !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.chars().all(letter);
        if !sound || name.starts_with('-') {
            return Err(VmError::Name(name.to_owned()));
        }
        let dir = MachineDir { name: name.to_owned(), path: root.join(name) };
        let socket = dir.file(SOCKET);
        match socket.as_os_str().len() {
            0..=MAX_SOCKET_BYTES => Ok(dir),
            _ => Err(VmError::TooDeep { path: socket, limit: MAX_SOCKET_BYTES }),
        }
    }

    /// Returns the machine's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns whether the machine was ever created.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.file("state.json").exists()
    }

    /// Creates the directory and its parents, accessible only to their owner, since it holds keys.
    ///
    /// # Errors
    /// [`VmError::File`] if one of them can't be created; parents may have been created.
    pub fn create(&self) -> Result<(), VmError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(VmError::file("making directory", &self.path))
    }

    /// Locks the machine for one command, until the returned file is dropped.
    ///
    /// # Errors
    /// [`VmError::Locked`] if another command holds the lock, [`VmError::File`] if the lock file can't be
    /// created or locked.
    pub(crate) fn lock(&self) -> Result<File, VmError> {
        let path = self.file("lock");
        let file = File::create(&path).map_err(VmError::file("opening", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(VmError::Locked(self.name.clone())),
            Err(fs::TryLockError::Error(e)) => Err(VmError::file("locking", path)(e)),
        }
    }

    /// Loads the stored state.
    ///
    /// # Errors
    /// [`VmError::Unknown`] if there is no such machine, [`VmError::File`] if its state can't be read or
    /// parsed.
    pub fn load(&self) -> Result<State, VmError> {
        let path = self.file("state.json");
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(std::io::Error::from)
                .map_err(VmError::file("parsing", path)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(self.unknown()),
            Err(e) => Err(VmError::file("reading", path)(e)),
        }
    }

    /// Stores `state` atomically.
    ///
    /// # Errors
    /// [`VmError::Files`] if the file can't be written; the previously stored state is unchanged then.
    pub(crate) fn save(&self, state: &State) -> Result<(), VmError> {
        let text = serde_json::to_vec_pretty(state).expect("a state has only strings and numbers");
        Ok(files::write(&self.file("state.json"), &text, files::Access::Private)?)
    }
}

/// Returns the directory of this user's machines.
fn machines() -> Result<PathBuf, VmError> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home =
        || std::env::var_os("HOME").filter(|h| !h.is_empty()).map(|h| Path::new(&h).join(".local/state"));
    let root = state.or_else(home).ok_or(VmError::NoHome)?;
    Ok(root.join("ironhull/machines"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        for bad in ["", ".", "..", "a/b", "A", "-x", "a b", &"x".repeat(41)] {
            assert!(matches!(MachineDir::below(Path::new("/m"), bad), Err(VmError::Name(_))), "{bad}");
        }
        assert_eq!(MachineDir::below(Path::new("/m"), "node-1").unwrap().path(), Path::new("/m/node-1"));
    }

    #[test]
    fn a_directory_too_deep_for_a_socket_is_told() {
        let fits = MAX_SOCKET_BYTES - "/m/qmp.sock".len();
        let root = |bytes: usize| format!("/{}", "r".repeat(bytes - 1));
        MachineDir::below(Path::new(&root(fits)), "m").unwrap();
        let error = MachineDir::below(Path::new(&root(fits + 1)), "m").unwrap_err();
        assert!(
            error.to_string().ends_with(": expected at most 107 bytes for a unix socket, found 108"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("XDG_STATE_HOME"));
    }

    #[test]
    fn state_survives_and_its_absence_is_told() {
        let root = tempfile::tempdir().unwrap();
        let dir = MachineDir::below(root.path(), "a").unwrap();
        assert!(matches!(dir.load(), Err(VmError::Unknown { .. })));
        dir.create().unwrap();
        let state = State {
            image: "sha256:1".into(),
            ports: vec![Forward { host: 1, guest: 2 }],
            accelerator: Some(Accelerator::Tcg),
            variables: "sha256:2".into(),
        };
        dir.save(&state).unwrap();
        assert_eq!(dir.load().unwrap(), state);
    }

    #[test]
    fn one_command_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let dir = MachineDir::below(root.path(), "a").unwrap();
        dir.create().unwrap();
        let held = dir.lock().unwrap();
        assert!(matches!(dir.lock(), Err(VmError::Locked(_))));
        drop(held);
        assert!(dir.lock().is_ok());
    }
}
