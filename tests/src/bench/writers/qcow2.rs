//! The raw image to compressed qcow2, by zlib on both sides.
//!
//! With the level that the build uses; `qemu-img` has 6 and no option for it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use formats::qcow2;

use super::super::contest::{Contest, Size};
use super::super::host_disk::HostDisk;
use super::super::machine::cpus;
use super::super::row::Row;
use super::super::shared::Shared;
use super::{command, run};
use crate::image;

/// Measures it.
pub fn measure(shared: &Shared) -> Result<Vec<Row>> {
    let raw = image::raw();
    let ours = |to: &Path| write(&raw, to);
    let theirs = |to: &Path| {
        let mut convert = command("qemu-img");
        convert.args(["convert", "-c", "-f", "raw", "-O", "qcow2", "-o", "compression_type=zlib"]);
        run(convert.arg(&raw).arg(to))
    };
    let contest = Contest {
        what: "qcow2",
        size: Size::Length,
        other: "qemu-img convert -c",
        ours: &ours,
        theirs: &theirs,
    };
    let mut rows = contest.run(shared.dir(), 1)?;
    if cpus() > 1 {
        // The size is the same whatever the threads: only the time is new.
        rows.extend(contest.run(shared.dir(), cpus())?.into_iter().take(1));
    }
    Ok(rows)
}

/// Writes an image with our writer.
fn write(raw: &Path, to: &Path) -> Result<()> {
    let disk = HostDisk::open(raw).context("opening the raw image")?;
    let file = File::create(to).context("making the qcow2 image")?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    qcow2::write(&disk, qcow2::Options::default(), &mut out)?;
    out.flush().context("writing the qcow2 image")
}
