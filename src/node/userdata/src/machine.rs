//! The machine as sources see it: its files, and the volumes on its disks.
//!
//! Everything is below a root directory, so that a test lays out a machine in a directory: block devices are then
//! plain files. A machine is looked at once for each search, since disks come and go.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::MAX_BYTES;
use crate::devices::{self, Volumes};
use crate::error::Error;
use crate::guest_info::{BackDoor, Port};
use crate::web::Web;

/// How long devices may take to answer: a CD that starts to turn needs ten seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// A machine at the time of one search.
#[derive(Debug)]
pub struct Machine {
    root: PathBuf,
    volumes: OnceCell<Volumes>,
    back_door: Option<Box<dyn BackDoor>>,
    web: Option<Web>,
}

impl Machine {
    /// Returns this machine. Nothing is read yet.
    #[must_use]
    pub fn here() -> Machine {
        Machine::at(Path::new("/")).with_back_door(Box::new(Port))
    }

    /// Returns the machine that is laid out below `root`, which has no hypervisor.
    #[must_use]
    pub fn at(root: &Path) -> Machine {
        Machine { root: root.to_owned(), volumes: OnceCell::new(), back_door: None, web: None }
    }

    /// Returns this machine with another way to its hypervisor.
    pub(crate) fn with_back_door(self, back_door: Box<dyn BackDoor>) -> Machine {
        Machine { back_door: Some(back_door), ..self }
    }

    /// Returns this machine with a network, through which servers are asked.
    #[must_use]
    pub fn with_web(self, web: Web) -> Machine {
        Machine { web: Some(web), ..self }
    }

    /// Returns the way to servers; `None` as long as there is no network.
    pub(crate) fn web(&self) -> Option<&Web> {
        self.web.as_ref()
    }

    /// Returns the way to the hypervisor, which must only be used if it is VMware's.
    pub(crate) fn back_door(&self) -> Option<&dyn BackDoor> {
        self.back_door.as_deref()
    }

    /// Reads the file at an absolute path; `None` if it does not exist.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let shown = || PathBuf::from(path);
        let failed = |source| Error::Read { path: shown(), source };
        let file = match File::open(self.root.join(path.trim_start_matches('/'))) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLong { path: shown(), limit: MAX_BYTES });
        }
        Ok(Some(bytes))
    }

    /// Returns whether the file at an absolute path exists.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path.trim_start_matches('/')).exists()
    }

    /// Says which devices were not searched, if volumes were looked for.
    pub(crate) fn not_searched(&self) -> Vec<String> {
        self.volumes.get().map(|volumes| volumes.not_searched().collect()).unwrap_or_default()
    }

    /// Returns the labelled volumes on all block devices.
    pub(crate) fn volumes(&self) -> &Volumes {
        self.volumes.get_or_init(|| devices::volumes(&self.root, PATIENCE))
    }
}
