//! How much room there is on the partitions, and in the store: told before it ends.
//!
//! A partition without room stops its services, and most remedies need a little of it. So the conditions turn false
//! while there is still enough for them. Only looks: what makes room is for others, and for the operator.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::condition::{Claim, DATA_ROOM, STATE_ROOM, STORE_ROOM};
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(60);
/// A partition should have a tenth free, or this many bytes if that is less.
const ENOUGH_BYTES: u64 = 4 << 30;
/// etcd's database below its data directory.
const DATABASE: &str = "/state/etcd/member/snap/db";

/// The room of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its size in bytes.
    pub total_bytes: u64,
    /// Bytes that are free.
    pub free_bytes: u64,
}

/// Asks for the room of the file system at `path`.
///
/// # Errors
/// If it can't be queried.
pub fn of(path: &Path) -> Result<Room> {
    let facts =
        rustix::fs::statvfs(path).with_context(|| format!("querying free space on {}", path.display()))?;
    Ok(Room {
        total_bytes: facts.f_blocks.saturating_mul(facts.f_frsize),
        free_bytes: facts.f_bavail.saturating_mul(facts.f_frsize),
    })
}

/// Looks every minute, for ever.
pub fn follow(node: &Arc<Node>) {
    let node = Arc::clone(node);
    spawn_or_tell("room", move || {
        loop {
            for (kind, path, remedy) in [
                (STATE_ROOM, "/state", "`ironhull node ADDRESS state remove` deletes snapshots"),
                (DATA_ROOM, "/var", "containers, images and logs are there"),
            ] {
                let claim = of(Path::new(path)).map(|room| partition(room, remedy));
                node.claim(kind, claim.unwrap_or_else(|e| Claim::unknown("NotRead", format!("{e:#}"))));
            }
            if let Some(quota) = quota(&node)
                && let Ok(facts) = fs::metadata(DATABASE)
            {
                node.claim(STORE_ROOM, store(facts.len(), quota));
            }
            thread::sleep(INTERVAL);
        }
    });
}

/// Returns the quota that etcd was started with.
fn quota(node: &Node) -> Option<u64> {
    let planned = node.planned();
    let store = planned.services.iter().find(|s| s.name == cluster::STORE)?;
    let value = |word: &String| {
        word.strip_prefix("--")?.strip_prefix(cluster::STORE_QUOTA)?.strip_prefix('=')?.parse().ok()
    };
    store.command.iter().find_map(value)
}

/// Returns the condition of a partition.
fn partition(room: Room, remedy: &str) -> Claim {
    let Room { total_bytes, free_bytes } = room;
    let message = format!("{} MiB of {} MiB are free", free_bytes >> 20, total_bytes >> 20);
    if free_bytes < (total_bytes / 10).min(ENOUGH_BYTES) {
        return Claim::no("Filling", format!("{message}: {remedy}"));
    }
    Claim { message: rounded(free_bytes, total_bytes), ..Claim::yes("Enough") }
}

/// Returns free room in steps of a tenth: a condition that changed every minute would fill the log.
fn rounded(free: u64, total: u64) -> String {
    format!("{} % free", free.saturating_mul(10).checked_div(total).unwrap_or(0) * 10)
}

/// Returns the condition of etcd's database.
fn store(bytes: u64, quota: u64) -> Claim {
    if bytes >= quota / 5 * 4 {
        let remedy = "`ironhull node ADDRESS etcd defrag` gives back what was deleted; with its quota used up etcd takes no \
                      change until `etcd disarm`";
        let message =
            format!("etcd's database has {} MiB of at most {} MiB: {remedy}", bytes >> 20, quota >> 20);
        return Claim::no("Filling", message);
    }
    Claim { message: format!("less than {} MiB", (quota / 5 * 4) >> 20), ..Claim::yes("Enough") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ConditionStatus::{False, True};

    #[test]
    fn the_end_is_told_before_it_comes() {
        const GIB: u64 = 1 << 30;
        for (total_bytes, free_bytes, status) in [
            (4 * GIB, GIB, True),
            (4 * GIB, 300 << 20, False),
            (4 * GIB, 0, False),
            (0, 0, True),
            (1000 * GIB, 5 * GIB, True),
            (1000 * GIB, 3 * GIB, False),
        ] {
            let claim = partition(Room { total_bytes, free_bytes }, "remedy");
            assert_eq!(claim.status, status, "{total_bytes} {free_bytes} {}", claim.message);
        }
        let full = partition(Room { total_bytes: 4 * GIB, free_bytes: 100 << 20 }, "remedy");
        assert_eq!(full.message, "100 MiB of 4096 MiB are free: remedy");
        assert_eq!(store(GIB, 2 * GIB).status, True);
        assert_eq!(store(2 * GIB - GIB / 4, 2 * GIB).status, False);
    }
}
