//! The raw image to compressed qcow2, with each compression of the format.
//!
//! `qemu-img` has fixed levels (6 of zlib, 3 of zstd). Ours are the lowest with which the image is not larger
//! than with `qemu-img`: for zlib the one used for images, for zstd one that is five lower.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use formats::qcow2::{self, Codec};

use super::super::contest::{Contest, Size};
use super::super::machine::cpus;
use super::super::row::Row;
use super::super::shared::Shared;
use super::{command, run};
use crate::host_disk::HostDisk;
use crate::image;

/// Name of the row, our codec, and the tool's option for it.
const CASES: [(&str, Codec, &str); 2] = [
    ("qcow2, zlib", Codec::ZLIB, "compression_type=zlib"),
    ("qcow2, zstd", Codec::Zstd { level: 4 }, "compression_type=zstd"),
];

/// Measures it.
pub fn measure(shared: &Shared) -> Result<Vec<Row>> {
    let raw = image::raw();
    let mut rows = Vec::new();
    for (what, codec, option) in CASES {
        let ours = |to: &Path| write(&raw, codec, to);
        let theirs = |to: &Path| {
            let mut convert = command("qemu-img");
            convert.args(["convert", "-c", "-f", "raw", "-O", "qcow2", "-o", option]);
            run(convert.arg(&raw).arg(to))
        };
        let other = "qemu-img convert -c";
        let contest = Contest { what, size: Size::Length, other, ours: &ours, theirs: &theirs };
        rows.extend(contest.run(shared.dir(), 1)?);
        if cpus() > 1 {
            // The size does not depend on the number of threads; only the time is new.
            rows.extend(contest.run(shared.dir(), cpus())?.into_iter().take(1));
        }
    }
    Ok(rows)
}

/// Writes an image with our writer.
fn write(raw: &Path, codec: Codec, to: &Path) -> Result<()> {
    let disk = HostDisk::open(raw).context("opening the raw image")?;
    let file = File::create(to).context("making the qcow2 image")?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    qcow2::write(&disk, qcow2::Options { codec }, &mut out)?;
    out.flush().context("writing the qcow2 image")
}
