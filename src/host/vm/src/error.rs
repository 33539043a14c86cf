//! Why a machine can't be created, started or stopped.

use std::io;
use std::path::PathBuf;

/// What can go wrong. The remedy, where there is one, is [`VmError::hint`].
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// A file or directory of the machine.
    #[error("{action} {}: {source}", .path.display())]
    File {
        /// What was tried, as a gerund.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A file of the machine can't be replaced.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The machine definition is no such document.
    #[error("reading machine definition: {0}")]
    Definition(String),
    /// A program is not there or could not be started.
    #[error("starting {program}: {source}")]
    Program {
        /// Name of the program.
        program: String,
        /// What the system answered.
        source: io::Error,
    },
    /// A program ended with a failure.
    #[error("running `{line}`: {status}: {output}")]
    Failed {
        /// The exact line.
        line: String,
        /// Exit code or signal.
        status: String,
        /// Its last words.
        output: String,
    },
    /// The name can't be a directory.
    #[error("machine name {0:?}: expected 1 to 40 lower-case letters, digits and '-'")]
    Name(String),
    /// The path of its control socket is longer than the system allows.
    #[error("placing the machine's control socket {}: expected at most {limit} bytes for a unix socket, found {}",
            .path.display(), .path.as_os_str().len())]
    TooDeep {
        /// The socket.
        path: PathBuf,
        /// Bytes that it may have.
        limit: usize,
    },
    /// No machine of that name.
    #[error("machine {name:?} does not exist")]
    Unknown {
        /// Its name.
        name: String,
        /// The machines that there are.
        machines: Vec<String>,
    },
    /// It runs already.
    #[error("machine {0:?} is already running as process {1}")]
    Running(String, u32),
    /// It does not run.
    #[error("machine {0:?} is not running")]
    NotRunning(String),
    /// Another command works on it.
    #[error("machine {0:?} is in use by another ironhull command")]
    Locked(String),
    /// The disk belongs to another image.
    #[error("disk of machine {name:?} was made from image {found}, expected {expected}")]
    OtherImage {
        /// The machine.
        name: String,
        /// What the disk was made from.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// The machine answered something else than expected over QMP.
    #[error("talking to QEMU: {0}")]
    Qmp(String),
    /// Its home can't be found.
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
            VmError::Running(name, _) => Some(format!("`ironhull stop {name}` ends it")),
            VmError::OtherImage { .. } => Some(
                "--fresh makes a new disk and loses what is on the old one; --name NAME makes a second machine; \
                 --keep boots the old disk with its old image"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Returns a function that wraps an I/O error with what was tried on which file.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> VmError {
        let path = path.into();
        move |source| VmError::File { action, path, source }
    }
}
