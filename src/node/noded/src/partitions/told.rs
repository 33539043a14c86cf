//! What is said of a damaged partition, and what can be done about it. Pure.

use api::{CheckResult, PartitionName, Wiped};
use control::Damage;

/// Lines of the check at boot that are said beside the problem.
const CHECK_LINES: usize = 8;

/// Returns what is wrong with a partition, a text of several lines.
pub(super) fn problem(damage: &Damage) -> String {
    let Damage { label, device, problem, check } = damage;
    let device = device.as_ref().map(|device| format!(" ({device})")).unwrap_or_default();
    let check = check.iter().take(CHECK_LINES).cloned();
    [format!("{label}{device}: {problem}")].into_iter().chain(check).collect::<Vec<_>>().join("\n")
}

/// Returns what can be done about a partition, of whose last check the result and whether it repaired are known. Each is
/// an order and its effect.
pub(super) fn remedies(
    name: PartitionName,
    exists: bool,
    check: Option<(CheckResult, bool)>,
    wiped: bool,
) -> Vec<String> {
    if !exists {
        return Vec::new();
    }
    if wiped {
        return vec!["reboot: makes it anew".to_owned()];
    }
    let look = format!("{name} check: finds out what is wrong, and changes nothing");
    let repair = format!("{name} check --repair: repairs everything that is found, whatever is lost by that");
    let wipe = format!("{name} wipe --yes: makes it anew at the next boot; all that is on it is lost");
    match check {
        None => vec![look, repair, wipe],
        Some((CheckResult::Running, _)) => vec![format!("{name}: shows how the check goes")],
        Some((CheckResult::Whole | CheckResult::Repaired, _)) => {
            vec!["reboot: uses it again".to_owned(), wipe]
        }
        Some((CheckResult::Damaged, false)) => vec![repair, wipe],
        Some((CheckResult::Damaged | CheckResult::Failed | CheckResult::Unknown, _)) => {
            vec![look, repair, wipe]
        }
    }
}

/// Returns what is lost with a partition.
pub(super) fn wiped(name: PartitionName) -> Wiped {
    let lost: &[&str] = match name {
        PartitionName::State => &[
            "the node's config and identity: a source of user-data or `apply` gives it a config again",
            "the cluster's certificate authorities: new ones are made, and kubeconfigs have to be fetched anew",
            "everything in the cluster's store: `etcd restore FILE --foreign --yes` restores a snapshot of it",
            "the snapshots of the state",
            "kept: what is on the data partition, such as volumes of pods and the node's own snapshots of the store",
        ],
        PartitionName::Data => &[
            "what pods have written to this node's disk: volumes of the kinds local, hostPath and emptyDir",
            "the node's logs and its own snapshots of the store",
            "images and containers: the cluster brings them back",
            "kept: what is on the state partition, such as the cluster's store",
        ],
    };
    Wiped {
        what: format!("the partition {name} is made anew at the next boot"),
        lost: lost.iter().map(|line| (*line).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(check: Option<(CheckResult, bool)>) -> Vec<String> {
        let all = remedies(PartitionName::State, true, check, false);
        all.iter().map(|r| r.split(':').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_repair_is_offered_until_the_file_system_is_whole() {
        let (look, repair, wipe) = ("state check", "state check --repair", "state wipe --yes");
        assert_eq!(orders(None), [look, repair, wipe]);
        assert_eq!(orders(Some((CheckResult::Running, true))), ["state"]);
        assert_eq!(orders(Some((CheckResult::Damaged, false))), [repair, wipe]);
        assert_eq!(orders(Some((CheckResult::Damaged, true))), [look, repair, wipe]);
        assert_eq!(orders(Some((CheckResult::Failed, true))), [look, repair, wipe]);
        assert_eq!(orders(Some((CheckResult::Repaired, true))), ["reboot", wipe]);
        assert_eq!(orders(Some((CheckResult::Whole, false))), ["reboot", wipe]);
        assert_eq!(remedies(PartitionName::State, true, None, true), ["reboot: makes it anew"]);
        assert_eq!(remedies(PartitionName::State, false, None, false), Vec::<String>::new());
    }

    #[test]
    fn a_problem_has_the_device_and_what_the_check_said() {
        let mut damage = Damage {
            label: "state".into(),
            device: Some("/dev/vda7".into()),
            problem: "mounting: bad".into(),
            check: vec!["e2fsck failed".into()],
        };
        assert_eq!(problem(&damage), "state (/dev/vda7): mounting: bad\ne2fsck failed");
        damage = Damage { device: None, check: Vec::new(), ..damage };
        assert_eq!(problem(&damage), "state: mounting: bad");
    }

    #[test]
    fn what_is_lost_with_a_partition_is_not_what_is_lost_with_the_other() {
        assert!(wiped(PartitionName::State).lost.iter().any(|l| l.contains("certificate authorities")));
        assert!(wiped(PartitionName::Data).lost.iter().any(|l| l.contains("volumes")));
        assert!(wiped(PartitionName::Data).what.contains("data"));
    }
}
