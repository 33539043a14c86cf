//! The unpacked root to EROFS: uncompressed, one time for all files.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use formats::erofs;

use super::super::contest::{Contest, Size};
use super::super::host_tree;
use super::super::row::Row;
use super::super::shared::Shared;
use super::{command, run};

/// Time of all files.
const EPOCH_SECS: u64 = 1_700_000_000;
/// UUID of the file system.
const UUID: [u8; 16] = *b"0123456789abcdef";
/// The same for the tool.
const UUID_TEXT: &str = "30313233-3435-3637-3839-616263646566";

/// Measures it. Both sides walk the directory themselves.
pub fn measure(shared: &Shared) -> Result<Vec<Row>> {
    let root = shared.lab().unpacked();
    let ours = |to: &Path| {
        let tree = host_tree::load(&root)?;
        let options = erofs::Options { uuid: UUID, epoch_secs: EPOCH_SECS };
        let out = File::create(to).context("making the image")?;
        erofs::write(&tree, &options, out).map(drop).context("writing EROFS")
    };
    let theirs = |to: &Path| {
        let mut mkfs = command("mkfs.erofs");
        mkfs.args(["--quiet", "-U", UUID_TEXT]).arg(format!("-T{EPOCH_SECS}")).arg(to).arg(&root);
        run(&mut mkfs)
    };
    Contest { what: "EROFS", size: Size::Length, other: "mkfs.erofs", ours: &ours, theirs: &theirs }
        .run(shared.dir(), 1)
}
