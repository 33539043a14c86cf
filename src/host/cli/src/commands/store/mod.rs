//! `ironhull node ADDRESS etcd`: snapshots of the cluster's store, etcd or kine, and its care.
//!
//! The node decides which store it is; the file says which it is of.

mod care;
mod file;
mod restore;
mod snapshot;

use anyhow::Result;
use api::{Client, StoreOrder};

use crate::cmdline::{Global, StoreCommand};
use crate::output::{self, bytes, table};

/// Runs the command.
pub fn run(global: &Global, client: &Client, command: &StoreCommand) -> Result<()> {
    match command {
        StoreCommand::Snapshot { file, kept } => snapshot::run(global, client, (file, kept.as_deref())),
        StoreCommand::Kept => kept(global, client),
        StoreCommand::Defrag => care::run(global, client, StoreOrder::Defrag),
        StoreCommand::Disarm => care::run(global, client, StoreOrder::Disarm),
        StoreCommand::Restore(options) => restore::run(global, client, options),
    }
}

/// Lists the snapshots that the node has made by itself.
fn kept(global: &Global, client: &Client) -> Result<()> {
    output::result(global.json, &client.kept_snapshots()?, |kept| {
        let rows = kept.snapshots.iter().map(|s| vec![s.name.clone(), bytes(s.bytes)]);
        table(
            &std::iter::once(["SNAPSHOT", "SIZE"].map(str::to_owned).to_vec())
                .chain(rows)
                .collect::<Vec<_>>(),
        )
    })
}
