//! Whether a node may accept a bundle: decided before the first byte is written. Pure.
//!
//! The version skew policy of Kubernetes is not checked here.

use std::collections::BTreeMap;

use slots::UKI_OFFSET;

use crate::kind::Kind;
use crate::manifest::Manifest;

/// The facts about a node that a bundle is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The role of the node: `single`, `controller` or `worker`.
    pub role: &'a str,
    /// Its architecture by its Debian name.
    pub architecture: &'a str,
    /// The highest epoch that it runs or has blessed.
    pub epoch: u32,
    /// Length of the smaller kernel partition.
    pub kernel_bytes: u64,
    /// Length of the smaller root partition.
    pub root_bytes: u64,
    /// Version of each state on its disk, by name.
    pub state: &'a BTreeMap<String, u32>,
    /// The current time in seconds since 1970.
    pub now_secs: u64,
}

/// Why a node must not accept a bundle. [`Refusal::hint`] is the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is for nodes with another role.
    #[error("the bundle is for the role {found}, expected {expected}")]
    Role {
        /// The node's.
        expected: String,
        /// The bundle's.
        found: String,
    },
    /// It is for another architecture.
    #[error("the bundle is for the architecture {found}, expected {expected}")]
    Architecture {
        /// The node's.
        expected: String,
        /// The bundle's.
        found: String,
    },
    /// It would bring back a flaw that has been fixed.
    #[error("the bundle has the security epoch {found}, expected {floor} or higher")]
    EpochOlder {
        /// The node's.
        floor: u32,
        /// The bundle's.
        found: u32,
    },
    /// It must no longer be installed.
    #[error("the bundle expired at {expires}, it is now {now} (seconds since 1970)")]
    Expired {
        /// When it expired.
        expires: u64,
        /// The node's time.
        now: u64,
    },
    /// A part does not fit into its partition.
    #[error("the {part} is {bytes} bytes, expected at most {room}, the size of the node's partition")]
    TooLarge {
        /// The part.
        part: Kind,
        /// Its length.
        bytes: u64,
        /// Length of the partition in bytes.
        room: u64,
    },
    /// It can't read the state on the disk.
    #[error("state {name} on the node has version {found}, the bundle reads {reads} to {writes}")]
    State {
        /// Name of the state.
        name: String,
        /// The node's version.
        found: u32,
        /// The oldest that the bundle reads.
        reads: u32,
        /// The version that it writes, the newest that it reads.
        writes: u32,
    },
    /// It does not know a kind of state that is on the disk.
    #[error("the node has state {name} of version {found}, the bundle knows none")]
    StateUnknown {
        /// Name of the state.
        name: String,
        /// The node's version.
        found: u32,
    },
}

impl Refusal {
    /// Returns the remedy.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Refusal::Role { expected, .. } => format!("use the bundle of a profile with `role: {expected}`"),
            Refusal::Architecture { expected, .. } => {
                format!("use the bundle of a profile with `architecture: {expected}`")
            }
            Refusal::EpochOlder { .. } => "use a newer release: an older epoch is never installed".to_owned(),
            Refusal::Expired { .. } => {
                "use a newer release; if the node's clock is wrong, see its time servers".to_owned()
            }
            Refusal::TooLarge { .. } => {
                "reinstall the node from an image with larger slots: partitions never change".to_owned()
            }
            Refusal::State { found, reads, .. } if found < reads => {
                "upgrade to a release in between first".to_owned()
            }
            Refusal::State { .. } | Refusal::StateUnknown { .. } => {
                "use a newer release, or go back by a backup of the older state".to_owned()
            }
        }
    }
}

/// Checks whether `node` may accept the bundle of `manifest`.
///
/// # Errors
/// The first [`Refusal`] that applies, in the order of the variants.
pub fn check(manifest: &Manifest, node: &Node<'_>) -> Result<(), Refusal> {
    let differ = |a: &str, b: &str| (a != b).then(|| (a.to_owned(), b.to_owned()));
    if let Some((expected, found)) = differ(node.role, &manifest.role) {
        return Err(Refusal::Role { expected, found });
    }
    if let Some((expected, found)) = differ(node.architecture, &manifest.architecture) {
        return Err(Refusal::Architecture { expected, found });
    }
    if manifest.epoch < node.epoch {
        return Err(Refusal::EpochOlder { floor: node.epoch, found: manifest.epoch });
    }
    if let Some(expires) = manifest.expires.filter(|e| *e < node.now_secs) {
        return Err(Refusal::Expired { expires, now: node.now_secs });
    }
    fits(manifest, Kind::Uki, node.kernel_bytes.saturating_sub(UKI_OFFSET))?;
    fits(manifest, Kind::Root, node.root_bytes)?;
    node.state.iter().try_for_each(|(name, found)| reads(manifest, name, *found))
}

/// Checks the length of a part.
fn fits(manifest: &Manifest, part: Kind, room: u64) -> Result<(), Refusal> {
    let bytes = manifest.parts.get(part).bytes;
    if bytes <= room { Ok(()) } else { Err(Refusal::TooLarge { part, bytes, room }) }
}

/// Checks the version of one state.
fn reads(manifest: &Manifest, name: &str, found: u32) -> Result<(), Refusal> {
    let name = name.to_owned();
    match manifest.state.get(&name) {
        None => Err(Refusal::StateUnknown { name, found }),
        Some(v) if v.can_read(found) => Ok(()),
        Some(v) => Err(Refusal::State { name, found, reads: v.reads, writes: v.writes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::sample;

    /// Checks the sample, which expires at 100, against a node changed by `change`.
    fn refusal(change: impl FnOnce(&mut Node<'_>), state: &[(&str, u32)]) -> Option<Refusal> {
        let state = state.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
        let mut node = Node {
            role: "single",
            architecture: "amd64",
            epoch: 3,
            kernel_bytes: 4096 + 1000,
            root_bytes: 1000,
            state: &state,
            now_secs: 100,
        };
        change(&mut node);
        let manifest = Manifest { expires: Some(100), ..sample() };
        check(&manifest, &node).err()
    }

    #[test]
    fn what_fits_exactly_is_taken() {
        assert_eq!(refusal(|_| (), &[]), None);
        assert_eq!(refusal(|_| (), &[("ironhull", 1)]), None);
        assert_eq!(refusal(|n| n.epoch = 2, &[("ironhull", 2)]), None);
    }

    #[test]
    fn each_mismatch_has_its_name() {
        let text = str::to_owned;
        let (expected, found) = (text("worker"), text("single"));
        assert_eq!(refusal(|n| n.role = "worker", &[]), Some(Refusal::Role { expected, found }));
        let (expected, found) = (text("arm64"), text("amd64"));
        assert_eq!(
            refusal(|n| n.architecture = "arm64", &[]),
            Some(Refusal::Architecture { expected, found })
        );
        assert_eq!(refusal(|n| n.epoch = 4, &[]), Some(Refusal::EpochOlder { floor: 4, found: 3 }));
        assert_eq!(refusal(|n| n.now_secs = 101, &[]), Some(Refusal::Expired { expires: 100, now: 101 }));
        let large = |part, room| Some(Refusal::TooLarge { part, bytes: 1000, room });
        assert_eq!(refusal(|n| n.kernel_bytes = 4096 + 999, &[]), large(Kind::Uki, 999));
        assert_eq!(refusal(|n| n.kernel_bytes = 5, &[]), large(Kind::Uki, 0));
        assert_eq!(refusal(|n| n.root_bytes = 999, &[]), large(Kind::Root, 999));
        for found in [0, 3] {
            let name = text("ironhull");
            let expected = Refusal::State { name, found, reads: 1, writes: 2 };
            assert_eq!(refusal(|_| (), &[("ironhull", found)]), Some(expected));
        }
        let unknown = Refusal::StateUnknown { name: text("etcd"), found: 7 };
        assert_eq!(refusal(|_| (), &[("etcd", 7)]), Some(unknown.clone()));
        assert!(!unknown.hint().is_empty());
    }
}
