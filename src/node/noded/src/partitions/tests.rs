//! Orders about damaged partitions, with files for devices and the host's `e2fsck`.

use super::*;

use std::os::unix::fs::FileExt;

use slots::{MARKER_BYTES, Marker};
use tempfile::TempDir;

/// The partitions of a node whose state is this file; data is mounted.
fn state_in(folder: &TempDir, bytes: &[u8]) -> Arc<Partitions> {
    let device = folder.path().join("vda7");
    std::fs::write(&device, bytes).unwrap();
    let damage = Damage {
        label: "state".into(),
        device: Some(device.display().to_string()),
        problem: "mounting: bad superblock".into(),
        check: vec!["e2fsck failed".into()],
    };
    Arc::new(Partitions::new(Path::new("/"), vec![damage]))
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Refused>) -> String {
    match result {
        Err(Refused::Conflict(what, _)) => what,
        other => panic!("{other:?}"),
    }
}

/// Waits for the end of a check.
fn checked(all: &Partitions) -> PartitionCheck {
    while all.is_busy() {
        std::thread::sleep(Duration::from_millis(5));
    }
    all.list()[0].check.clone().unwrap()
}

#[test]
fn a_file_system_is_looked_at_and_repaired_only_by_order() {
    if !fsck::is_there(Path::new("/")) {
        assert!(std::env::var_os("CI").is_none(), "e2fsck is missing");
        eprintln!("skipped: e2fsck is not at its place in Debian");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let all = state_in(&folder, &[0; MARKER_BYTES]);
    let path = folder.path().join("vda7");
    let file = File::options().read(true).write(true).open(&path).unwrap();
    file.set_len(64 << 20).unwrap();
    let made = std::process::Command::new("/usr/sbin/mkfs.ext4")
        .args(["-q", "-F", "-b", "4096"])
        .arg(&path)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "mkfs.ext4 is missing");
        eprintln!("skipped: mkfs.ext4 is not there");
        return;
    }
    all.begin_check(PartitionName::State, false).unwrap();
    let (result, repair) = (checked(&all).result, checked(&all).repair);
    assert_eq!((result, repair), (CheckResult::Whole, false));
    // The bitmap of blocks, which is in use.
    let mut descriptor = [0; 4];
    file.read_exact_at(&mut descriptor, 4096).unwrap();
    let bitmap = u64::from(u32::from_le_bytes(descriptor)) * 4096;
    file.write_all_at(&[0; 64], bitmap).unwrap();
    all.begin_check(PartitionName::State, false).unwrap();
    let check = checked(&all);
    assert!(check.result == CheckResult::Damaged && !check.lines.is_empty(), "{check:?}");
    let mut now = [1; 64];
    file.read_exact_at(&mut now, bitmap).unwrap();
    assert_eq!(now, [0; 64], "a look changes nothing");
    all.begin_check(PartitionName::State, true).unwrap();
    assert_eq!(checked(&all).result, CheckResult::Repaired);
    all.begin_check(PartitionName::State, false).unwrap();
    assert_eq!(checked(&all).result, CheckResult::Whole);
}

#[test]
fn a_wipe_is_shown_first_and_leaves_the_marker() {
    let folder = tempfile::tempdir().unwrap();
    let all = state_in(&folder, &[9; 2 * MARKER_BYTES]);
    let bytes = || std::fs::read(folder.path().join("vda7")).unwrap();
    let shown = all.wipe(PartitionName::State, true).unwrap();
    assert!(shown.lost.len() > 2 && bytes() == [9; 2 * MARKER_BYTES] && !all.list()[0].wiped);
    assert_eq!(all.wipe(PartitionName::State, false).unwrap(), shown);
    let marker: [u8; MARKER_BYTES] = bytes()[..MARKER_BYTES].try_into().unwrap();
    assert!(Marker::parse(&marker).is_some() && all.list()[0].wiped);
    // Again, as after a lost answer: nothing more happens.
    all.wipe(PartitionName::State, false).unwrap();
    assert_eq!(bytes()[..MARKER_BYTES], marker);
    let refused = refusal(all.begin_check(PartitionName::State, true));
    assert!(refused.contains("made anew at the next boot"), "{refused}");
}

#[test]
fn a_partition_that_is_mounted_or_missing_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let all = state_in(&folder, &[9; 10]);
    for refused in
        [refusal(all.begin_check(PartitionName::Data, false)), refusal(all.wipe(PartitionName::Data, true))]
    {
        assert_eq!(refused, "the partition data is in use");
    }
    let damage = Damage { label: "data".into(), problem: "none".into(), ..Damage::default() };
    let all = Partitions::new(Path::new("/"), vec![damage]);
    assert_eq!(refusal(all.wipe(PartitionName::Data, false)), "the disk has no partition data");
}

#[test]
fn what_init_left_is_read_and_a_damaged_file_counts_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damage.json");
    assert_eq!(load(&path).unwrap(), []);
    let damage = vec![Damage { label: "data".into(), ..Damage::default() }];
    std::fs::write(&path, serde_json::to_vec(&damage).unwrap()).unwrap();
    assert_eq!(load(&path).unwrap(), damage);
    std::fs::write(&path, "{").unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("damage.json"));
    let all = Partitions::new(Path::new("/"), vec![Damage { label: "root-a".into(), ..Damage::default() }]);
    assert!(all.list().is_empty() && all.problem(PartitionName::State).is_none());
}
