//! The two writable partitions: what is wrong with one that could not be mounted, and orders about it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A writable partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionName {
    /// Identity, PKI, config, the cluster's store.
    State,
    /// Images, pods, logs.
    Data,
}

impl PartitionName {
    /// Returns its label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            PartitionName::State => "state",
            PartitionName::Data => "data",
        }
    }
}

impl fmt::Display for PartitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for PartitionName {
    type Err = String;

    fn from_str(text: &str) -> Result<PartitionName, String> {
        let all = [PartitionName::State, PartitionName::Data];
        let found = all.into_iter().find(|name| name.label() == text);
        found.ok_or_else(|| "expected state or data".to_owned())
    }
}

/// The partitions that could not be mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PartitionList {
    /// All of them.
    pub partitions: Vec<DamagedPartition>,
}

/// A partition that could not be mounted at boot. It was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DamagedPartition {
    /// Which one.
    pub name: PartitionName,
    /// Path of its device; absent if the disk has no such partition.
    pub device: Option<String>,
    /// Why it could not be mounted, in one line.
    pub problem: String,
    /// What the check at boot said, if there was one.
    #[serde(default)]
    pub boot_check: Vec<String>,
    /// The last check that was ordered; absent if there was none since the boot.
    #[serde(default)]
    pub check: Option<PartitionCheck>,
    /// It is made anew at the next boot.
    #[serde(default)]
    pub wiped: bool,
    /// What can be done: each an order, then a colon and its effect.
    #[serde(default)]
    pub remedies: Vec<String>,
}

/// A check of a file system by `e2fsck`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PartitionCheck {
    /// Whether everything is repaired that is found. Otherwise nothing is written.
    pub repair: bool,
    /// What came of it.
    pub result: CheckResult,
    /// How long it has taken so far, in seconds.
    pub secs: u64,
    /// What the program said: its first and last lines.
    pub lines: Vec<String>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    /// It is not done yet.
    #[default]
    Running,
    /// The file system is whole.
    Whole,
    /// It was repaired, and is whole now.
    Repaired,
    /// There is damage, and it is still there.
    Damaged,
    /// The check could not be made; its last line says why.
    Failed,
    /// A result that this reader does not know.
    #[serde(other)]
    Unknown,
}

impl CheckResult {
    /// Returns the result as an operator reads it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            CheckResult::Running => "is being checked",
            CheckResult::Whole => "the file system is whole",
            CheckResult::Repaired => "the file system is repaired",
            CheckResult::Damaged => "the file system is damaged",
            CheckResult::Failed => "the file system could not be checked",
            CheckResult::Unknown => "a result that this version does not know",
        }
    }
}

/// A request to check a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckRequest {
    /// Repair everything that is found, whatever is lost by that.
    #[serde(default)]
    pub repair: bool,
}

/// A request to make a partition anew at the next boot. All that is on it is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WipeRequest {
    /// Only check whether it could be done, and say what is lost.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is lost with a partition, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Wiped {
    /// What happens, in one line.
    pub what: String,
    /// What is lost, and what comes back by itself, a line each.
    pub lost: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_label_everywhere() {
        for name in [PartitionName::State, PartitionName::Data] {
            assert_eq!(name.label().parse(), Ok(name));
            assert_eq!(serde_json::to_string(&name).unwrap(), format!("{:?}", name.label()));
        }
        assert!("root-a".parse::<PartitionName>().is_err());
    }

    #[test]
    fn a_result_of_a_newer_node_is_borne() {
        let read = |text: &str| serde_json::from_str::<PartitionCheck>(text).unwrap().result;
        assert_eq!(read(r#"{"result":"repaired"}"#), CheckResult::Repaired);
        assert_eq!(read(r#"{"result":"melted","more":1}"#), CheckResult::Unknown);
    }
}
