//! What the status says of the data: pure.

use api::StateVersions;
use control::{BootStatus, SlotStatus};
use snapshots::{Image, Kind, Ledger, Snapshot, Standing, Survey};
use std::collections::BTreeMap;

/// Returns what there is and what can be done; `image` and `boot` are absent on a disk without a boot record.
pub fn state(
    survey: &Survey,
    problem: Option<String>,
    (image, boot): (Option<&Image>, Option<&BootStatus>),
) -> api::State {
    let Survey { ledger, snapshots, free_bytes } = survey;
    let snapshots: Vec<api::Snapshot> = snapshots.iter().map(|s| snapshot(s, image)).collect();
    let nothing = Ledger::default();
    let ledger = ledger.as_ref().unwrap_or(&nothing);
    let readers = boot.map(|b| readers(ledger, b)).unwrap_or_default();
    let remedies = match (&problem, boot) {
        (Some(_), Some(boot)) => remedies(boot, &readers, &snapshots),
        _ => Vec::new(),
    };
    api::State {
        generation: ledger.data.generation,
        versions: ledger.data.versions.clone(),
        blessed: is_blessed(&ledger.data.standing) && ledger.data.generation > 0,
        problem,
        readers,
        remedies,
        restore: ledger.order.clone(),
        snapshots,
        free_bytes: *free_bytes,
    }
}

fn is_blessed(standing: &Standing) -> bool {
    *standing == Standing::Blessed
}

fn snapshot(of: &Snapshot, image: Option<&Image>) -> api::Snapshot {
    let id = of.id.clone();
    let Some(facts) = &of.facts else {
        return api::Snapshot { id, kind: "damaged".to_owned(), ..api::Snapshot::default() };
    };
    let kind = match facts.kind {
        Kind::Copy => "copy",
        Kind::Aside => "put-aside",
        Kind::Store => "store",
    };
    api::Snapshot {
        id,
        kind: kind.to_owned(),
        generation: facts.data.generation,
        versions: facts.data.versions.clone(),
        blessed: is_blessed(&facts.data.standing),
        readable: image.is_some_and(|i| i.unreadable(&facts.data.versions).is_none()),
        bytes: facts.bytes,
    }
}

/// Returns the generations in slots that are known to read the data.
fn readers(ledger: &Ledger, boot: &BootStatus) -> Vec<u32> {
    let reads = |known: &BTreeMap<String, StateVersions>| {
        let one = |(name, found): (&String, &u32)| known.get(name).is_some_and(|v| v.can_read(*found));
        ledger.data.versions.iter().all(one)
    };
    let in_slots = boot.slots.iter().filter(|s| s.entry.is_present()).map(|s| s.entry.generation);
    in_slots.filter(|g| ledger.generations.get(g).is_some_and(|k| reads(&k.versions))).collect()
}

/// Returns what an operator can do when the running generation can't use the data.
fn remedies(boot: &BootStatus, readers: &[u32], snapshots: &[api::Snapshot]) -> Vec<String> {
    let other = boot.other().filter(|s| readers.contains(&s.entry.generation));
    let boot_other = other.map(|SlotStatus { name, entry, .. }| {
        format!(
            "boot-once {name} --reboot: runs generation {}, which reads the state as it is",
            entry.generation
        )
    });
    let upgrade = "upgrade FILE: installs a generation that reads the state as it is".to_owned();
    let readable = snapshots.iter().filter(|s| s.readable).rev();
    let restore = readable.map(|s| {
        let (id, generation) = (&s.id, s.generation);
        format!(
            "state restore {id} --yes: goes on with the state as generation {generation} left it; what is there now is \
             put aside, and nothing is lost"
        )
    });
    boot_other.into_iter().chain([upgrade]).chain(restore).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Entry, Flags, Slot, Why};
    use snapshots::{Data, Facts, Known};

    fn versions(writes: u32) -> BTreeMap<String, StateVersions> {
        BTreeMap::from([("etcd".to_owned(), StateVersions { writes, reads: writes - 1 })])
    }

    fn data(generation: u32, etcd: u32) -> Data {
        let versions = BTreeMap::from([("etcd".to_owned(), etcd)]);
        Data { generation, versions, standing: Standing::Blessed }
    }

    fn slot(name: Slot, generation: u32) -> SlotStatus {
        let flags = Flags::PRESENT.with(Flags::BLESSED);
        let entry = Entry { generation, flags, ..Entry::default() };
        SlotStatus { name, entry, kernel: "k".into(), root: "r".into() }
    }

    #[test]
    fn a_generation_that_cannot_read_the_state_says_what_can_be_done() {
        let known = |writes| Known { versions: versions(writes), blessed: true };
        let generations = BTreeMap::from([(1, known(7)), (2, known(8))]);
        let ledger = Ledger { data: data(2, 8), generations, ..Ledger::default() };
        let facts = |data, kind| Facts { data, kind, number: 1, bytes: 5, directories: Vec::new() };
        let snapshot = |id: &str, facts| Snapshot { id: id.to_owned(), facts };
        let snapshots = vec![
            snapshot("g0-1", None),
            snapshot("g1-2", Some(facts(data(1, 7), Kind::Copy))),
            snapshot("g2-3", Some(facts(data(2, 8), Kind::Aside))),
        ];
        let survey = Survey { ledger: Some(ledger), snapshots, free_bytes: 9 };
        let image = Image { generation: 1, versions: versions(7), ..Image::default() };
        let boot = BootStatus {
            slot: Slot::A,
            generation: 1,
            why: Why::Forced,
            next: None,
            boots: 3,
            epoch_floor: 0,
            slots: vec![slot(Slot::A, 1), slot(Slot::B, 2)],
            trial: None,
        };
        let told = state(&survey, Some("can't be read".into()), (Some(&image), Some(&boot)));
        assert_eq!((told.generation, told.blessed, told.readers), (2, true, vec![2]));
        let kinds: Vec<_> = told.snapshots.iter().map(|s| (s.kind.as_str(), s.readable, s.bytes)).collect();
        assert_eq!(kinds, [("damaged", false, 0), ("copy", true, 5), ("put-aside", false, 5)]);
        let orders: Vec<&str> = told.remedies.iter().filter_map(|r| r.split(':').next()).collect();
        assert_eq!(orders, ["boot-once b --reboot", "upgrade FILE", "state restore g1-2 --yes"]);
        // All is well: nothing needs to be done.
        assert_eq!(state(&survey, None, (Some(&image), Some(&boot))).remedies, Vec::<String>::new());
        assert_eq!(state(&Survey::default(), None, (None, None)), api::State::default());
    }
}
