//! The root's file system to its dm-verity tree, with the same salt and UUID, so the bytes are the same too.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use formats::verity::Hasher;

use super::super::contest::{Contest, Size};
use super::super::row::Row;
use super::super::shared::Shared;
use super::{command, run};

/// Salt of all digests.
const SALT: [u8; 32] = [0x5a; 32];
/// UUID of the tree.
const UUID: [u8; 16] = *b"0123456789abcdef";
/// The same for the tool.
const UUID_TEXT: &str = "30313233-3435-3637-3839-616263646566";
/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// Measures it.
pub fn measure(shared: &Shared) -> Result<Vec<Row>> {
    let root = shared.lab().root();
    let ours = |to: &Path| hash(&root, to);
    let theirs = |to: &Path| format(&root, to);
    let (mine, other) = (shared.dir().join("mine"), shared.dir().join("other"));
    hash(&root, &mine)?;
    format(&root, &other)?;
    ensure!(std::fs::read(mine)? == std::fs::read(other)?, "veritysetup makes another tree");
    Contest { what: "dm-verity", size: Size::Length, other: "veritysetup", ours: &ours, theirs: &theirs }
        .run(shared.dir(), 1)
}

/// Hashes `data` with our writer.
fn hash(data: &Path, to: &Path) -> Result<()> {
    let mut hasher = BufWriter::with_capacity(CHUNK, Hasher::new(SALT));
    io::copy(&mut File::open(data).context("opening the root")?, &mut hasher).context("hashing the root")?;
    let hasher = hasher.into_inner().context("hashing the root")?;
    let mut out = BufWriter::with_capacity(CHUNK, File::create(to).context("making the tree's file")?);
    hasher.finish()?.write(UUID, &mut out).context("writing the tree")?;
    out.flush().context("writing the tree")
}

/// Hashes `data` with veritysetup.
fn format(data: &Path, to: &Path) -> Result<()> {
    let salt: String = SALT.iter().map(|b| format!("{b:02x}")).collect();
    File::create(to).context("making the tree's file")?;
    let mut veritysetup = command("veritysetup");
    veritysetup.arg("format").arg(format!("--uuid={UUID_TEXT}")).arg(format!("--salt={salt}"));
    run(veritysetup.arg(data).arg(to))
}
