//! Whether this node runs from an installation medium: `init` leaves its name in a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The file; absent on an installed node.
const PATH: &str = "run/ironhull/medium";
/// The most that is read of it.
const MAX_BYTES: u64 = 256;

/// Returns the name of the medium, such as `sr0`, of the machine whose file system begins at `root`.
pub fn running(root: &Path) -> Option<String> {
    let mut name = String::new();
    File::open(root.join(PATH)).ok()?.take(MAX_BYTES).read_to_string(&mut name).ok()?;
    Some(name).filter(|name| !name.is_empty() && !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_live_node_has_a_medium() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(running(root.path()), None);
        std::fs::create_dir_all(root.path().join("run/ironhull")).unwrap();
        std::fs::write(root.path().join(PATH), "sr0").unwrap();
        assert_eq!(running(root.path()).as_deref(), Some("sr0"));
        std::fs::write(root.path().join(PATH), "../sda").unwrap();
        assert_eq!(running(root.path()), None);
    }
}
