//! Reads the large programs of the node once, sequentially, at the beginning of the boot.
//!
//! A program is paged in while it runs: each page fault stops it until a few pages are read and their hashes
//! are checked. Reading ahead moves this work to another processor. The pages stay in the page cache, which
//! is reclaimed when something else needs the memory. Nothing depends on it, so failures are silent.

use std::fs::File;
use std::io::{self, Read};

/// In the order in which they are needed.
const PROGRAMS: [&str; 5] = [
    "/usr/bin/etcd",
    "/usr/bin/kube",
    "/usr/bin/containerd",
    "/usr/bin/containerd-shim-runc-v2",
    "/usr/bin/runc",
];
/// Size of a read.
const CHUNK_BYTES: usize = 128 << 10;

/// Reads them all; returns when done.
pub fn programs() {
    let mut chunk = vec![0; CHUNK_BYTES];
    for path in PROGRAMS {
        // A role without this program does not need it.
        let _ = File::open(path).and_then(|file| read_all(file, &mut chunk));
    }
}

/// Reads to the end and discards the data.
fn read_all(mut source: impl Read, chunk: &mut [u8]) -> io::Result<()> {
    while source.read(chunk)? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_to_the_end() {
        let mut source = io::Cursor::new(vec![7_u8; 1000]);
        read_all(&mut source, &mut [0; 64]).unwrap();
        assert_eq!(source.position(), 1000);
    }
}
