//! `ironhull node ADDRESS etcd`: snapshots of the cluster's store, etcd or kine.
//!
//! The node decides which store it is; the file says which it is of.

mod file;
mod restore;
mod snapshot;

use anyhow::Result;
use api::Client;

use crate::cmdline::{Global, StoreCommand};

/// Runs the command.
pub fn run(global: &Global, client: &Client, command: &StoreCommand) -> Result<()> {
    match command {
        StoreCommand::Snapshot { file } => snapshot::run(global, client, file),
        StoreCommand::Restore(options) => restore::run(global, client, options),
    }
}
