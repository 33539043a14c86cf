//! The writers of on-disk formats, compared with the usual tools.
//!
//! The input is the built image. All run on one processor; qcow2, for which both sides use threads, also on
//! all processors.

mod erofs;
mod fat;
mod qcow2;
mod verity;

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::row::Row;
use super::shared::Shared;
use crate::tool;

/// The other programs, and those that unpack the image for them.
pub const TOOLS: &[&str] =
    &["fsck.erofs", "mkfs.erofs", "veritysetup", "mkfs.vfat", "mmd", "mcopy", "qemu-img"];

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let mut rows = erofs::measure(shared)?;
    rows.extend(verity::measure(shared)?);
    rows.extend(fat::measure(shared)?);
    rows.extend(qcow2::measure(shared)?);
    Ok(rows)
}

/// Returns a command for a system program, which may be found only in root's PATH.
fn command(name: &str) -> Command {
    let sbin = Path::new("/usr/sbin").join(name);
    if sbin.exists() { Command::new(sbin) } else { Command::new(name) }
}

/// Runs a program until it exits.
fn run(command: &mut Command) -> Result<()> {
    let output = tool::output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(())
}
