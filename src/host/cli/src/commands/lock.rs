//! `ironhull lock update`: the pinned Debian packages, refreshed.

use anyhow::Result;
use inputs::debian::Update;
use serde_json::{Value, json};

use crate::cmdline::{Global, Lock, LockCommand, LockUpdate};
use crate::output::{self, table};
use crate::{source_tree, workspace};

/// Runs the command.
pub fn run(global: &Global, options: &Lock) -> Result<()> {
    match &options.command {
        LockCommand::Update(options) => update(global, options),
    }
}

fn update(global: &Global, options: &LockUpdate) -> Result<()> {
    let source = source_tree::find(global)?;
    let mut wanted = inputs::Options {
        mirror: options.mirror.clone(),
        progress: std::sync::Arc::new(crate::progress::Shown::default()),
        ..inputs::Options::default()
    };
    if let Some(keyring) = &options.keyring {
        wanted.keyring.clone_from(keyring);
    }
    let workspace = workspace::open_with(&source, inputs::store::Mode::Online, wanted)?;
    let update = workspace.update_lock()?;
    output::result(global.json, &json(&update), |_| text(&update))
}

/// Returns what changed as JSON.
fn json(update: &Update) -> Value {
    let change = |(name, before, after): &(String, String, String)| json!({ "package": name, "before": before, "after": after });
    json!({
        "release": update.lock.release.version,
        "codename": update.lock.release.codename,
        "packages": update.lock.packages.len(),
        "changes": update.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

/// Lays out what changed.
fn text(update: &Update) -> String {
    let release = &update.lock.release;
    let or_none = |version: &String| if version.is_empty() { "-".to_owned() } else { version.clone() };
    let row = |(name, before, after): &(String, String, String)| {
        vec![name.clone(), or_none(before), "->".to_owned(), or_none(after)]
    };
    let rows: Vec<Vec<String>> = update.changes.iter().map(row).collect();
    format!(
        "{}Debian {} ({}): {} packages pinned, {} changed\n",
        table(&rows),
        release.version,
        release.codename,
        update.lock.packages.len(),
        update.changes.len()
    )
}
