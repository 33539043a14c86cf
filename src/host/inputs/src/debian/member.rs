//! The tar stream with a package's files: the member `data.tar` of a .deb, decompressed.
//!
//! All compressions of deb(5) are supported except bzip2: dpkg has not written it since 1.19, and no package
//! of a supported release uses it, so it is not worth a library.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use lzma_rust2::{LzmaReader, XzReader};

use super::ar;
use crate::error::{Error, Result};

/// Maximum memory of an LZMA stream in KiB: the dictionary of `xz -9`, and space for its tables.
const LZMA_MEMORY_KIB: u32 = 80 << 10;

/// Opens the tar stream in a .deb.
///
/// # Errors
/// [`Error::Io`] if the file can't be opened; [`Error::Archive`] if it is not a package, or its compression
/// is not supported.
pub(crate) fn open_data(deb: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(deb).map_err(Error::io("opening", deb))?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let (name, size) = ar::seek_member(&mut file, "data.tar").map_err(|e| broken(deb, &e))?;
    decompress(&name, file.take(size)).map_err(|e| broken(deb, &e))
}

/// Returns the decompressed tar stream of the member `name`.
fn decompress(name: &str, data: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    Ok(match name.strip_prefix("data.tar").unwrap_or(name) {
        "" => Box::new(data),
        ".gz" => Box::new(MultiGzDecoder::new(data)),
        ".lzma" => Box::new(LzmaReader::new_mem_limit(data, LZMA_MEMORY_KIB, None)?),
        ".xz" => Box::new(XzReader::new(data, true)),
        ".zst" => Box::new(zstd::Decoder::new(data)?),
        _ => {
            let text = format!("expected data.tar, alone or with .gz, .lzma, .xz or .zst, found {name}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
    })
}

/// Returns the error for a malformed `deb`.
pub(super) fn broken(deb: &Path, error: &io::Error) -> Error {
    Error::Archive { path: deb.to_owned(), message: error.to_string() }
}
