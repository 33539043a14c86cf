//! `ironhull cache`: lists and prunes the cache.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use inputs::store::{Entry, Mode, Store};
use serde_json::{Value, json};

use crate::cmdline::{Cache, CacheCommand, Global};
use crate::output::{self, bytes, table};
use crate::workspace::open_store;

/// Runs the command.
pub fn run(global: &Global, options: &Cache) -> Result<()> {
    let store = open_store(Mode::Offline)?;
    match &options.command {
        CacheCommand::List => list(global, &store),
        CacheCommand::Prune { unused } => prune(global, &store, *unused),
    }
}

fn list(global: &Global, store: &Store) -> Result<()> {
    let entries = store.list()?;
    let now = SystemTime::now();
    let json: Vec<Value> = entries.iter().map(|e| entry_json(e, now)).collect();
    output::result(global.json, &json, |_| {
        let row = |e: &Entry| vec![e.name.clone(), bytes(e.bytes), ago(unused_for(e, now))];
        let total = entries.iter().map(|e| e.bytes).sum();
        format!(
            "{}{} in {}\n",
            table(&entries.iter().map(row).collect::<Vec<_>>()),
            bytes(total),
            store.root().display()
        )
    })
}

fn prune(global: &Global, store: &Store, unused: Duration) -> Result<()> {
    let now = SystemTime::now();
    let pruned = store.prune(|e| unused_for(e, now) < unused)?;
    let json = json!({ "entries": pruned.entries, "bytes": pruned.bytes });
    output::result(global.json, &json, |_| {
        format!("removed {} entries, {}\n", pruned.entries, bytes(pruned.bytes))
    })
}

/// Returns one entry as JSON.
fn entry_json(entry: &Entry, now: SystemTime) -> Value {
    json!({
        "name": entry.name,
        "key": entry.key.to_string(),
        "bytes": entry.bytes,
        "unusedSecs": unused_for(entry, now).as_secs(),
    })
}

/// Returns how long an entry has been unused; zero if the clock was set back.
fn unused_for(entry: &Entry, now: SystemTime) -> Duration {
    now.duration_since(entry.last_used).unwrap_or_default()
}

/// Formats a duration, as `3 days ago`.
fn ago(time: Duration) -> String {
    match time.as_secs() {
        s if s < 120 => "just now".to_owned(),
        s if s < 7200 => format!("{} minutes ago", s / 60),
        s if s < 172_800 => format!("{} hours ago", s / 3600),
        s => format!("{} days ago", s / 86_400),
    }
}
