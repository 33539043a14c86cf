//! `ironhull node ADDRESS --code`: a node in maintenance, which waits for its config.
//!
//! The pairing code on its console stands for the operator's certificate, which such a node does not know yet.

use std::io::Read;

use anyhow::{Context, Result};
use api::{Disk, DiskList, Link, LinkList, Maintenance, MaintenanceClient, PairingCode, PartitionName};
use serde_json::json;

use super::config::load;
use super::install;
use super::node::{boot_text, print_logs, row, stage_row, stamp};
use super::partition;
use crate::access;
use crate::cmdline::{Code, Global, InstallTo, Node, NodeCommand, StateCommand, StateOf};
use crate::hint::{Usage, hinted};
use crate::output::{self, bytes, table};

/// The longest line with a code that is read.
const MAX_CODE_BYTES: u64 = 1024;

/// Runs the command.
pub fn run(global: &Global, options: &Node, code: Code) -> Result<()> {
    // All that can be wrong on this side is found before anything is sent.
    let config = match &options.command {
        NodeCommand::Status | NodeCommand::Links | NodeCommand::Disks | NodeCommand::Logs(_) => None,
        NodeCommand::Reboot | NodeCommand::Shutdown | NodeCommand::Data { .. } => None,
        NodeCommand::State(StateOf { command: None | Some(StateCommand::Partition(_)) }) => None,
        NodeCommand::Apply { file } if file.as_os_str() == "-" && code == Code::Stdin => {
            return Err(Usage("config and code can't both come from standard input".to_owned()).into());
        }
        NodeCommand::Install(InstallTo { config: Some(file), .. })
            if file.as_os_str() == "-" && code == Code::Stdin =>
        {
            return Err(Usage("config and code can't both come from standard input".to_owned()).into());
        }
        NodeCommand::Install(InstallTo { config: None, .. }) => None,
        NodeCommand::Apply { file } | NodeCommand::Install(InstallTo { config: Some(file), .. }) => {
            let (label, text) = load(file)?;
            config::parse_node_documents(&label, &text)?;
            Some(text)
        }
        _ => {
            let known = "a node in maintenance knows only apply, install, status, links, disks, logs, state check \
                         and wipe, data check and wipe, reboot and shutdown";
            return Err(Usage(format!("--code: {known}")).into());
        }
    };
    let client = MaintenanceClient::connect(&access::address(&options.access)?, &read_code(code)?)?;
    match (&options.command, config) {
        (NodeCommand::Install(options), config) => install::run(global, &client, options, config),
        (_, Some(config)) => {
            client.apply(&config)?;
            done(global, "configured; the API now answers to the operator's certificate")
        }
        (NodeCommand::Links, _) => output::result(global.json, &client.links()?, links_text),
        (NodeCommand::Disks, _) => output::result(global.json, &client.disks()?, disks_text),
        (NodeCommand::State(StateOf { command }), _) => {
            let command = command.as_ref().and_then(|command| match command {
                StateCommand::Partition(command) => Some(*command),
                _ => None,
            });
            partition::run(global, (&client.partitions(), PartitionName::State), command, || client.reboot())
        }
        (NodeCommand::Data { command }, _) => {
            partition::run(global, (&client.partitions(), PartitionName::Data), *command, || client.reboot())
        }
        (NodeCommand::Reboot, _) => {
            client.reboot()?;
            done(global, "the node is rebooting")
        }
        (NodeCommand::Shutdown, _) => {
            client.shutdown()?;
            done(global, "the node is powering off")
        }
        (NodeCommand::Logs(options), _) => print_logs(global, options, |query| client.logs(query)),
        _ => output::result(global.json, &client.status()?, status_text),
    }
}

/// Says what was done.
fn done(global: &Global, what: &str) -> Result<()> {
    output::result(global.json, &json!({ "done": what }), |_| format!("{what}\n"))
}

/// Returns the code, reading it if that is asked for.
fn read_code(code: Code) -> Result<PairingCode> {
    match code {
        Code::Given(code) => Ok(code),
        Code::Stdin => {
            output::tell("pairing code, as the node's console shows it:");
            let mut line = Vec::new();
            let mut input = std::io::stdin().lock().take(MAX_CODE_BYTES);
            std::io::BufRead::read_until(&mut input, b'\n', &mut line).context("reading the pairing code")?;
            let line = String::from_utf8_lossy(&line);
            line.trim().parse().map_err(|e| {
                hinted(format!("reading the pairing code: {e}"), "it looks like ABCD-EFGH-JKMN-PQRS-TVWX")
            })
        }
    }
}

/// Formats the state of a node in maintenance.
fn status_text(status: &Maintenance) -> String {
    let image = &status.image;
    let mut head = vec![
        row(["node", &format!("in maintenance: {}", status.reason.text())]),
        row([
            "image",
            &format!("{} {} ({}, Kubernetes {})", image.name, image.version, image.role, image.kubernetes),
        ]),
        row(["addresses", &status.addresses.join(", ")]),
    ];
    head.extend(status.medium.iter().map(|medium| row(["runs from", &format!("{medium}, in memory")])));
    head.extend(status.network.iter().map(|line| row(["network", line])));
    head.extend(status.damage.iter().map(|line| row(["damaged", line])));
    head.push(row(["up", &format!("{} s", stamp(status.uptime_ms).trim())]));
    if status.wrong_codes > 0 {
        head.push(row(["wrong codes", &status.wrong_codes.to_string()]));
    }
    let mut text = table(&head);
    if !status.problem.is_empty() {
        text += &format!("\n{}\n", status.problem.trim_end());
    }
    let remedies = status.partitions.iter().flat_map(|p| &p.remedies);
    remedies.for_each(|remedy| text += &format!("hint: ironhull node ADDRESS {remedy}\n"));
    if let Some(boot) = &status.boot {
        text += &format!("\n{}", boot_text(boot));
    }
    text + "\n" + &table(&status.stages.iter().map(stage_row).collect::<Vec<_>>())
}

fn links_text(list: &LinkList) -> String {
    let header = row(["LINK", "HARDWARE ADDRESS", "CARRIER", "MTU", "ADDRESSES"]);
    let line = |l: &Link| {
        let carrier = if l.carrier { "yes" } else { "no" };
        row([&l.name, &l.hardware_address, carrier, &l.mtu.to_string(), &l.addresses.join(", ")])
    };
    table(&std::iter::once(header).chain(list.links.iter().map(line)).collect::<Vec<_>>())
}

fn disks_text(list: &DiskList) -> String {
    let header = row(["DISK", "SIZE", "PARTITIONS", "TRANSPORT", "MODEL", "SERIAL", "WWN", "REMARKS"]);
    let line = |d: &Disk| {
        let remarks = [(d.read_only, "read-only"), (d.removable, "removable")];
        let remarks: Vec<&str> = remarks.iter().filter(|(is, _)| *is).map(|(_, remark)| *remark).collect();
        row([
            &d.name,
            &bytes(d.size_bytes),
            &d.partitions.to_string(),
            &d.transport,
            &d.model,
            &d.serial,
            &d.wwn,
            &remarks.join(", "),
        ])
    };
    table(&std::iter::once(header).chain(list.disks.iter().map(line)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::MaintenanceReason;

    #[test]
    fn a_refused_config_is_shown_with_all_its_errors() {
        let status = Maintenance {
            image: api::ImageFacts { name: "single".into(), version: "0.1.0".into(), ..Default::default() },
            reason: MaintenanceReason::ConfigRefused,
            problem: "error: a\n  | line\nerror: b\n".into(),
            damage: vec!["data: bad superblock".into()],
            addresses: vec!["10.0.2.15/24".into()],
            network: vec!["link eth1: no carrier".into()],
            uptime_ms: 12_300,
            wrong_codes: 3,
            medium: Some("sr0".into()),
            ..Maintenance::default()
        };
        let expected = "\
node         in maintenance: its config can't be used
image        single 0.1.0 (, Kubernetes )
addresses    10.0.2.15/24
runs from    sr0, in memory
network      link eth1: no carrier
damaged      data: bad superblock
up           12.300 s
wrong codes  3

error: a
  | line
error: b

";
        assert_eq!(status_text(&status), expected);
    }

    #[test]
    fn links_and_disks_have_their_columns() {
        let link = |name: &str, carrier, addresses: &[&str]| Link {
            name: name.into(),
            hardware_address: "52:54:00:12:34:56".into(),
            carrier,
            mtu: 1500,
            addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
        };
        let links = LinkList { links: vec![link("eth0", true, &["10.0.2.15/24"]), link("eth1", false, &[])] };
        let expected = "\
LINK  HARDWARE ADDRESS   CARRIER  MTU   ADDRESSES
eth0  52:54:00:12:34:56  yes      1500  10.0.2.15/24
eth1  52:54:00:12:34:56  no       1500
";
        assert_eq!(links_text(&links), expected);
        let disk = Disk { name: "sr0".into(), removable: true, read_only: true, ..Disk::default() };
        let system = Disk {
            name: "vda".into(),
            size_bytes: 6 << 30,
            partitions: 6,
            model: "M".into(),
            serial: "S".into(),
            transport: "virtio".into(),
            ..Disk::default()
        };
        let expected = "\
DISK  SIZE     PARTITIONS  TRANSPORT  MODEL  SERIAL  WWN  REMARKS
sr0   0 B      0                                          read-only, removable
vda   6.0 GiB  6           virtio     M      S
";
        assert_eq!(disks_text(&DiskList { disks: vec![disk, system] }), expected);
    }
}
