//! Why a machine can't be created, started or stopped.

use std::io;
use std::path::PathBuf;

/// Why a machine can't be created, started or stopped. [`VmError::hint`] is the remedy, if there is one.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// A file or directory of the machine can't be used.
    #[error("{action} {}: {source}", .path.display())]
    File {
        /// The attempted action, as a gerund.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file of the machine can't be replaced.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The machine definition is invalid.
    #[error("reading machine definition: {0}")]
    Definition(String),
    /// A program is missing or can't be started.
    #[error("starting {program}: {source}")]
    Program {
        /// Name of the program.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// A program exited with an error.
    #[error("running `{line}`: {status}: {output}")]
    Failed {
        /// Its command line.
        line: String,
        /// Exit code or signal.
        status: String,
        /// Its output.
        output: String,
    },
    /// Not a valid name of a machine.
    #[error("machine name {0:?}: expected 1 to 40 lower-case letters, digits and '-'")]
    Name(String),
    /// The path of its control socket is longer than the system allows.
    #[error("placing the machine's control socket {}: expected at most {limit} bytes for a unix socket, found {}",
            .path.display(), .path.as_os_str().len())]
    TooDeep {
        /// The socket.
        path: PathBuf,
        /// Maximum length in bytes.
        limit: usize,
    },
    /// There is no machine of that name.
    #[error("machine {name:?} does not exist")]
    Unknown {
        /// Its name.
        name: String,
        /// The existing machines.
        machines: Vec<String>,
    },
    /// The machine is already running.
    #[error("machine {0:?} is already running as process {1}")]
    Running(String, u32),
    /// The machine is not running.
    #[error("machine {0:?} is not running")]
    NotRunning(String),
    /// Another command holds the machine's lock.
    #[error("machine {0:?} is in use by another ironhull command")]
    Locked(String),
    /// The machine's disk was made from another image.
    #[error("disk of machine {name:?} was made from image {found}, expected {expected}")]
    OtherImage {
        /// The machine.
        name: String,
        /// The image the disk was made from.
        found: String,
        /// The requested image.
        expected: String,
    },
    /// QEMU's answer over QMP is not the expected one.
    #[error("talking to QEMU: {0}")]
    Qmp(String),
    /// Neither `$XDG_STATE_HOME` nor `$HOME` is set.
    #[error("finding the directory for machines: neither XDG_STATE_HOME nor HOME is set")]
    NoHome,
}

impl VmError {
    /// Returns the remedy, if there is a known one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            VmError::Program { program, source } if source.kind() == io::ErrorKind::NotFound => {
                let package = if program == "qemu-img" { "qemu-utils" } else { "qemu-system-x86" };
                Some(format!("install the package {package}"))
            }
            VmError::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => Some(
                "free some space, or set XDG_STATE_HOME to a directory on a larger disk".to_owned(),
            ),
            VmError::TooDeep { .. } => {
                Some("set XDG_STATE_HOME to a directory with a shorter path, or take a shorter name".to_owned())
            }
            VmError::Unknown { machines, .. } if machines.is_empty() => {
                Some("`ironhull run` makes one".to_owned())
            }
            VmError::Unknown { machines, .. } => {
                Some(format!("machines on this host: {}", machines.join(", ")))
            }
            VmError::NotRunning(name) => Some(format!("`ironhull run TARGET --name {name}` starts it")),
            VmError::Running(name, _) => Some(format!("`ironhull stop {name}` stops it")),
            VmError::OtherImage { .. } => Some(
                "--fresh makes a new disk and loses what is on the old one; --name NAME makes a second machine; \
                 --keep boots the old disk with its old image"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Returns a function that adds the attempted action and the file to an I/O error.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> VmError {
        let path = path.into();
        move |source| VmError::File { action, path, source }
    }
}
