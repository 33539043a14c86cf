//! `ironhull node ADDRESS state|data check|wipe`: a partition that the node could not mount.
//!
//! A check goes on without this command; its result is then shown without an order. A wipe is only shown unless it is
//! confirmed, as all that is on the partition is lost.

use std::thread::sleep;

use anyhow::{Result, anyhow, bail};
use api::{
    CheckRequest, CheckResult, ClientError, DamagedPartition, PartitionCalls, PartitionName, WipeRequest,
    Wiped,
};
use serde_json::json;

use super::upgrade::PAUSE;
use crate::cmdline::{Global, PartitionCommand};
use crate::output::{self, table};

/// Runs the command; without one, shows the partition. `reboot` reboots the node.
pub fn run(
    global: &Global,
    (calls, name): (&PartitionCalls<'_>, PartitionName),
    command: Option<PartitionCommand>,
    reboot: impl FnOnce() -> Result<(), ClientError>,
) -> Result<()> {
    match command {
        None => match of(calls.list()?.partitions, name) {
            Some(partition) => output::result(global.json, &partition, text),
            None => {
                let what = format!("the partition {name} is in use");
                output::result(global.json, &json!({ "done": what }), |_| format!("{what}\n"))
            }
        },
        Some(PartitionCommand::Check { repair }) => check(global, calls, name, repair),
        Some(PartitionCommand::Wipe { yes, reboot: leaves }) => {
            let wiped = calls.wipe(name, &WipeRequest { dry_run: !yes })?;
            if leaves {
                reboot()?;
            }
            output::result(global.json, &wiped, |w| wiped_text(w, yes, leaves))
        }
    }
}

/// Has a partition checked, and waits for the result.
fn check(global: &Global, calls: &PartitionCalls<'_>, name: PartitionName, repair: bool) -> Result<()> {
    let mut list = calls.check(name, &CheckRequest { repair })?;
    let partition = loop {
        let partition = of(list.partitions, name).ok_or_else(lost)?;
        match &partition.check {
            None => return Err(lost()),
            Some(check) if check.result == CheckResult::Running => {}
            Some(_) => break partition,
        }
        sleep(PAUSE);
        list = calls.list()?;
    };
    output::result(global.json, &partition, text)?;
    let result = partition.check.as_ref().map(|check| (check.result, check.repair));
    match result {
        // That is what was asked.
        Some((CheckResult::Damaged, false) | (CheckResult::Whole | CheckResult::Repaired, _)) => Ok(()),
        Some((result, _)) => bail!("{name}: {}", result.text()),
        None => Err(lost()),
    }
}

fn lost() -> anyhow::Error {
    anyhow!("the node has lost the order: it was restarted meanwhile")
}

fn of(partitions: Vec<DamagedPartition>, name: PartitionName) -> Option<DamagedPartition> {
    partitions.into_iter().find(|p| p.name == name)
}

/// Lays out what is known of a partition.
fn text(partition: &DamagedPartition) -> String {
    let row = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    let mut head = vec![
        row("partition", partition.name.label()),
        row("device", partition.device.as_deref().unwrap_or("none")),
        row("problem", &partition.problem),
    ];
    if let Some(check) = &partition.check {
        let how = if check.repair { "repairing" } else { "looking" };
        let result = format!("{} ({how}, {} s)", check.result.text(), check.secs);
        head.push(row("check", &result));
    }
    if partition.wiped {
        head.push(row("next boot", "it is made anew"));
    }
    let said = partition.check.as_ref().map_or(&partition.boot_check, |check| &check.lines);
    let mut text = table(&head);
    said.iter().for_each(|line| text += &format!("  {line}\n"));
    partition.remedies.iter().for_each(|remedy| text += &format!("hint: ironhull node ADDRESS {remedy}\n"));
    text
}

/// Says what is lost, or would be.
fn wiped_text(wiped: &Wiped, yes: bool, leaves: bool) -> String {
    let lost: String = wiped.lost.iter().map(|line| format!("  {line}\n")).collect();
    let what = &wiped.what;
    match (yes, leaves) {
        (false, _) => {
            format!("would do: {what}; all that is on it would be lost:\n{lost}add --yes to do it\n")
        }
        (true, false) => format!("{what}; all that is on it is lost:\n{lost}"),
        (true, true) => format!("{what}: the node is rebooting; all that is on it is lost:\n{lost}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::PartitionCheck;

    #[test]
    fn a_damaged_partition_shows_what_was_found_and_what_can_be_done() {
        let mut partition = DamagedPartition {
            name: PartitionName::State,
            device: Some("/dev/vda7".into()),
            problem: "mounting /dev/vda7: Invalid argument".into(),
            boot_check: vec!["e2fsck failed".into()],
            check: None,
            wiped: false,
            remedies: vec!["state check: finds out what is wrong".into()],
        };
        let expected = "\
partition  state
device     /dev/vda7
problem    mounting /dev/vda7: Invalid argument
  e2fsck failed
hint: ironhull node ADDRESS state check: finds out what is wrong
";
        assert_eq!(text(&partition), expected);
        let lines = vec!["Bad magic number".to_owned()];
        let check = PartitionCheck { repair: true, result: CheckResult::Failed, secs: 3, lines };
        partition = DamagedPartition { check: Some(check), wiped: true, remedies: Vec::new(), ..partition };
        let shown = text(&partition);
        assert!(
            shown.contains("check      the file system could not be checked (repairing, 3 s)"),
            "{shown}"
        );
        assert!(shown.ends_with("next boot  it is made anew\n  Bad magic number\n"), "{shown}");
    }

    #[test]
    fn a_wipe_is_only_shown_unless_it_is_confirmed() {
        let wiped = Wiped { what: "it is made anew".into(), lost: vec!["all".into()] };
        let shown = wiped_text(&wiped, false, false);
        assert_eq!(
            shown,
            "would do: it is made anew; all that is on it would be lost:\n  all\nadd --yes to do it\n"
        );
        assert!(wiped_text(&wiped, true, true).starts_with("it is made anew: the node is rebooting;"));
    }
}
