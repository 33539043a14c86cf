//! Saves the logs of a generation that failed its trial for the next one.
//!
//! They are written after all services have ended and before the disks are unmounted, when blocking does no harm.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use control::LogLine;

/// Where they are kept, one directory a generation.
const DIRECTORY: &str = "/state/failed";
/// Generations that are kept; the highest ones.
const MAX_GENERATIONS: usize = 3;

/// The logs of a generation.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) generation: u32,
    /// Lines by the name of their log.
    pub(super) logs: Vec<(String, Vec<LogLine>)>,
}

impl Kept {
    /// Writes them below `/state`.
    ///
    /// # Errors
    /// The first write's; what was written before stays.
    pub(super) fn write(self) -> io::Result<()> {
        keep(Path::new(DIRECTORY), self.generation, self.logs.into_iter())
    }
}

/// Writes the logs of a generation and removes those of old ones.
fn keep(
    directory: &Path,
    generation: u32,
    logs: impl Iterator<Item = (String, Vec<LogLine>)>,
) -> io::Result<()> {
    let own = directory.join(generation.to_string());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&own)?;
    for (name, lines) in logs {
        let mut file = io::BufWriter::new(fs::File::create(own.join(format!("{name}.log")))?);
        for line in lines {
            writeln!(file, "{:6}.{:03} {}", line.at_ms / 1000, line.at_ms % 1000, line.text)?;
        }
        file.flush()?;
    }
    let names = fs::read_dir(directory)?.flatten().filter_map(|e| e.file_name().into_string().ok());
    for old in too_many(names) {
        fs::remove_dir_all(directory.join(old.to_string()))?;
    }
    Ok(())
}

/// Returns the generations beyond the highest ones; a name that is no number is nobody's.
fn too_many(names: impl Iterator<Item = String>) -> Vec<u32> {
    let mut generations: Vec<u32> = names.filter_map(|n| n.parse().ok()).collect();
    generations.sort_unstable_by(|a, b| b.cmp(a));
    generations.into_iter().skip(MAX_GENERATIONS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_generations_are_kept() {
        let directory = std::env::temp_dir().join(format!("init-keep-{}", std::process::id()));
        for generation in [9, 2, 11, 10] {
            let line = LogLine { at_ms: 61_002, text: format!("of {generation}") };
            keep(&directory, generation, [("etcd".to_owned(), vec![line])].into_iter()).unwrap();
        }
        let text = fs::read_to_string(directory.join("11/etcd.log")).unwrap();
        assert_eq!(text, "    61.002 of 11\n");
        assert!(directory.join("9").exists() && !directory.join("2").exists());
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn foreign_names_are_left_alone() {
        let names = ["1", "2", "3", "4", "notes"].map(str::to_owned);
        assert_eq!(too_many(names.into_iter()), [1]);
    }
}
