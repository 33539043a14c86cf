//! Whether the network is what the config asks for, and what is missing. Pure.
//!
//! A trial of a generation waits for this, so it must not depend on what is no fault of the node. An entry of the
//! config counts as fulfilled once one of its links has what the entry asks for; without entries all links together
//! are one. What else is missing is told and holds nothing up: a second port without a cable or without a DHCP server,
//! an optional link. One link must have a carrier, an address and all its routes, or nobody could reach the node.

use std::collections::BTreeSet;

/// What is known of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub name: String,
    /// Entry of the config that means it; empty without entries.
    pub entry: String,
    pub optional: bool,
    pub carrier: bool,
    pub has_address: bool,
    /// Asks DHCP and has no lease.
    pub awaits_lease: bool,
    /// The kernel has all that is wanted so far.
    pub configured: bool,
    pub problem: Option<String>,
}

impl Seen {
    /// It has all that was asked for.
    const fn is_settled(&self) -> bool {
        self.configured && self.problem.is_none() && !self.awaits_lease
    }

    /// The node can be reached by it.
    const fn is_reachable(&self) -> bool {
        self.carrier && self.has_address && self.is_settled()
    }

    /// What it lacks, in one line.
    fn lack(&self) -> Option<String> {
        let name = &self.name;
        match (&self.problem, self.carrier) {
            (Some(problem), _) => Some(format!("link {name}: {problem}")),
            (None, false) => Some(format!("link {name}: no carrier")),
            (None, true) if self.awaits_lease => Some(format!("link {name}: no answer from DHCP")),
            (None, true) if !self.configured => Some(format!("link {name}: being set up")),
            (None, true) => None,
        }
    }
}

/// What is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Nothing holds the node up.
    pub complete: bool,
    /// What went wrong and holds it up, a line each.
    pub problems: Vec<String>,
    /// What is missing and holds it up although nothing went wrong.
    pub waits: Vec<String>,
    /// What is missing and holds nothing up.
    pub remarks: Vec<String>,
}

/// Judges the links; `unmatched` is what no link fits, a line each, and whether it is optional.
pub(crate) fn judge(links: &[Seen], unmatched: &[(String, bool)]) -> Verdict {
    let mut verdict = Verdict::default();
    let entries: BTreeSet<&str> = links.iter().map(|l| l.entry.as_str()).collect();
    for entry in entries {
        let own = || links.iter().filter(|l| l.entry == entry);
        let holds_up = !own().any(Seen::is_settled) && own().any(|l| !l.optional);
        for link in own() {
            let Some(lack) = link.lack() else { continue };
            match (holds_up, link.problem.is_some()) {
                (false, _) => verdict.remarks.push(lack),
                (true, true) => verdict.problems.push(lack),
                (true, false) => verdict.waits.push(lack),
            }
        }
    }
    for (lack, optional) in unmatched {
        if *optional { &mut verdict.remarks } else { &mut verdict.problems }.push(lack.clone());
    }
    let reachable = links.iter().any(Seen::is_reachable);
    if !reachable && verdict.problems.is_empty() && verdict.waits.is_empty() {
        verdict.waits.push("no link has a carrier and an address".to_owned());
    }
    verdict.complete = reachable && verdict.problems.is_empty() && verdict.waits.is_empty();
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link that has all.
    fn good(name: &str, entry: &str) -> Seen {
        Seen {
            name: name.into(),
            entry: entry.into(),
            carrier: true,
            has_address: true,
            configured: true,
            ..Seen::default()
        }
    }

    /// Every way a link can be.
    fn all_ways(name: &str, entry: &str) -> Vec<Seen> {
        let mut all = Vec::new();
        for bits in 0..32u8 {
            let on = |bit: u8| bits >> bit & 1 == 1;
            let awaits_lease = on(2);
            all.push(Seen {
                optional: on(0),
                carrier: on(1),
                awaits_lease,
                has_address: !awaits_lease,
                configured: on(3),
                problem: on(4).then(|| "x".to_owned()),
                ..good(name, entry)
            });
        }
        all
    }

    #[test]
    fn a_second_automatic_link_holds_nothing_up_whatever_it_is() {
        for other in all_ways("eth1", "") {
            let verdict = judge(&[good("eth0", ""), other.clone()], &[]);
            assert!(verdict.complete, "{other:?}");
            assert_eq!(verdict.remarks.is_empty(), other.lack().is_none());
        }
    }

    #[test]
    fn an_optional_link_holds_nothing_up_whatever_it_is() {
        for other in all_ways("eth1", "b").into_iter().filter(|l| l.optional) {
            assert!(judge(&[good("eth0", "a"), other], &[]).complete);
        }
    }

    #[test]
    fn a_link_that_the_config_names_counts() {
        for other in all_ways("eth1", "b").into_iter().filter(|l| !l.optional) {
            let verdict = judge(&[good("eth0", "a"), other.clone()], &[]);
            assert_eq!(verdict.complete, other.is_settled(), "{other:?}");
            // Whoever waits learns for what.
            assert!(verdict.complete || !(verdict.problems.is_empty() && verdict.waits.is_empty()));
        }
    }

    #[test]
    fn a_node_that_nobody_can_reach_is_never_complete() {
        for one in all_ways("eth0", "a") {
            for other in all_ways("eth1", "b") {
                let verdict = judge(&[one.clone(), other.clone()], &[]);
                let reachable = one.is_reachable() || other.is_reachable();
                assert!(reachable || !verdict.complete, "{one:?} {other:?}");
                let said =
                    [&verdict.problems, &verdict.waits, &verdict.remarks].iter().any(|l| !l.is_empty());
                assert!(verdict.complete || said);
            }
        }
        assert_eq!(judge(&[], &[]).waits, ["no link has a carrier and an address"]);
    }

    #[test]
    fn one_link_of_an_entry_is_enough() {
        let waiting = Seen { awaits_lease: true, has_address: false, ..good("eth1", "all") };
        let verdict = judge(&[good("eth0", "all"), waiting.clone()], &[]);
        assert!(verdict.complete);
        assert_eq!(verdict.remarks, ["link eth1: no answer from DHCP"]);
        assert_eq!(judge(&[waiting], &[]).waits, ["link eth1: no answer from DHCP"]);
    }

    #[test]
    fn an_entry_without_a_link_counts_unless_it_is_optional() {
        let links = [good("eth0", "a")];
        let verdict = judge(&links, &[("eth9".to_owned(), false)]);
        assert_eq!((verdict.complete, verdict.problems), (false, vec!["eth9".to_owned()]));
        assert!(judge(&links, &[("eth9".to_owned(), true)]).complete);
    }
}
