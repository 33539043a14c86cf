//! VHD: `qemu-img` reads the same disk, and writes the same footer but for its own fields.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use formats::disk::{Before, Memory, ReadAt, WriteAt, copy, read_vec};
use formats::vhd::{FOOTER_BYTES, Options, VhdError, footer};

const OPTIONS: Options = Options { id: *b"0123456789abcdef", time_secs: 1_789_199_741 };

/// Returns the disk and its footer as a file.
fn image(disk: &Memory) -> Memory {
    let mut file = Memory::new(disk.len() + 512);
    copy(disk, &mut file, 0, Before::Zeros).unwrap();
    file.write_all_at(&footer(disk.len(), OPTIONS).unwrap(), disk.len()).unwrap();
    file
}

#[test]
fn qemu_finds_the_same_disk_and_writes_the_same_fields() {
    let Some(qemu) = judge::find("qemu-img") else { return };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for mib in [1, 17, 40, 127, 6403, 200 << 10] {
        let mut disk = Memory::new(mib << 20);
        disk.write_all_at(b"start", 0).unwrap();
        disk.write_all_at(b"the end", disk.len() - 7).unwrap();
        judge::write_raw(&image(&disk), &at("ours"));
        judge::write_raw(&disk, &at("raw"));
        let [ours, raw, theirs] = ["ours", "raw", "theirs"].map(at);
        let said = qemu.agrees(&["info", "-f", "vpc", judge::text(&ours)]);
        assert!(said.contains(&format!("({} bytes)", mib << 20)), "{said}");
        qemu.agrees(&["compare", "-f", "raw", "-F", "vpc", judge::text(&raw), judge::text(&ours)]);
        let options = "subformat=fixed,force_size=on";
        let size = format!("{mib}M");
        qemu.agrees(&["create", "-q", "-f", "vpc", "-o", options, judge::text(&theirs), &size]);
        let file = std::fs::File::open(&theirs).unwrap();
        let mut expected = [0; FOOTER_BYTES];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut expected, mib << 20).unwrap();
        let found = footer(mib << 20, OPTIONS).unwrap();
        // Cookie to data offset, sizes, type; time, creator, checksum and UUID are QEMU's own. With force_size,
        // QEMU writes the largest geometry.
        for range in [0..24, 40..56, 60..64, 84..512] {
            assert_eq!(found[range.clone()], expected[range], "{mib}");
        }
    }
}

#[test]
fn the_footer_is_that_of_the_specification() {
    let found = footer(6403 << 20, OPTIONS).unwrap();
    let sum: u32 =
        found.iter().enumerate().filter(|(at, _)| !(64..68).contains(at)).map(|(_, b)| u32::from(*b)).sum();
    assert_eq!(found[64..68], (!sum).to_be_bytes());
    assert_eq!(found[24..28], (1_789_199_741u32 - 946_684_800).to_be_bytes());
    assert_eq!(found[68..84], OPTIONS.id);
    // Cylinders, heads, sectors: of this disk, of the smallest, of those at the bounds, and of a huge one.
    let geometry = |mib: u64| {
        let footer = footer(mib << 20, OPTIONS).unwrap();
        (u16::from_be_bytes([footer[56], footer[57]]), footer[58], footer[59])
    };
    for (mib, expected) in [
        (1, (30, 4, 17)),
        (127, (1019, 15, 17)),
        (200, (825, 16, 31)),
        (6403, (13_009, 16, 63)),
        (1 << 20, (65_535, 16, 255)),
    ] {
        assert_eq!(geometry(mib), expected, "{mib} MiB");
    }
}

#[test]
fn what_azure_or_the_format_refuses_is_refused() {
    assert_eq!(footer((1 << 20) + 512, OPTIONS), Err(VhdError::Unaligned((1 << 20) + 512)));
    assert_eq!(footer(2041 << 30, OPTIONS), Err(VhdError::TooLong(2041 << 30)));
    assert!(read_vec(&image(&Memory::new(1 << 20)), 1 << 20, 512).is_ok());
}
