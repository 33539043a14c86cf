//! The node's conditions: what is true of it now, and since when.

use std::collections::BTreeMap;

use api::{Condition, ConditionStatus};

/// Types of conditions. A config has been accepted.
pub const CONFIG_ACCEPTED: &str = "ConfigAccepted";
/// Every link has the configured addresses and routes.
pub const NETWORK_READY: &str = "NetworkReady";
/// The clock was synchronized with a time server.
pub const TIME_SYNCED: &str = "TimeSynced";
/// All services are running and ready.
pub const SERVICES_READY: &str = "ServicesReady";
/// All manifests were applied.
pub const MANIFESTS_APPLIED: &str = "ManifestsApplied";
/// The node is a member of its cluster. Absent on one that has founded it.
pub const JOINED: &str = "Joined";
/// The Kubernetes node is ready.
pub const NODE_READY: &str = "NodeReady";
/// The state was kept when the generation changed. Absent if the generation never changed.
pub const STATE_KEPT: &str = "StateKept";
/// The state's ledger knows that the generation is about to be blessed. Absent unless that failed once.
pub const STATE_SEALED: &str = "StateSealed";
/// The last upgrade was kept. Absent on a node that was never upgraded.
pub const UPGRADE_HELD: &str = "UpgradeHeld";
/// All pods of the manifests are running and ready.
pub const PODS_READY: &str = "PodsReady";
/// Every slot with a generation was read completely, and no damage was found.
pub const SLOTS_SOUND: &str = "SlotsSound";

/// The data partition could be mounted. Absent if it could.
pub const DATA_USABLE: &str = "DataUsable";
/// The state partition has room.
pub const STATE_ROOM: &str = "StateHasRoom";
/// The data partition has room.
pub const DATA_ROOM: &str = "DataHasRoom";
/// The store's database is well below its quota. Absent for kine, which has none.
pub const STORE_ROOM: &str = "StoreHasRoom";
/// The node has made its own snapshot of the store lately. Absent until the first one is due.
pub const STORE_KEPT: &str = "StoreKept";

/// A condition without its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whether it is true.
    pub status: ConditionStatus,
    /// The reason, in one word.
    pub reason: &'static str,
    /// The reason, in one line.
    pub message: String,
}

impl Claim {
    /// Returns a condition that is true.
    pub fn yes(reason: &'static str) -> Claim {
        Claim { status: ConditionStatus::True, reason, message: String::new() }
    }

    /// Returns a condition that is false.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Claim {
        Claim { status: ConditionStatus::False, reason, message: message.into() }
    }

    /// Returns a condition that is not known.
    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Claim {
        Claim { status: ConditionStatus::Unknown, reason, message: message.into() }
    }
}

/// All conditions.
#[derive(Debug, Default)]
pub struct Conditions(BTreeMap<&'static str, Condition>);

impl Conditions {
    /// Records a condition at `now_ms`; returns whether it differs from the recorded one. The time changes
    /// only with the status.
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

    /// Returns all conditions, sorted by type.
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
