//! Upstream files of which our own sources hold a copy, changed for our needs.
//!
//! Go's module pins don't show what a copy needs: a new version may change the original, and the copy still compiles. A
//! recipe names each original with its hash, so a build with another one fails and names the file. Whoever changes
//! versions compares the two originals, adapts the copy, and pins the new hash.

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest::Digest;
use crate::error::{Error, Result};

/// For each module the originals in it: path below the module's root, and SHA-256 of the content.
pub(super) type Copied = BTreeMap<String, BTreeMap<String, String>>;

/// Compares the originals of one module, whose sources are in `dir`; `recipe` is the path of the recipe, for the error.
///
/// # Errors
/// [`Error::Original`] for the first original that is not as pinned; [`Error::Io`] if one can't be read, as when
/// upstream moved it.
pub(super) fn check(recipe: &Path, dir: &Path, originals: &BTreeMap<String, String>) -> Result<()> {
    for (file, pinned) in originals {
        let path = dir.join(file);
        let found = Digest::of_file(&path)?.0.to_string();
        if found != *pinned {
            return Err(Error::Original {
                recipe: recipe.to_owned(),
                original: path,
                pinned: pinned.clone(),
                found,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_original_that_changed_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("cmd")).unwrap();
        fs::write(dir.path().join("cmd/server.go"), "package app\n").unwrap();
        let pinned = Digest::of(b"package app\n").to_string();
        let originals = |pin: &str| BTreeMap::from([("cmd/server.go".to_owned(), pin.to_owned())]);
        let recipe = Path::new("kubernetes/component.yaml");
        check(recipe, dir.path(), &originals(&pinned)).unwrap();

        let text = check(recipe, dir.path(), &originals("00")).unwrap_err().to_string();
        for part in ["cmd/server.go", "00", &pinned, "kubernetes/component.yaml", "hint: "] {
            assert!(text.contains(part), "{part}: {text}");
        }
        fs::remove_file(dir.path().join("cmd/server.go")).unwrap();
        let text = check(recipe, dir.path(), &originals(&pinned)).unwrap_err().to_string();
        assert!(text.contains("cmd/server.go"), "{text}");
    }
}
