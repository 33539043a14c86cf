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

/// Longest name of a machine: its socket's path has a limit.
const MAX_NAME_BYTES: usize = 40;
/// QEMU's control socket.
pub(crate) const SOCKET: &str = "qmp.sock";
/// Longest path of a unix socket: `sun_path` of unix(7) less the zero at its end.
const MAX_SOCKET_BYTES: usize = 107;

/// Firmware of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// What it is.
    pub kind: FirmwareKind,
    /// Code, a file that is used read-only.
    pub code: PathBuf,
    /// Content of the variables that a machine begins with.
    pub variables: Vec<u8>,
}

/// What firmware a machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirmwareKind {
    /// Starts whatever is there.
    #[default]
    Uefi,
    /// Starts only what one of the keys in its variables has signed.
    SecureBoot,
}

/// What is remembered from one start to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What the disk was made from: a digest or another name that changes with the image.
    pub image: String,
    /// Ports, kept as long as they are free.
    pub ports: Vec<Forward>,
    /// What ran the guest last.
    pub accelerator: Option<Accelerator>,
    /// What the firmware's variables were made from: a digest.
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
    /// Returns the directory of machine `name` below the user's state directory; it need not exist.
    ///
    /// # Errors
    /// [`VmError::Name`] for a malformed name, [`VmError::NoHome`] without a home, [`VmError::TooDeep`] if its socket's
    /// path would be too long.
    pub fn named(name: &str) -> Result<MachineDir, VmError> {
        MachineDir::below(&machines()?, name)
    }

    /// Lists the names of all machines of this user, in order. A directory that can't be read has none.
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

    /// Returns the error that there is no such machine; it names those that there are.
    pub(crate) fn unknown(&self) -> VmError {
        VmError::Unknown { name: self.name.clone(), machines: MachineDir::all() }
    }

    /// Returns the directory of machine `name` below `root`.
    ///
    /// # Errors
    /// [`VmError::Name`] for a malformed name; [`VmError::TooDeep`] if its socket's path would be too long.
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

    /// Returns whether the machine was ever made.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.file("state.json").exists()
    }

    /// Makes the directory, readable by its owner only: it holds keys.
    ///
    /// # Errors
    /// [`VmError::File`] if it can't be made.
    pub fn create(&self) -> Result<(), VmError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(VmError::file("making directory", &self.path))
    }

    /// Takes the machine for one command; it is given back when the file is dropped.
    ///
    /// # Errors
    /// [`VmError::Locked`] if another command has it.
    pub(crate) fn lock(&self) -> Result<File, VmError> {
        let path = self.file("lock");
        let file = File::create(&path).map_err(VmError::file("opening", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(VmError::Locked(self.name.clone())),
            Err(fs::TryLockError::Error(e)) => Err(VmError::file("locking", path)(e)),
        }
    }

    /// Reads what is remembered.
    ///
    /// # Errors
    /// [`VmError::Unknown`] if there is no such machine, [`VmError::File`] if its state can't be read.
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

    /// Remembers `state`, whole or not at all.
    ///
    /// # Errors
    /// [`VmError::Files`] if it can't be written.
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
