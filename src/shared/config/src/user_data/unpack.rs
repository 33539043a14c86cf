//! Unpacks user-data: gzip, base64, MIME multipart, a byte order mark and line ends of Windows, in any order and nested.
//!
//! A packing is recognised by the bytes, never by a name: sources have none. No document consists of the characters of
//! base64 alone, since it has a colon.

use std::io::Read;

use data_encoding::{BASE64, BASE64_NOPAD};
use flate2::read::MultiGzDecoder;

use super::{format, mime};
use crate::MAX_BYTES;
use crate::diagnostics::Diagnostics;

/// Maximum number of packings around each other.
const MAX_LAYERS: usize = 4;
/// First bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The byte order mark of UTF-8, which editors of Windows write.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// The byte order marks of UTF-16.
const MARKS_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Returns the text in `bytes`, with `\n` at the end of lines; `label` names it in errors.
///
/// # Errors
/// [`Diagnostics`] if it is longer than [`MAX_BYTES`], packed or unpacked, is damaged, empty, or not UTF-8, or has a
/// format that is not accepted.
pub fn text(label: &str, bytes: &[u8]) -> Result<String, Diagnostics> {
    let wrong = |message: String, hint| Diagnostics::whole(label, message, hint);
    if bytes.len() > MAX_BYTES {
        return Err(wrong(format!("it has {} bytes, expected at most {MAX_BYTES}", bytes.len()), None));
    }
    let mut bytes = without_mark(bytes).to_vec();
    for layer in 0.. {
        let Some(inner) = layer_below(&bytes).map_err(|message| wrong(message, None))? else { break };
        if layer == MAX_LAYERS {
            return Err(wrong(format!("it is packed more than {MAX_LAYERS} times"), None));
        }
        bytes = without_mark(&inner).to_vec();
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(wrong("the text is empty".to_owned(), None));
    }
    if MARKS_16.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(wrong("expected UTF-8 text, found UTF-16".to_owned(), Some("save it as UTF-8")));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let offset = e.utf8_error().valid_up_to();
        let byte = e.as_bytes()[offset];
        wrong(format!("expected UTF-8 text, found byte {byte:#04x} at offset {offset}"), None)
    })?;
    let text = text.replace("\r\n", "\n");
    format::check(label, &text)?;
    Ok(text)
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

/// Unpacks one layer; `None` if there is none.
fn layer_below(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    if bytes.starts_with(&GZIP) {
        return gunzip(bytes).map(Some);
    }
    if mime::is_one(bytes) {
        return mime::join(bytes).map(Some);
    }
    let dense: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    if dense.is_empty() || !dense.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)) {
        return Ok(None);
    }
    let encoding = if dense.len().is_multiple_of(4) { BASE64 } else { BASE64_NOPAD };
    match encoding.decode(&dense) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) => Err(format!("looks like base64, but is not: {e}")),
    }
}

/// Unpacks a gzip file; stops one byte after the maximum length.
fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|e| format!("not a complete gzip file: {e}"))?;
    if unpacked.len() > MAX_BYTES {
        return Err(format!("more than {MAX_BYTES} bytes once unpacked"));
    }
    Ok(unpacked)
}
