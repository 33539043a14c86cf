//! `ironhull lock update`: updates the pinned Debian packages.

use anyhow::Result;
use inputs::debian::{Age, Change, Update};
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
        security_mirror: options.security_mirror.clone(),
        progress: std::sync::Arc::new(crate::progress::Shown::default()),
        ..inputs::Options::default()
    };
    if let Some(keyring) = &options.keyring {
        wanted.keyring.clone_from(keyring);
    }
    let workspace = workspace::open_with(&source, inputs::store::Mode::Online, wanted)?;
    let update = workspace.update_lock(if options.allow_old { Age::Any } else { Age::Current })?;
    output::result(global.json, &json(&update), |_| text(&update))
}

/// Returns the changes as JSON.
fn json(update: &Update) -> Value {
    let release = &update.lock.release;
    json!({
        "release": release.version,
        "codename": release.codename,
        "date": release.date.to_string(),
        "securityDate": release.security_date.as_ref().map(ToString::to_string),
        "packages": update.lock.packages.len(),
        "changes": update.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

/// Returns one change as JSON; `cves` is absent if they are not known.
fn change(change: &Change) -> Value {
    let Change { package, before, after, fixes } = change;
    let mut value = json!({ "package": package, "before": before, "after": after });
    match fixes {
        Ok(cves) => value["cves"] = cves.iter().map(ToString::to_string).collect(),
        Err(reason) => value["cvesUnknown"] = reason.as_str().into(),
    }
    value
}

/// Formats the changes.
fn text(update: &Update) -> String {
    let release = &update.lock.release;
    let or_none = |version: &String| if version.is_empty() { "-".to_owned() } else { version.clone() };
    let row = |c: &Change| vec![c.package.clone(), or_none(&c.before), "->".to_owned(), or_none(&c.after)];
    let rows: Vec<Vec<String>> = update.changes.iter().map(row).collect();
    format!(
        "{}{}Debian {} ({}), security of {}: {} packages pinned, {} changed\n",
        table(&rows),
        fixes(&update.changes),
        release.version,
        release.codename,
        release.security_date.as_ref().map_or_else(|| "no date".to_owned(), ToString::to_string),
        update.lock.packages.len(),
        update.changes.len()
    )
}

/// Formats the fixed CVEs; packages that fix the same ones are listed together.
fn fixes(changes: &[Change]) -> String {
    let mut sets: Vec<(String, Vec<&str>)> = Vec::new();
    for change in changes {
        let text = match &change.fixes {
            Ok(cves) if cves.is_empty() => continue,
            Ok(cves) => lines(&cves.iter().map(ToString::to_string).collect::<Vec<_>>()),
            Err(reason) => format!("  not known: {reason}\n"),
        };
        match sets.iter_mut().find(|(t, _)| *t == text) {
            Some((_, packages)) => packages.push(&change.package),
            None => sets.push((text, vec![&change.package])),
        }
    }
    let told = |(text, packages): &(String, Vec<&str>)| format!("fixed in {}:\n{text}", packages.join(", "));
    sets.iter().map(told).collect()
}

/// Formats CVE numbers, five a line, since a kernel fixes hundreds.
fn lines(numbers: &[String]) -> String {
    numbers.chunks(5).map(|line| format!("  {}\n", line.join(" "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_told_once_for_all_packages_of_a_source() {
        let change = |package: &str, reason: Result<(), &str>| Change {
            package: package.into(),
            before: "1".into(),
            after: "2".into(),
            fixes: reason.map(|()| std::collections::BTreeSet::new()).map_err(str::to_owned),
        };
        let changes = [change("a", Err("gone")), change("b", Ok(())), change("c", Err("gone"))];
        assert_eq!(fixes(&changes), "fixed in a, c:\n  not known: gone\n");
        let numbers: Vec<String> = (1..=6).map(|n| format!("CVE-2026-000{n}")).collect();
        let expected =
            "  CVE-2026-0001 CVE-2026-0002 CVE-2026-0003 CVE-2026-0004 CVE-2026-0005\n  CVE-2026-0006\n";
        assert_eq!(lines(&numbers), expected);
        assert_eq!(super::change(&changes[1])["cves"], json!([]));
        assert_eq!(super::change(&changes[0])["cvesUnknown"], "gone");
    }
}
