//! `ironhull node`: shows and controls one node.

use anyhow::Result;
use api::{
    Boot, BootOnceRequest, Client, ClientError, Condition, ConfigFacts, LogQuery, Logs, PartitionName,
    Service, Stage, Status,
};
use serde_json::json;

use crate::access;
use crate::cmdline::{Global, LogsOf, Node, NodeCommand};
use crate::commands::{maintenance, partition, state, store, time, upgrade};
use crate::hint::Usage;
use crate::output::{self, bytes, table};

/// Runs the command.
pub fn run(global: &Global, options: &Node) -> Result<()> {
    if let Some(code) = options.code {
        return maintenance::run(global, options, code);
    }
    if matches!(
        &options.command,
        NodeCommand::Apply { .. } | NodeCommand::Links | NodeCommand::Disks | NodeCommand::Install(_)
    ) {
        return Err(without_code());
    }
    let client = access::reach(&options.access)?.client;
    let done = |what: &str| output::result(global.json, &json!({ "done": what }), |_| format!("{what}\n"));
    match &options.command {
        NodeCommand::Status => output::result(global.json, &client.status()?, status_text),
        NodeCommand::Services => {
            output::result(global.json, &client.services()?, |s| services_text(&s.services))
        }
        NodeCommand::Logs(options) => print_logs(global, options, |query| client.logs(query)),
        NodeCommand::Restart { service } => {
            client.restart(service)?;
            done(&format!("{service} is being restarted"))
        }
        NodeCommand::Signal { service, signal } => {
            client.signal(service, *signal)?;
            done(&format!("signal {signal} was sent to {service}"))
        }
        NodeCommand::Apply { .. } | NodeCommand::Links | NodeCommand::Disks | NodeCommand::Install(_) => {
            Err(without_code())
        }
        NodeCommand::Upgrade(options) => upgrade::run(global, &client, options),
        NodeCommand::Rollback { reboot } => {
            client.rollback()?;
            leave(&client, *reboot)?;
            done(&at_next_boot("the running generation is given up", *reboot))
        }
        NodeCommand::BootOnce { slot, reboot } => {
            client.boot_once(&BootOnceRequest { slot: slot.clone() })?;
            leave(&client, *reboot)?;
            let which = slot.as_ref().map_or("the other slot".to_owned(), |s| format!("slot {s}"));
            done(&at_next_boot(&format!("{which} is started once"), *reboot))
        }
        NodeCommand::Cancel => done(cancel(&client)?),
        NodeCommand::Time { order } => time::run(global, &client, *order),
        NodeCommand::State(options) => state::run(global, &client, options),
        NodeCommand::Data { command } => {
            partition::run(global, (&client.partitions(), PartitionName::Data), *command, || client.reboot())
        }
        NodeCommand::Etcd { command } => store::run(global, &client, command),
        NodeCommand::Scrub => {
            client.scrub()?;
            done("the slots are being read: SlotsSound in the node's status shows the result")
        }
        NodeCommand::Reboot => {
            client.reboot()?;
            done("the node is rebooting")
        }
        NodeCommand::Shutdown => {
            client.shutdown()?;
            done("the node is powering off")
        }
    }
}

/// Returns the error that a command needs the pairing code.
fn without_code() -> anyhow::Error {
    let what = "this is for a node in maintenance: --code takes the pairing code that its console shows";
    Usage(what.to_owned()).into()
}

/// Cancels the running upgrade, or otherwise what would happen at the next boot; returns which.
fn cancel(client: &Client) -> Result<&'static str> {
    match client.cancel_upgrade() {
        Ok(_) => return Ok("the upgrade is cancelled"),
        Err(ClientError::Node { status: 404 | 409, .. }) => {}
        Err(other) => return Err(other.into()),
    }
    client.cancel()?;
    Ok("the change for the next boot is cancelled")
}

/// Reboots if requested.
fn leave(client: &Client, reboot: bool) -> Result<()> {
    if reboot {
        client.reboot()?;
    }
    Ok(())
}

/// Returns what will happen, and when.
fn at_next_boot(what: &str, reboot: bool) -> String {
    let when = if reboot { "the node is rebooting" } else { "at the next boot" };
    format!("{what}: {when}")
}

/// Prints log lines as they arrive; with --json, one object a line.
pub(super) fn print_logs(
    global: &Global,
    options: &LogsOf,
    ask: impl FnOnce(&LogQuery) -> Result<Logs, ClientError>,
) -> Result<()> {
    let LogsOf { service, lines, follow, failed } = options.clone();
    let query = LogQuery { service, lines, follow, generation: failed };
    for line in ask(&query)? {
        let line = line?;
        match global.json {
            true => output::print(&(serde_json::to_string(&line)? + "\n"))?,
            false => {
                output::print(&output::printable(&format!("{} {}\n", stamp(line.at_ms), line.text)))?;
            }
        }
    }
    Ok(())
}

/// Formats the source of a node's config.
fn config_source(config: &ConfigFacts) -> String {
    let source = config.source.as_deref().unwrap_or("none");
    match &config.found_at {
        Some(at) => format!("{source} ({at})"),
        None => source.to_owned(),
    }
}

/// Formats the state of a node.
fn status_text(status: &Status) -> String {
    let image = &status.image;
    let memory = &status.memory;
    let head = [
        vec!["node".to_owned(), status.node_name.clone()],
        vec![
            "image".to_owned(),
            format!("{} {} ({}, Kubernetes {})", image.name, image.version, image.role, image.kubernetes),
        ],
        vec!["addresses".to_owned(), status.addresses.join(", ")],
        vec!["config".to_owned(), config_source(&status.config)],
        vec!["up".to_owned(), stamp(status.uptime_ms).trim().to_owned() + " s"],
        vec![
            "memory".to_owned(),
            format!("{} of {} in use", bytes(memory.used_bytes), bytes(memory.total_bytes)),
        ],
    ];
    let mut text = table(&head);
    status.config.warnings.iter().for_each(|w| text.push_str(&format!("config warning: {w}\n")));
    status.config.errors.iter().for_each(|e| text.push_str(&format!("config error: {e}\n")));
    if let Some(upgrade) = &status.upgrade {
        text.push_str(&table(&[row(["upgrade", &upgrade::line(upgrade)])]));
    }
    for partition in &status.partitions {
        let damaged = format!("{}: {}", partition.name, partition.problem);
        text.push_str(&table(&[row(["damaged", &damaged])]));
    }
    if let Some(state) = &status.state {
        text.push_str(&table(&[row(["state", &state::line(state)])]));
    }
    if let Some(boot) = &status.boot {
        text.push('\n');
        text.push_str(&boot_text(boot));
    }
    text.push('\n');
    text.push_str(&table(&status.conditions.iter().map(condition_row).collect::<Vec<_>>()));
    text.push('\n');
    text.push_str(&table(&status.stages.iter().map(stage_row).collect::<Vec<_>>()));
    text
}

/// Formats the running generation, its trial, and the slots.
pub(super) fn boot_text(boot: &Boot) -> String {
    let mut head = vec![row(["runs", &format!("slot {}, generation {}", boot.slot, boot.generation)])];
    head.push(row(["started", &format!("boot {}, {}", boot.boots, boot.why)]));
    if let Some(next) = &boot.next {
        head.push(row(["next boot", &format!("slot {next}, once")]));
    }
    if let Some(trial) = &boot.trial {
        let left = format!("{} s left; waiting for: {}", trial.left_ms / 1000, trial.waits_for);
        head.push(row(["on trial", &left]));
    }
    let header = row(["SLOT", "GENERATION", "EPOCH", "STATE", "TRIES", "LAST FAILURE"]);
    let slots = boot.slots.iter().map(|s| {
        let state = s.flags.to_string();
        let numbers = [s.generation.to_string(), s.epoch.to_string(), s.tries_left.to_string()];
        row([&s.name, &numbers[0], &numbers[1], &state, &numbers[2], &s.last_failure])
    });
    table(&head) + "\n" + &table(&std::iter::once(header).chain(slots).collect::<Vec<_>>())
}

/// Returns a table row.
pub(super) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

fn condition_row(condition: &Condition) -> Vec<String> {
    let why = if condition.message.is_empty() { &condition.reason } else { &condition.message };
    vec![condition.kind.clone(), format!("{:?}", condition.status), why.clone()]
}

pub(super) fn stage_row(stage: &Stage) -> Vec<String> {
    vec![stage.name.clone(), stamp(stage.at_ms) + " s"]
}

/// Formats the list of services.
fn services_text(services: &[Service]) -> String {
    let header =
        ["SERVICE", "STATE", "PID", "RESTARTS", "MEMORY", "CPU", "LAST EXIT"].map(str::to_owned).to_vec();
    let row = |s: &Service| {
        vec![
            s.name.clone(),
            format!("{:?}", s.state).to_lowercase(),
            s.pid.map(|p| p.to_string()).unwrap_or_default(),
            s.restarts.to_string(),
            s.memory_bytes.map(bytes).unwrap_or_default(),
            s.cpu_ms.map(|ms| stamp(ms).trim_start().to_owned() + " s").unwrap_or_default(),
            s.last_exit.clone().unwrap_or_default(),
        ]
    };
    table(&std::iter::once(header).chain(services.iter().map(row)).collect::<Vec<_>>())
}

/// Formats milliseconds as seconds, right-aligned.
pub(super) fn stamp(ms: u64) -> String {
    format!("{:5}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ServiceState;
    use slots::Flags;

    #[test]
    fn services_have_their_columns() {
        let kubelet = Service {
            name: "kubelet".into(),
            state: ServiceState::Ready,
            pid: Some(312),
            restarts: 1,
            last_exit: Some("signal 9".into()),
            since_ms: 1,
            memory_bytes: Some(3 << 20),
            cpu_ms: Some(1250),
        };
        let expected = "\
SERVICE  STATE  PID  RESTARTS  MEMORY   CPU      LAST EXIT
kubelet  ready  312  1         3.0 MiB  1.250 s  signal 9
";
        assert_eq!(services_text(&[kubelet]), expected);
    }

    #[test]
    fn slots_and_trial_are_shown() {
        let slot = |name: &str, generation, flags, tries_left| api::Slot {
            name: name.into(),
            generation,
            epoch: 0,
            flags,
            tries_left,
            last_failure: "none".into(),
        };
        let boot = Boot {
            slot: "a".into(),
            generation: 1,
            why: "has-tries".into(),
            next: Some("b".into()),
            boots: 4,
            slots: vec![
                slot("a", 1, Flags::PRESENT.with(Flags::TRIAL), 2),
                slot("b", 0, Flags::default(), 0),
            ],
            trial: Some(api::Trial {
                left_ms: 61_500,
                healthy_since_ms: None,
                waits_for: "NodeReady: Waiting".into(),
            }),
        };
        let expected = "\
runs       slot a, generation 1
started    boot 4, has-tries
next boot  slot b, once
on trial   61 s left; waiting for: NodeReady: Waiting

SLOT  GENERATION  EPOCH  STATE          TRIES  LAST FAILURE
a     1           0      present,trial  2      none
b     0           0      empty          0      none
";
        assert_eq!(boot_text(&boot), expected);
    }

    #[test]
    fn a_status_without_anything_has_its_head() {
        assert!(status_text(&Status::default()).starts_with("node\nimage"));
    }
}
