//! The outer layer of a .deb: an `ar` archive (deb(5)) of a few members with short names.

use std::io::{self, Read, Seek, SeekFrom};

/// First bytes of the archive.
const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Bytes of a member's header.
const HEADER_BYTES: usize = 60;

/// Finds the member whose name starts with `prefix`, and positions `archive` at its first byte. Returns its
/// name and size.
pub(super) fn seek_member(archive: &mut (impl Read + Seek), prefix: &str) -> io::Result<(String, u64)> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut magic = [0; MAGIC.len()];
    archive.read_exact(&mut magic).map_err(|_| bad("expected an ar archive, found a shorter file"))?;
    if &magic != MAGIC {
        return Err(bad("expected an ar archive, found other first bytes"));
    }
    loop {
        let mut header = [0; HEADER_BYTES];
        archive.read_exact(&mut header).map_err(|_| bad(&format!("has no member {prefix}*")))?;
        let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&header[range]).trim().to_owned();
        if &header[58..] != b"`\n" {
            return Err(bad("an ar header does not end as it must"));
        }
        let name = text(0..16).trim_end_matches('/').to_owned();
        let size: u64 = text(48..58).parse().map_err(|_| bad("an ar header's size is not a number"))?;
        if name.starts_with(prefix) {
            return Ok((name, size));
        }
        let skip = i64::try_from(size + size % 2).map_err(|_| bad("an ar member's size is too large"))?;
        archive.seek(SeekFrom::Current(skip))?;
    }
}
