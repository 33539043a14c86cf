//! `ironhull node ADDRESS etcd snapshot`: the node makes a snapshot, or has kept one, and streams it to a file.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use api::Client;
use files::{Access, Output};
use inputs::Progress;
use inputs::progress::Unit;
use serde_json::json;

use super::file::{Failure, copy};
use crate::cmdline::Global;
use crate::output::{self, bytes};
use crate::progress::Shown;

/// Makes a snapshot, or takes one that was kept. The file appears when it is whole; it holds the cluster's secrets, so only its owner reads it.
pub(super) fn run(global: &Global, client: &Client, (path, kept): (&Path, Option<&str>)) -> Result<()> {
    let output = Output::at(path, Access::Private)?;
    let mut body = client.store_snapshot(kept)?;
    let (shown, step, began) = (Shown::default(), "snapshot", Instant::now());
    shown.started(step, Unit::Bytes, None);
    let snapshot = output.write(|to| {
        copy(&mut body, to, |done| shown.advanced(step, done)).map_err(|failure| match failure {
            Failure::Read(e) => anyhow!(e).context("receiving the snapshot"),
            Failure::Write(e) => anyhow!(e).context(format!("writing {}", path.display())),
            Failure::Content(what) => crate::hint::hinted(
                format!("receiving the snapshot: expected a whole one, found {what}"),
                "`ironhull node ADDRESS logs noded` may show why it ended early",
            ),
        })
    });
    shown.finished(step, began.elapsed());
    let snapshot = snapshot.context("making a snapshot of the store")?;
    let json = json!({
        "file": output::path(path), "store": snapshot.store, "bytes": snapshot.bytes, "sha256": snapshot.sha256,
    });
    output::result_beside(path, global.json, &json, |_| {
        format!("{}: snapshot of {}, {}\n", path.display(), snapshot.store, bytes(snapshot.bytes))
    })
}
