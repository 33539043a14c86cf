//! `ironhull node`: one node, asked and told.

use anyhow::Result;
use api::{Client, Condition, LogQuery, Service, Stage, Status};
use serde_json::json;

use crate::access;
use crate::cmdline::{Global, LogsOf, Node, NodeCommand};
use crate::output::{self, bytes, table};

/// Runs the command.
pub fn run(global: &Global, options: &Node) -> Result<()> {
    let client = access::reach(&options.access)?.client;
    let done = |what: &str| output::result(global.json, &json!({ "done": what }), |_| format!("{what}\n"));
    match &options.command {
        NodeCommand::Status => output::result(global.json, &client.status()?, status_text),
        NodeCommand::Services => {
            output::result(global.json, &client.services()?, |s| services_text(&s.services))
        }
        NodeCommand::Logs(options) => logs(global, &client, options),
        NodeCommand::Restart { service } => {
            client.restart(service)?;
            done(&format!("{service} is being restarted"))
        }
        NodeCommand::Signal { service, signal } => {
            client.signal(service, *signal)?;
            done(&format!("signal {signal} was sent to {service}"))
        }
        NodeCommand::Reboot => {
            client.reboot()?;
            done("the node is going down to start again")
        }
        NodeCommand::Shutdown => {
            client.shutdown()?;
            done("the node is going down")
        }
    }
}

/// Prints log lines as they come; with JSON, one object a line.
fn logs(global: &Global, client: &Client, options: &LogsOf) -> Result<()> {
    let query = LogQuery { service: options.service.clone(), lines: options.lines, follow: options.follow };
    for line in client.logs(&query)? {
        let line = line?;
        match global.json {
            true => output::print(&(serde_json::to_string(&line)? + "\n"))?,
            false => output::print(&format!("{} {}\n", stamp(line.at_ms), line.text))?,
        }
    }
    Ok(())
}

/// Lays out the state of a node.
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
        vec!["config".to_owned(), status.config.source.clone().unwrap_or_else(|| "none".to_owned())],
        vec!["up".to_owned(), stamp(status.uptime_ms).trim().to_owned() + " s"],
        vec![
            "memory".to_owned(),
            format!("{} of {} in use", bytes(memory.used_bytes), bytes(memory.total_bytes)),
        ],
    ];
    let mut text = table(&head);
    status.config.errors.iter().for_each(|e| text.push_str(&format!("config error: {e}\n")));
    text.push('\n');
    text.push_str(&table(&status.conditions.iter().map(condition_row).collect::<Vec<_>>()));
    text.push('\n');
    text.push_str(&table(&status.stages.iter().map(stage_row).collect::<Vec<_>>()));
    text
}

fn condition_row(condition: &Condition) -> Vec<String> {
    let why = if condition.message.is_empty() { &condition.reason } else { &condition.message };
    vec![condition.kind.clone(), format!("{:?}", condition.status), why.clone()]
}

fn stage_row(stage: &Stage) -> Vec<String> {
    vec![stage.name.clone(), stamp(stage.at_ms) + " s"]
}

/// Lays out services.
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

/// Returns milliseconds as seconds, right-aligned.
fn stamp(ms: u64) -> String {
    format!("{:5}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ServiceState;

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
    fn a_status_without_anything_has_its_head() {
        assert!(status_text(&Status::default()).starts_with("node\nimage"));
    }
}
