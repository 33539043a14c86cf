//! The key set with which this node verifies bundles.
//!
//! The image has one, and a bundle may bring a newer one, which is stored beside the node's config when the
//! bundle is installed. The one with the higher version is used, so that an image from before a key change
//! does not bring the old keys back. Each file is as trustworthy as its partition: the image's file is on the
//! verified root, the other one on the state partition, and whoever can write there controls the node.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use bundle::KeySet;

use crate::UpdateError;

/// Maximum length of a key set file; sixteen keys need 1.3 KiB.
const MAX_BYTES: u64 = 16 << 10;

/// Loads the key set in force: the image's or the stored one, whichever has the higher version. Either file
/// may be absent.
///
/// # Errors
/// [`UpdateError::NoKeys`] if both files are absent; [`UpdateError::File`] or [`UpdateError::Bundle`] if the
/// image's file can't be read or parsed. A stored file that can't be read or parsed is ignored, unless the
/// image has none.
pub fn load(of_image: &Path, kept: &Path) -> Result<KeySet, UpdateError> {
    let image = read(of_image)?;
    match (image, read(kept)) {
        (Some(image), Ok(Some(kept))) if kept.version > image.version => Ok(kept),
        (Some(image), _) => Ok(image),
        (None, kept) => kept?.ok_or(UpdateError::NoKeys),
    }
}

/// Stores the key set of a bundle, synced when this returns.
///
/// # Errors
/// [`UpdateError::File`] if the directory or the file can't be written. The previously stored set is
/// unchanged, unless only syncing the directory failed.
pub fn keep(set: &KeySet, path: &Path) -> Result<(), UpdateError> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        durable::replace(path, set.to_json().as_bytes(), 0o644)
    };
    write().map_err(UpdateError::file("keeping the update keys as", path))
}

/// Reads a key set; `None` if there is no file.
fn read(path: &Path) -> Result<Option<KeySet>, UpdateError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(UpdateError::file("opening", path)(e)),
    };
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text).map_err(UpdateError::file("reading", path))?;
    Ok(Some(KeySet::parse(&text)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bundle::PublicKey;

    fn set(version: u32) -> KeySet {
        KeySet::new(version, 1, vec![PublicKey::from_bytes([7; 32])]).unwrap()
    }

    #[test]
    fn the_higher_version_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (image, kept) = (folder.path().join("image.json"), folder.path().join("state/kept.json"));
        assert!(matches!(load(&image, &kept), Err(UpdateError::NoKeys)));
        keep(&set(2), &image).unwrap();
        assert_eq!(load(&image, &kept).unwrap().version, 2);
        for (version, expected) in [(1, 2), (3, 3), (2, 2)] {
            keep(&set(version), &kept).unwrap();
            assert_eq!(load(&image, &kept).unwrap().version, expected);
        }
    }

    #[test]
    fn a_damaged_kept_set_does_not_lock_bundles_out() {
        let folder = tempfile::tempdir().unwrap();
        let (image, kept) = (folder.path().join("image.json"), folder.path().join("kept.json"));
        fs::write(&kept, "{").unwrap();
        assert!(matches!(load(&image, &kept), Err(UpdateError::Bundle(_))));
        keep(&set(1), &image).unwrap();
        assert_eq!(load(&image, &kept).unwrap().version, 1);
        fs::write(&image, "x".repeat(20_000)).unwrap();
        assert!(load(&image, &kept).is_err());
    }
}
