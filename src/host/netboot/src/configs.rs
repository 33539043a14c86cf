//! A folder with a config for each machine, read anew at each question.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Longest config that is served: what a node takes from any source.
const MAX_BYTES: u64 = 1 << 20;
/// For machines without a file of their own.
const DEFAULT: &str = "default.yaml";

/// What a machine says of itself; all of it can be made up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Machine {
    #[serde(default)]
    pub mac: String,
    #[serde(default)]
    pub uuid: String,
    #[serde(default)]
    pub serial: String,
}

impl Machine {
    /// Returns the names of its file in the order in which they are tried: the more a machine's alone, the earlier.
    pub(crate) fn names(&self) -> Vec<String> {
        // As iPXE, UEFI and people write it.
        let mac = self.mac.to_ascii_lowercase().replace(':', "-");
        let own = [mac, self.uuid.to_ascii_lowercase(), self.serial.clone()];
        let own = own.into_iter().filter(|name| is_plain(name)).map(|name| format!("{name}.yaml"));
        own.chain([DEFAULT.to_owned()]).collect()
    }
}

/// Returns whether a name stays in its folder.
fn is_plain(name: &str) -> bool {
    let taken = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.bytes().all(taken)
}

/// A machine's config.
#[derive(Debug)]
pub(crate) struct Config {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// A config that can't be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub path: PathBuf,
    pub error: std::io::Error,
}

/// Returns a machine's config; `None` if there is none.
///
/// # Errors
/// [`Unreadable`] for the first file of the machine's that is there.
pub(crate) fn find(folder: &Path, machine: &Machine) -> Result<Option<Config>, Unreadable> {
    for name in machine.names() {
        let path = folder.join(name);
        match read(&path) {
            Ok(bytes) => return Ok(Some(Config { path, bytes })),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Unreadable { path, error }),
        }
    }
    Ok(None)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other(format!("it is longer than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_file_comes_first_and_no_other_folders() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine { mac: "52:54:00:AB:CD:EF".into(), uuid: "9A-B".into(), serial: "S1".into() };
        let found = |machine: &Machine| {
            let found = find(folder.path(), machine).unwrap();
            found.map(|found| found.path.file_name().unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(found(&machine), None);
        for name in ["default.yaml", "S1.yaml", "9a-b.yaml", "52-54-00-ab-cd-ef.yaml"] {
            std::fs::write(folder.path().join(name), name).unwrap();
            assert_eq!(found(&machine).as_deref(), Some(name));
        }
        let outside = Machine { serial: "../S1".into(), mac: ".".into(), uuid: "a/b".into() };
        assert_eq!(outside.names(), ["default.yaml"]);
        std::fs::write(folder.path().join("S2.yaml"), vec![0; (1 << 20) + 1]).unwrap();
        let refused =
            find(folder.path(), &Machine { serial: "S2".into(), ..Machine::default() }).unwrap_err();
        assert!(refused.error.to_string().contains("longer"));
    }
}
