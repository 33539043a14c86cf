//! Memory of a node with one pod, as the node tells it once its programs collect their garbage.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::row::{Goal, Row, Value};
use super::shared::Shared;

/// What the whole node may have in use.
const GOAL_NODE: Value = Value::Bytes(320_000_000);
/// What PID 1 may hold.
const GOAL_INIT: Value = Value::Bytes(4_000_000);

/// From then on the Kubernetes programs, whose first minute is a lax one, and Go's own return of memory are done.
const SETTLED_MS: u64 = 180_000;

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let node = &shared.booted()?.node;
    let mut status = node.ask(&["status"]);
    while status["uptimeMs"].as_u64().is_some_and(|up| up < SETTLED_MS) {
        thread::sleep(Duration::from_secs(1));
        status = node.ask(&["status"]);
    }
    let bytes = |key: &str| status["memory"][key].as_u64().unwrap_or(0);
    let (used, init) = (bytes("usedBytes"), bytes("initBytes"));
    ensure!(used > 0 && init > 0, "the node does not tell its memory: {}", status["memory"]);
    let up = Value::millis(status["uptimeMs"].as_u64().unwrap_or(0));
    Ok(vec![
        Row::new("resident memory of PID 1", Value::Bytes(init), Goal::AtMost(GOAL_INIT)),
        Row::new(format!("memory in use with one pod, up {up}"), Value::Bytes(used), Goal::AtMost(GOAL_NODE)),
    ])
}
