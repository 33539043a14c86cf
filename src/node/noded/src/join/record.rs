//! What a node joins, on the state partition. It holds no secret.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use config::JoinToken;
use serde::{Deserialize, Serialize};

/// Path of the record below the root.
const PATH: &str = "state/cluster/member.json";
/// Maximum length of the record.
const MAX_BYTES: usize = 256 << 10;

/// What a node joins, or has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The role in which it joins.
    pub role: String,
    /// URLs of the API servers.
    pub servers: Vec<String>,
    /// Certificate of the cluster's authority, PEM.
    pub authority: String,
    /// What the cluster says of itself; absent until the node is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

impl Record {
    /// The record of a node that is about to join with `token`.
    pub fn of(token: &JoinToken) -> Record {
        Record {
            role: token.role.name().to_owned(),
            servers: token.servers.clone(),
            authority: token.authority.clone(),
            cluster: None,
        }
    }

    /// Reads the record below `root`; `None` if there is none.
    ///
    /// # Errors
    /// If it can't be read or is malformed: a node must not forget what it has joined.
    pub fn load(root: &Path) -> Result<Option<Record>> {
        let path = root.join(PATH);
        let reading = || format!("reading {}", path.display());
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(reading),
        };
        ensure!(text.len() <= MAX_BYTES, "{}: longer than {MAX_BYTES} bytes", reading());
        serde_json::from_slice(&text).map(Some).with_context(reading)
    }

    /// Writes the record below `root`, durably.
    ///
    /// # Errors
    /// If it can't be written; the one before is unchanged then.
    pub fn keep(&self, root: &Path) -> Result<()> {
        let path = root.join(PATH);
        let folder = path.parent().context("path has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let text = serde_json::to_vec_pretty(self)?;
        durable::replace(&path, &text, 0o600).with_context(|| format!("writing {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_a_damaged_one_is_no_empty_one() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Record::load(root.path()).unwrap(), None);
        let record = Record {
            role: "worker".into(),
            servers: vec!["https://a".into()],
            authority: "pem".into(),
            cluster: None,
        };
        record.keep(root.path()).unwrap();
        assert_eq!(Record::load(root.path()).unwrap(), Some(record));
        fs::write(root.path().join(PATH), "{").unwrap();
        assert!(Record::load(root.path()).is_err());
    }
}
