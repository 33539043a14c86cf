//! The file that describes a cluster of machines.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use config::Cidr;
use serde::Deserialize;
use vm::{MAX_MACHINES, MachineDir};

use crate::cmdline::values;
use crate::hint::hinted;

/// Maximum length of the file in bytes.
const MAX_BYTES: u64 = 64 << 10;
/// The segment between the machines, if the file names none.
const SEGMENT: &str = "10.1.0.0/24";
/// Address of the first machine on the segment, counted from its first one; the others follow.
const FIRST: u32 = 11;

/// Machines on one private segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFile {
    /// Addresses of the segment.
    pub segment: Cidr,
    /// `network.provider` of the cluster; `None` for the default.
    pub provider: Option<String>,
    /// The machines; the first one is the centre of the segment.
    pub machines: Vec<MachineEntry>,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineEntry {
    /// Name of the machine and of the node.
    pub name: String,
    /// Profile, by path or name.
    pub profile: PathBuf,
    /// Memory in bytes.
    pub memory: u64,
    /// Processors.
    pub cpus: u32,
    /// Size of a new disk in bytes.
    pub disk: u64,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    segment: Option<String>,
    provider: Option<String>,
    machines: Vec<WrittenMachine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMachine {
    name: String,
    profile: PathBuf,
    memory: Option<String>,
    cpus: Option<u32>,
    disk: Option<String>,
}

impl ClusterFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// If it can't be read, is too long or malformed, or a value in it is out of range; the message names the value.
    pub fn load(path: &Path) -> Result<ClusterFile> {
        let size = fs::metadata(path).with_context(|| format!("reading {}", path.display()))?.len();
        if size > MAX_BYTES {
            return Err(hinted(
                format!("{} has {size} bytes, expected at most {MAX_BYTES}", path.display()),
                "a cluster file lists machines: demo/cluster.yaml is one",
            ));
        }
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        ClusterFile::parse(&text).with_context(|| format!("cluster file {}", path.display()))
    }

    fn parse(text: &str) -> Result<ClusterFile> {
        let written: Written = serde_saphyr::from_str(text)?;
        let segment = written.segment.as_deref().unwrap_or(SEGMENT);
        let cidr: Option<Cidr> = segment.parse().ok().filter(|c: &Cidr| c.is_network());
        let segment =
            cidr.with_context(|| format!("segment: expected a range such as {SEGMENT}, found {segment:?}"))?;
        let machines: Vec<MachineEntry> =
            written.machines.into_iter().enumerate().map(|(i, m)| m.checked(i)).collect::<Result<_>>()?;
        let count = machines.len();
        if !(1..=MAX_MACHINES).contains(&count) {
            anyhow::bail!("machines: expected 1 to {MAX_MACHINES}, found {count}");
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = machines.iter().find(|m| !names.insert(&m.name)) {
            anyhow::bail!("machines: two are named {:?}", twice.name);
        }
        let file = ClusterFile { segment, provider: written.provider, machines };
        // The last address of a range is its broadcast address.
        if file.segment.nth(FIRST + u32::try_from(count)?).is_none() {
            anyhow::bail!("segment: {} has no room for {count} machines", file.segment);
        }
        Ok(file)
    }

    /// Returns the address of machine `index` on the segment.
    pub fn address(&self, index: usize) -> Ipv4Addr {
        let host = u32::try_from(index).ok().and_then(|i| self.segment.nth(FIRST + i));
        host.expect("parsing checks that there is room")
    }
}

impl WrittenMachine {
    fn checked(self, index: usize) -> Result<MachineEntry> {
        let at = |key: &str| format!("machines[{index}].{key}");
        MachineDir::named(&self.name).with_context(|| at("name"))?;
        let value = |key: &str, text: Option<&str>, default: &str, parse: fn(&str) -> Result<u64, String>| {
            let text = text.unwrap_or(default);
            parse(text).map_err(|e| anyhow::anyhow!("{}: {e}, found {text:?}", at(key)))
        };
        let cpus = self.cpus.unwrap_or(2);
        if !(1..=64).contains(&cpus) {
            anyhow::bail!("{}: expected 1 to 64, found {cpus}", at("cpus"));
        }
        Ok(MachineEntry {
            memory: value("memory", self.memory.as_deref(), "2G", values::memory)?,
            disk: value("disk", self.disk.as_deref(), "8G", values::size)?,
            cpus,
            name: self.name,
            profile: self.profile,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_sound() {
        let file = ClusterFile::parse(include_str!("../../../../../../../demo/cluster.yaml")).unwrap();
        let names: Vec<&str> = file.machines.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["controller", "worker-1", "worker-2"]);
        assert_eq!(file.address(2), Ipv4Addr::new(10, 1, 0, 13));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let one = |more: &str| format!("machines: [{{ name: a, profile: single{more} }}]");
        let file = ClusterFile::parse(&one("")).unwrap();
        assert_eq!(
            (file.machines[0].memory, file.machines[0].cpus, file.machines[0].disk),
            (2 << 30, 2, 8 << 30)
        );
        let full = (0..17).map(|i| format!("{{ name: m{i}, profile: p }}")).collect::<Vec<_>>().join(", ");
        for (text, expected) in [
            ("machines: []".to_owned(), "expected 1 to 16, found 0"),
            (format!("machines: [{full}]"), "expected 1 to 16, found 17"),
            (one(", memory: 1M"), "machines[0].memory: expected 1G to 1T, found \"1M\""),
            (one(", cpus: 0"), "machines[0].cpus: expected 1 to 64, found 0"),
            (one(", speed: 1"), "speed"),
            (one("").replace("name: a", "name: A/B"), "machines[0].name"),
            (one("").replace('[', "[{ name: a, profile: x }, "), "two are named \"a\""),
            (format!("segment: 10.1.0.5/24\n{}", one("")), "segment: expected a range"),
            (format!("segment: 10.1.0.0/29\n{}", one("")), "no room for 1 machines"),
        ] {
            let error = format!("{:#}", ClusterFile::parse(&text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
