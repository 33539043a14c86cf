//! Which partitions are usable after the initrd phase.

use control::Damage;
use serde::{Deserialize, Serialize};
use slots::Partition;

/// How whole the machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Condition {
    /// The partitions that can't be used.
    pub(crate) damage: Vec<Damage>,
    /// The installation medium that runs, such as `sr0`: state and data are in memory.
    pub(crate) medium: Option<String>,
}

impl Condition {
    /// Neither partition can be used, for this reason.
    pub(crate) fn nothing(problem: &str) -> Condition {
        let of = |partition| Damage {
            label: Partition::label(partition).to_owned(),
            problem: problem.to_owned(),
            ..Damage::default()
        };
        Condition { damage: [Partition::State, Partition::Data].map(of).into(), medium: None }
    }

    /// Returns whether both partitions can be used.
    pub(crate) fn is_whole(&self) -> bool {
        self.damage.is_empty()
    }

    /// Returns whether this partition can be used.
    pub(crate) fn has(&self, partition: Partition) -> bool {
        self.damage.iter().all(|d| d.label != partition.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_without_damage_can_be_used() {
        let mut condition = Condition::default();
        assert!(condition.is_whole() && condition.has(Partition::State));
        condition.damage.push(Damage { label: "data".into(), ..Damage::default() });
        assert!(!condition.is_whole() && condition.has(Partition::State) && !condition.has(Partition::Data));
        let nothing = Condition::nothing("no answer");
        assert!(!nothing.has(Partition::State) && !nothing.has(Partition::Data));
    }
}
