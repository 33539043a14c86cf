//! All services of a node, assembled.

use control::ServiceSpec;

use crate::file::{Directory, File};

/// noded; its subcommands are probes and tasks.
pub(crate) const NODED: &str = "/usr/lib/ironhull/noded";

/// Services, with the files and directories that they need.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub directories: Vec<Directory>,
    pub files: Vec<File>,
    pub services: Vec<ServiceSpec>,
}
