//! What `init` found damaged at boot: a file with a line for each partition.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The file; absent if nothing is damaged.
const PATH: &str = "/run/ironhull/maintenance";
/// The most that is read of it.
const MAX_BYTES: u64 = 4096;
/// How the line about the state partition begins.
const STATE: &str = "state: ";

/// Partitions that can't be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage(Vec<String>);

impl Damage {
    /// Reads what `init` has left.
    pub fn load() -> Damage {
        Damage::from_file(Path::new(PATH))
    }

    fn from_file(path: &Path) -> Damage {
        let Ok(file) = File::open(path) else { return Damage::default() };
        let mut bytes = Vec::new();
        if let Err(e) = file.take(MAX_BYTES).read_to_end(&mut bytes) {
            eprintln!("noded: reading {}: {e}", path.display());
        }
        Damage(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }

    /// Returns the lines, `NAME: REASON`.
    pub fn lines(&self) -> &[String] {
        &self.0
    }

    /// Returns why the state partition can't be used.
    pub fn of_state(&self) -> Option<&str> {
        self.0.iter().find_map(|line| line.strip_prefix(STATE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("maintenance");
        assert_eq!(Damage::from_file(&path), Damage::default());
        std::fs::write(&path, "data: bad superblock\n").unwrap();
        assert_eq!(Damage::from_file(&path).of_state(), None);
        std::fs::write(&path, b"state: a \xff b\ndata: bad superblock\n").unwrap();
        let both = Damage::from_file(&path);
        assert_eq!((both.of_state(), both.lines().len()), (Some("a \u{fffd} b"), 2));
        std::fs::write(&path, "x".repeat(10_000)).unwrap();
        assert_eq!(Damage::from_file(&path).lines()[0].len(), 4096);
    }
}
