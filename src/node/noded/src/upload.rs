//! What uploads of bundles and of snapshots have in common: which one the staged bytes belong to.

use api::Upload;
use update::Source;

/// Returns what the staged bytes of an upload are noted as.
pub fn source(upload: &Upload) -> Source {
    Source { id: source_id(&upload.sha256), bytes: upload.bytes }
}

/// Returns the identifier of an upload in the staging directory.
pub fn source_id(sha256: &str) -> String {
    format!("sha256:{sha256}")
}

/// Returns whether the digest of an upload is one: 64 hex digits.
pub fn has_digest(upload: &Upload) -> bool {
    upload.sha256.len() == 64 && upload.sha256.bytes().all(|b| b.is_ascii_hexdigit())
}
