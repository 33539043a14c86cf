//! The node's conditions: what is true of it right now, and since when.

use std::collections::BTreeMap;

use api::{Condition, ConditionStatus};

/// What is claimed, by its name in the status.
pub const CONFIG_ACCEPTED: &str = "ConfigAccepted";
/// Every link has what the config asks for.
pub const NETWORK_READY: &str = "NetworkReady";
/// The clock was compared with a time server.
pub const TIME_SYNCED: &str = "TimeSynced";
/// All services run and are ready.
pub const SERVICES_READY: &str = "ServicesReady";
/// All manifests were applied.
pub const MANIFESTS_APPLIED: &str = "ManifestsApplied";
/// Kubernetes says that the node is ready.
pub const NODE_READY: &str = "NodeReady";
/// The state is the one that the last generation left. Not part of a node without a change of generations.
pub const STATE_KEPT: &str = "StateKept";
/// The last upgrade was kept. Absent on a node that has had none.
pub const UPGRADE_HELD: &str = "UpgradeHeld";
/// All pods of the manifests run and are ready.
pub const PODS_READY: &str = "PodsReady";
/// Every slot that holds a generation was read whole, and nothing in it is damaged.
pub const SLOTS_SOUND: &str = "SlotsSound";

/// A claim about the node, before it has a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in one line.
    pub message: String,
}

impl Claim {
    /// It holds.
    pub fn yes(reason: &'static str) -> Claim {
        Claim { status: ConditionStatus::True, reason, message: String::new() }
    }

    /// It does not.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Claim {
        Claim { status: ConditionStatus::False, reason, message: message.into() }
    }

    /// Nobody can tell.
    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Claim {
        Claim { status: ConditionStatus::Unknown, reason, message: message.into() }
    }
}

/// All conditions.
#[derive(Debug, Default)]
pub struct Conditions(BTreeMap<&'static str, Condition>);

impl Conditions {
    /// Records a claim at `now_ms`; tells whether it differs from what was recorded before. The time
    /// changes only with the status.
    pub fn set(&mut self, kind: &'static str, claim: Claim, now_ms: u64) -> bool {
        let before = self.0.get(kind);
        let since_ms = match before {
            Some(b) if b.status == claim.status => b.since_ms,
            _ => now_ms,
        };
        let Claim { status, reason, message } = claim;
        let after = Condition { kind: kind.into(), status, reason: reason.into(), message, since_ms };
        let changed = before != Some(&after);
        self.0.insert(kind, after);
        changed
    }

    /// All conditions, by name.
    pub fn list(&self) -> Vec<Condition> {
        self.0.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_changes_only_with_the_status() {
        let mut all = Conditions::default();
        assert!(all.set(NODE_READY, Claim::no("Starting", "a"), 5));
        assert!(!all.set(NODE_READY, Claim::no("Starting", "a"), 6));
        assert!(all.set(NODE_READY, Claim::no("Starting", "b"), 7));
        assert_eq!(all.list()[0].since_ms, 5);
        assert!(all.set(NODE_READY, Claim::yes("Ready"), 8));
        assert_eq!(all.list()[0].since_ms, 8);
    }
}
