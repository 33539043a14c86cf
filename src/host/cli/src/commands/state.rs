//! `ironhull node ADDRESS state`: the data that outlives a generation, and orders about its snapshots.
//!
//! An order is checked by the node and shown; only `--yes` carries it out.

use std::collections::BTreeMap;

use anyhow::Result;
use api::{Client, PartitionName, Snapshot, State, StateOrdered, StateRequest};

use super::partition;
use crate::cmdline::{Global, StateCommand, StateOf};
use crate::output::{self, bytes, table};

/// Runs the command.
pub fn run(global: &Global, client: &Client, options: &StateOf) -> Result<()> {
    match &options.command {
        None => match client.status()?.state {
            Some(state) => output::result(global.json, &state, state_text),
            None => {
                output::result(global.json, &State::default(), |_| "the state is being prepared\n".to_owned())
            }
        },
        Some(StateCommand::Restore { snapshot, yes, reboot }) => {
            let ordered = client.restore_state(&request(Some(snapshot), *yes))?;
            let leaves = *reboot && ordered.at_next_boot;
            if leaves {
                client.reboot()?;
            }
            output::result(global.json, &ordered, |o| ordered_text(o, *yes, leaves))
        }
        Some(StateCommand::Remove { snapshot, yes }) => {
            let ordered = client.remove_snapshot(&request(Some(snapshot), *yes))?;
            output::result(global.json, &ordered, |o| ordered_text(o, *yes, false))
        }
        Some(StateCommand::Cancel) => {
            let ordered = client.restore_state(&request(None, true))?;
            output::result(global.json, &ordered, |o| format!("{}\n", o.what))
        }
        // The node refuses it, since it uses the partition.
        Some(StateCommand::Partition(command)) => {
            let calls = client.partitions();
            partition::run(global, (&calls, PartitionName::State), Some(*command), || client.reboot())
        }
    }
}

/// Returns a short text on the state, for the status of the node.
pub fn line(state: &State) -> String {
    let aside: Vec<&Snapshot> = state.snapshots.iter().filter(|s| s.kind == "put-aside").collect();
    let mut line = match &state.problem {
        Some(problem) => return format!("{problem}; `state` shows what can be done"),
        None => format!("of generation {}, {} snapshots", state.generation, state.snapshots.len()),
    };
    if !aside.is_empty() {
        line += &format!(", {} put aside", bytes(aside.iter().map(|s| s.bytes).sum()));
    }
    if let Some(id) = &state.restore {
        line += &format!("; {id} is restored at the next boot");
    }
    line
}

fn request(snapshot: Option<&String>, yes: bool) -> StateRequest {
    StateRequest { snapshot: snapshot.cloned(), dry_run: !yes }
}

/// Says what happens, or would.
fn ordered_text(ordered: &StateOrdered, yes: bool, leaves: bool) -> String {
    let StateOrdered { what, at_next_boot } = ordered;
    let when = match (at_next_boot, leaves) {
        (true, false) => " at the next boot",
        (true, true) => ": the node is rebooting",
        (false, _) => "",
    };
    if yes { format!("{what}{when}\n") } else { format!("would do: {what}{when}\nadd --yes to do it\n") }
}

/// Lays out the state, its snapshots and what can be done.
fn state_text(state: &State) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let worth = |blessed| if blessed { "blessed" } else { "on trial" };
    let mut head = vec![
        row("written by", format!("generation {}, {}", state.generation, worth(state.blessed))),
        row("versions", versions(&state.versions)),
        row("read by", list(&state.readers)),
        row("free", bytes(state.free_bytes)),
    ];
    head.extend(state.restore.iter().map(|id| row("next boot", format!("{id} is restored"))));
    head.extend(state.problem.iter().map(|problem| row("problem", problem.clone())));
    let mut text = table(&head);
    for remedy in &state.remedies {
        text += &format!("hint: ironhull node ADDRESS {remedy}\n");
    }
    if !state.snapshots.is_empty() {
        let header = ["SNAPSHOT", "KIND", "GENERATION", "WRITTEN", "READABLE", "SIZE", "VERSIONS"];
        let rows = state.snapshots.iter().map(|s| match s.kind.as_str() {
            "damaged" => vec![s.id.clone(), s.kind.clone()],
            _ => vec![
                s.id.clone(),
                s.kind.clone(),
                s.generation.to_string(),
                worth(s.blessed).to_owned(),
                if s.readable { "yes" } else { "no" }.to_owned(),
                bytes(s.bytes),
                versions(&s.versions),
            ],
        });
        text += "\n";
        text += &table(&std::iter::once(header.map(str::to_owned).to_vec()).chain(rows).collect::<Vec<_>>());
    }
    text
}

fn versions(of: &BTreeMap<String, u32>) -> String {
    of.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
}

fn list(generations: &[u32]) -> String {
    let all: Vec<String> = generations.iter().map(|g| format!("generation {g}")).collect();
    if all.is_empty() { "none that is known".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> State {
        let versions = BTreeMap::from([("etcd".to_owned(), 308)]);
        let snapshot = |id: &str, kind: &str, generation, readable| Snapshot {
            id: id.to_owned(),
            kind: kind.to_owned(),
            generation,
            versions: versions.clone(),
            blessed: true,
            readable,
            bytes: 3 << 20,
        };
        State {
            generation: 2,
            versions: versions.clone(),
            blessed: true,
            problem: Some("etcd can't be read".to_owned()),
            readers: vec![2],
            remedies: vec!["boot-once b --reboot: runs generation 2".to_owned()],
            restore: None,
            snapshots: vec![
                snapshot("g1-1", "copy", 1, true),
                snapshot("g2-2", "put-aside", 2, false),
                Snapshot { id: "x".to_owned(), kind: "damaged".to_owned(), ..Snapshot::default() },
            ],
            free_bytes: 5 << 20,
        }
    }

    #[test]
    fn a_state_that_cannot_be_read_shows_what_can_be_done() {
        let expected = "\
written by  generation 2, blessed
versions    etcd 308
read by     generation 2
free        5.0 MiB
problem     etcd can't be read
hint: ironhull node ADDRESS boot-once b --reboot: runs generation 2

SNAPSHOT  KIND       GENERATION  WRITTEN  READABLE  SIZE     VERSIONS
g1-1      copy       1           blessed  yes       3.0 MiB  etcd 308
g2-2      put-aside  2           blessed  no        3.0 MiB  etcd 308
x         damaged
";
        assert_eq!(state_text(&sample()), expected);
        assert_eq!(line(&sample()), "etcd can't be read; `state` shows what can be done");
        let well = State { problem: None, restore: Some("g1-1".to_owned()), ..sample() };
        let expected = "of generation 2, 3 snapshots, 3.0 MiB put aside; g1-1 is restored at the next boot";
        assert_eq!(line(&well), expected);
    }

    #[test]
    fn an_order_is_only_shown_unless_it_is_confirmed() {
        let ordered = StateOrdered { what: "snapshot a is restored".to_owned(), at_next_boot: true };
        let shown = "would do: snapshot a is restored at the next boot\nadd --yes to do it\n";
        assert_eq!(ordered_text(&ordered, false, false), shown);
        assert_eq!(ordered_text(&ordered, true, true), "snapshot a is restored: the node is rebooting\n");
        let now = StateOrdered { at_next_boot: false, ..ordered };
        assert_eq!(ordered_text(&now, true, false), "snapshot a is restored\n");
    }
}
