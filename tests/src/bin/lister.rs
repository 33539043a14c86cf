//! PID 1 of the guest in which the real kernel mounts our EROFS: lists it on the console, powers off.
//!
//! The file system fills the first virtio disk. Errors are printed as `LIST-FAILED`.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use sys::MountFlags;

fn main() {
    e2e::guest::end("LIST", &run());
}

/// Mounts the file systems, then lists.
fn run() -> Result<()> {
    let none = MountFlags::empty();
    sys::mount(("devtmpfs", "dev"), Path::new("/dev"), none, "")?;
    sys::mount(("erofs", "/dev/vda"), Path::new("/mnt"), MountFlags::RDONLY, "")?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    e2e::listing::list(Path::new("/mnt"), &mut |line| writeln!(out, "{line}")).context("listing")?;
    Ok(out.flush()?)
}
