//! The writers of on-disk formats against the tools that are known for them.
//!
//! The input is the built image. All run on one processor; qcow2, where both sides have threads, on all
//! as well.

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

/// The other programs, and what takes the image apart for them.
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

/// Returns a system program as a command: some are where only root's path leads.
fn command(name: &str) -> Command {
    let sbin = Path::new("/usr/sbin").join(name);
    if sbin.exists() { Command::new(sbin) } else { Command::new(name) }
}

/// Runs a program to its end.
fn run(command: &mut Command) -> Result<()> {
    let output = tool::output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(())
}
