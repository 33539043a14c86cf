//! A medium is installed to a disk in memory, which loses power or fails after any write, and by then holds something
//! else.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

#[path = "installs/bench.rs"]
mod bench;

use disk::{BOOT_PATH, Layout};
use formats::disk::{Cursor, ReadAt, Window, read_vec};
use formats::{fat, gpt};
use install::{Holds, InstallError, Step, install, look};
use slots::{MARKER_BYTES, Marker, Partition};

use bench::{DISK_BYTES, Disk, Lab, SIZES};

/// Returns a partition of an installed disk.
fn partition(disk: &Disk, which: Partition) -> Window<&Disk> {
    let place = Layout::filling(&SIZES, DISK_BYTES).unwrap().place(which);
    Window::new(disk, place.start, place.bytes).unwrap()
}

#[test]
fn an_installed_disk_holds_what_an_image_does_and_its_config() {
    let lab = Lab::new();
    let disk = Disk::with_old_data();
    let mut steps = Vec::new();
    install(&lab.medium(), &lab.order(1), &disk, &mut |step, _| {
        if steps.last() != Some(&step) {
            steps.push(step);
        }
    })
    .unwrap();
    assert_eq!(steps, [Step::Writing, Step::Checking, Step::Committing]);
    assert_eq!(look(&disk).unwrap(), Holds::Ironhull);
    let table = gpt::read(&mut Cursor::new(&disk), DISK_BYTES / 512).unwrap();
    assert_eq!((table.partitions.len(), table.disk_blocks), (8, DISK_BYTES / 512));
    assert_eq!(fat::read(&partition(&disk, Partition::Esp), BOOT_PATH).unwrap(), b"the loader");
    for gone in [Partition::KernelB, Partition::RootB] {
        let all = partition(&disk, gone);
        assert!(read_vec(&all, 0, all.len()).unwrap().iter().all(|b| *b == 0), "{}", gone.label());
    }
    let records = read_vec(&partition(&disk, Partition::BootState), 0, 1 << 20).unwrap();
    assert!(slots::Record::parse(&records[..512].try_into().unwrap()).is_some());
    assert!(records[512..].iter().all(|b| *b == 0), "the old record counts no more");
    let data = read_vec(&partition(&disk, Partition::Data), 0, MARKER_BYTES as u64).unwrap();
    assert!(Marker::parse(&data.try_into().unwrap()).is_some());
    disk.judged(&partition(&disk, Partition::State));
    disk.sgdisk();
}

#[test]
fn two_disks_share_no_identity() {
    let lab = Lab::new();
    let ids = [1, 2].map(|seed| {
        let disk = Disk::with_old_data();
        install(&lab.medium(), &lab.order(seed), &disk, &mut |_, _| {}).unwrap();
        let table = gpt::read(&mut Cursor::new(&disk), DISK_BYTES / 512).unwrap();
        let uuid = read_vec(&partition(&disk, Partition::State), 1024 + 104, 16).unwrap();
        (table.disk_guid, table.partitions[2].unique_guid, uuid)
    });
    let [one, other] = ids;
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2);
}

#[test]
fn a_cut_after_any_write_leaves_nothing_that_starts_or_everything() {
    let lab = Lab::new();
    let whole = Disk::with_old_data();
    install(&lab.medium(), &lab.order(1), &whole, &mut |_, _| {}).unwrap();
    let writes = whole.writes();
    assert!(writes > 20, "{writes}");
    for cut in 0..writes {
        let disk = Disk::with_old_data();
        disk.cut_after(cut);
        let error = install(&lab.medium(), &lab.order(1), &disk, &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, InstallError::Disk { .. } | InstallError::State(_)), "{cut}: {error}");
        let first = read_vec(&disk, 0, 4096).unwrap();
        // Only the last write gives the disk a table; before the first one it has what it had.
        assert!(cut == 0 || first.iter().all(|b| *b == 0), "{cut}");
        // As soon as the old tables are gone, an order that overwrites nothing can be repeated.
        assert_eq!(look(&disk).unwrap() == Holds::Nothing, cut >= 2, "{cut}");
        if cut % 7 == 0 {
            disk.powered();
            install(&lab.medium(), &lab.order(1), &disk, &mut |_, _| {}).unwrap();
            assert_eq!(look(&disk).unwrap(), Holds::Ironhull, "{cut}");
        }
    }
}

#[test]
fn a_disk_that_forgets_and_a_medium_that_rots_are_found() {
    let lab = Lab::new();
    let disk = Disk::with_old_data();
    disk.lose_write(9);
    let error = install(&lab.medium(), &lab.order(1), &disk, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, InstallError::Differs { .. }), "{error}");
    for (partition, offset) in [("medium-root", 5000), ("medium-kernel", 5000)] {
        let mut lab = Lab::new();
        lab.flip(partition, offset);
        let disk = Disk::with_old_data();
        let error = install(&lab.medium(), &lab.order(1), &disk, &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, InstallError::Root(_) | InstallError::Kernel), "{partition}: {error}");
        assert!(read_vec(&disk, 0, 4096).unwrap().iter().all(|b| *b == 0));
    }
}

#[test]
fn a_disk_too_small_is_not_touched() {
    let lab = Lab::new();
    let disk = Disk::with_old_data().shortened();
    let error = install(&lab.medium(), &lab.order(1), &disk, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, InstallError::TooSmall { .. }), "{error}");
    assert_eq!(disk.writes(), 0);
}

#[test]
fn what_a_disk_holds_is_told() {
    let lab = Lab::new();
    assert_eq!(look(&Disk::empty()).unwrap(), Holds::Nothing);
    assert!(matches!(look(&Disk::with_old_data()).unwrap(), Holds::Data(text) if text.contains("first MiB")));
    let disk = Disk::empty();
    disk.put(DISK_BYTES - 1, 7);
    assert!(matches!(look(&disk).unwrap(), Holds::Data(text) if text.contains("last MiB")));
    assert!(matches!(look(&lab.image).unwrap(), Holds::Data(text) if text.contains("medium-root")));
}
