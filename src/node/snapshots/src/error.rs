//! Why the data can't be prepared, or an order not be taken.

use std::io;
use std::path::{Path, PathBuf};

use crate::decide::Unreadable;

/// Why the data can't be prepared, or an order not be taken.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The disk refused.
    #[error("{doing} {}: {source}", path.display())]
    Disk {
        /// What was done.
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A ledger that can't be parsed: whose data it is must not be guessed.
    #[error("parsing {}: {source}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There is no room for a copy.
    #[error("a snapshot needs {needed} bytes of the state partition, which has {free} free")]
    Room {
        /// What it needs, with a reserve.
        needed: u64,
        /// What there is.
        free: u64,
    },
    /// No copy could be taken, and without one there is no way back.
    #[error("taking a snapshot of the state: {source}")]
    Copy {
        /// Why not.
        source: Box<StateError>,
    },
    /// Nothing may start.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Nothing is recorded: there is nothing to restore, and nothing to restore it over.
    #[error("no generation has written to the state partition yet")]
    Empty,
    /// An order that can't be carried out.
    #[error("{0}")]
    Order(String),
}

impl StateError {
    /// Returns what makes an error of the system one of these.
    pub(crate) fn disk<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StateError + 'a {
        move |source| StateError::Disk { doing, path: path.to_owned(), source }
    }
}
