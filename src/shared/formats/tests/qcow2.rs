//! qcow2: `qemu-img` finds no errors and the same disk, our reader too, and no malformed file causes a panic.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use std::io::Cursor;

use formats::disk::{Memory, ReadAt, WriteAt, read_vec};
use formats::qcow2::{Codec, Options, Others, Qcow2Error, Reader, dump, links, write};
use proptest::prelude::*;

/// Each compression, by its name in `qemu-img`.
const CODECS: [(&str, Codec); 2] = [("zlib", Codec::ZLIB), ("zstd", Codec::ZSTD)];

fn image(disk: &impl ReadAt, codec: Codec) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let length = write(disk, Options { codec }, &mut out).unwrap();
    assert_eq!(length, out.get_ref().len() as u64);
    out.into_inner()
}

#[test]
fn qemu_finds_no_errors_and_the_same_disk() {
    let Some(qemu) = judge::find("qemu-img") else { return };
    let directory = tempfile::tempdir().unwrap();
    let (ours, raw) = (directory.path().join("disk.qcow2"), directory.path().join("disk.raw"));
    let small = Memory::new(1 << 20);
    let mut filled = Memory::new(200 << 10);
    filled.write_all_at(&judge::noise(200 << 10, 2), 0).unwrap();
    let disks = [judge::sample(), small, filled];
    for (disk, (name, codec)) in disks.iter().flat_map(|d| CODECS.map(|c| (d, c))) {
        std::fs::write(&ours, image(disk, codec)).unwrap();
        let said = qemu.agrees(&["check", "-f", "qcow2", judge::text(&ours)]);
        assert!(said.contains("No errors were found"), "{name}: {said}");
        let said = qemu.agrees(&["info", "-f", "qcow2", judge::text(&ours)]);
        assert!(said.contains(&format!("compression type: {name}")), "{said}");
        judge::write_raw(disk, &raw);
        let (ours, raw) = (judge::text(&ours), judge::text(&raw));
        qemu.agrees(&["compare", "-f", "raw", "-F", "qcow2", raw, ours]);
        let theirs = directory.path().join("theirs.qcow2");
        let option = format!("compression_type={name}");
        qemu.agrees(&["convert", "-c", "-O", "qcow2", "-o", &option, raw, judge::text(&theirs)]);
        let length = |path: &str| std::fs::metadata(path).unwrap().len();
        let (ours, theirs) = (length(ours), length(judge::text(&theirs)));
        // Our file ends with a whole cluster, QEMU's with the last used byte.
        assert!(ours <= theirs + 65_536, "{name}: {ours} bytes, theirs {theirs}");
    }
}

#[test]
fn reads_back_what_was_written() {
    let disk = judge::sample();
    for (name, codec) in CODECS {
        let bytes = image(&disk, codec);
        let reader = Reader::open(bytes.as_slice()).unwrap();
        assert_eq!(reader.len(), disk.len());
        for (at, length) in [(0, 3 << 20), ((5 << 20) - 100, (1 << 20) + 70_000), (600 << 20, 300_000)] {
            let same = read_vec(&reader, at, length).unwrap() == read_vec(&disk, at, length).unwrap();
            assert!(same, "{name}: {at}");
        }
        let expected = "\
disk of 734005760 bytes
data 0x000000000000 to 0x000000300000
data 0x000000500000 to 0x000000610000
data 0x000025800000 to 0x000025840000
data 0x00002bc00000 to 0x00002bc00a00
";
        assert_eq!(dump(&reader).unwrap(), expected, "{name}");
    }
}

/// Arguments of `qemu-img convert`; our reader must see the same disk with each.
const STORED: [&[&str]; 9] = [
    &["-o", "compat=0.10"],
    &["-o", "cluster_size=512"],
    &["-o", "cluster_size=2M"],
    &["-o", "extended_l2=on,cluster_size=128k"],
    &["-c", "-o", "compat=0.10,cluster_size=4k"],
    &["-c", "-o", "compression_type=zlib,cluster_size=1M"],
    &["-c", "-o", "compression_type=zstd,cluster_size=32k"],
    &["-c", "-o", "compression_type=zstd,extended_l2=on"],
    &["-o", "preallocation=metadata,lazy_refcounts=on"],
];

#[test]
fn reads_what_qemu_writes() {
    let Some(qemu) = judge::find("qemu-img") else { return };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    // Small enough for clusters of 512 bytes; ends within a cluster.
    let mut disk = Memory::new((24 << 20) + 5 * 512);
    disk.write_all_at(&judge::noise(700_000, 4), (3 << 20) + 512).unwrap();
    disk.write_all_at(&[7; 300_000], 9 << 20).unwrap();
    disk.write_all_at(b"the end", disk.len() - 7).unwrap();
    judge::write_raw(&disk, &at("raw"));
    let expected = read_vec(&disk, 0, disk.len()).unwrap();
    for options in STORED {
        let files = [at("raw"), at("qcow2")];
        let files = files.iter().map(|f| judge::text(f));
        let line = ["convert", "-f", "raw", "-O", "qcow2"].into_iter().chain(options.iter().copied());
        qemu.agrees(&line.chain(files).collect::<Vec<_>>());
        let bytes = std::fs::read(at("qcow2")).unwrap();
        let reader = Reader::open(bytes.as_slice()).unwrap();
        assert!(read_vec(&reader, 0, reader.len()).unwrap() == expected, "{options:?}");
        assert_eq!(data_of(&reader), data_of(&expected), "{options:?}");
    }
}

/// Returns the data of a disk that `next_data` reports, without zeros.
fn data_of(disk: &dyn ReadAt) -> Vec<u8> {
    let (mut data, mut at) = (Vec::new(), 0);
    while let Some(range) = disk.next_data(at).unwrap() {
        assert!(range.start >= at && range.start < range.end && range.end <= disk.len(), "{range:?}");
        data.extend(read_vec(disk, range.start, range.end - range.start).unwrap());
        at = range.end;
    }
    data.retain(|b| *b != 0);
    data
}

#[test]
fn a_disk_over_another_is_read_through() {
    let (Some(qemu), Some(io)) = (judge::find("qemu-img"), judge::find("qemu-io")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let base = at("base.raw");
    std::fs::write(&base, judge::noise((1 << 20) + 512, 5)).unwrap();
    for options in ["cluster_size=64k", "cluster_size=64k,extended_l2=on", "compat=0.10,cluster_size=4k"] {
        let over = at("over.qcow2");
        // Longer than its backing file, which is named without its directory.
        let line = ["create", "-f", "qcow2", "-F", "raw", "-b", "base.raw", "-o", options];
        qemu.agrees(&line.into_iter().chain([judge::text(&over), "2M"]).collect::<Vec<_>>());
        let mut writes = vec!["write -P 1 100k 3k", "write -P 2 1023k 9k"];
        // Version 2 has no zero clusters.
        writes.extend(["write -z 256k 64k", "write -z 400k 2k"].iter().filter(|_| !options.contains("0.10")));
        for write in writes {
            io.agrees(&["-f", "qcow2", "-c", write, judge::text(&over)]);
        }
        let flat = at("flat.raw");
        qemu.agrees(&["convert", "-f", "qcow2", "-O", "raw", judge::text(&over), judge::text(&flat)]);
        let (bytes, expected) = (std::fs::read(&over).unwrap(), std::fs::read(&flat).unwrap());
        let backing = links(&bytes).unwrap().backing.unwrap();
        assert_eq!((&*backing.name, backing.format.as_deref()), (&b"base.raw"[..], Some(&b"raw"[..])));
        let refused = Reader::open(bytes.as_slice()).unwrap_err().to_string();
        assert_eq!(refused, "parsing qcow2: backing file is base.raw, expected none");
        let others = Others { backing: Some(Box::new(std::fs::read(&base).unwrap())), data: None };
        let reader = Reader::open_with(bytes.as_slice(), others).unwrap();
        assert!(read_vec(&reader, 0, reader.len()).unwrap() == expected, "{options}");
        assert_eq!(data_of(&reader), data_of(&expected), "{options}");
    }
}

#[test]
fn data_in_a_file_of_its_own_is_read_there() {
    let Some(qemu) = judge::find("qemu-img") else { return };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let mut disk = vec![0; 1 << 20];
    disk[..70_000].fill(3);
    disk[500_000..].copy_from_slice(&judge::noise((1 << 20) - 500_000, 6));
    std::fs::write(at("raw"), &disk).unwrap();
    for raw in ["on", "off"] {
        let (from, to, data) = (at("raw"), at("qcow2"), at("data"));
        let options = format!("data_file={},data_file_raw={raw}", data.display());
        let line = ["convert", "-f", "raw", "-O", "qcow2", "-o", &options];
        qemu.agrees(&line.into_iter().chain([judge::text(&from), judge::text(&to)]).collect::<Vec<_>>());
        let bytes = std::fs::read(&to).unwrap();
        let name = links(&bytes).unwrap().data_file.unwrap();
        assert_eq!(name, judge::text(&data).as_bytes());
        let refused = Reader::open(bytes.as_slice()).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!("parsing qcow2: external data file is {}, expected none", data.display())
        );
        let others = Others { backing: None, data: Some(Box::new(std::fs::read(&data).unwrap())) };
        let reader = Reader::open_with(bytes.as_slice(), others).unwrap();
        assert!(read_vec(&reader, 0, reader.len()).unwrap() == disk, "{raw}");
    }
}

#[test]
fn an_encrypted_disk_is_called_that() {
    let Some(qemu) = judge::find("qemu-img") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("qcow2");
    let secret = ["--object", "secret,id=s,data=x", "-o", "encrypt.format=aes,encrypt.key-secret=s"];
    let line = ["create", "-f", "qcow2"].into_iter().chain(secret).chain([judge::text(&path), "1M"]);
    qemu.agrees(&line.collect::<Vec<_>>());
    let found = Reader::open(std::fs::read(&path).unwrap().as_slice()).unwrap_err().to_string();
    assert_eq!(found, "parsing qcow2: encryption is AES, expected none");
}

#[test]
fn threads_and_runs_do_not_change_the_bytes() {
    let disk = judge::sample();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let pinned = [
        "cf2f3b20e6a05d74242964e55b31e1e1f506e929610adb5d6ef32d333054f6a5",
        "fed001d15085e7c6e317a102ac4cc11b0c2ff0fe8c4447890dd4fce7a34c7a93",
    ];
    for ((name, codec), pinned) in CODECS.into_iter().zip(pinned) {
        let bytes = one.install(|| image(&disk, codec));
        assert!(three.install(|| image(&disk, codec)) == bytes, "{name}");
        assert_eq!(judge::sha256(&bytes), pinned, "{name}");
    }
}

#[test]
fn an_endless_disk_is_refused() {
    let disk = Memory::new((64 << 40) + 512);
    let found = write(&disk, Options::default(), Cursor::new(Vec::new()));
    assert!(matches!(found, Err(Qcow2Error::TooLong(_))));
}

#[test]
fn tables_that_are_shared_or_outside_are_refused() {
    let mut disk = Memory::new(3 << 29);
    disk.write_all_at(b"one", 0).unwrap();
    disk.write_all_at(b"two", 1 << 29).unwrap();
    let good = image(&disk, Codec::ZLIB);
    let l1 = usize::try_from(u64::from_be_bytes(good[40..48].try_into().unwrap())).unwrap();
    let mut shared = good.clone();
    shared.copy_within(l1..l1 + 8, l1 + 8);
    let mut outside = good.clone();
    outside[l1 + 1] = 0x7f;
    for bad in [shared, outside] {
        let found = Reader::open(bad.as_slice());
        let refused = matches!(&found, Err(Qcow2Error::Unsupported { what: "place of an L2 table", .. }));
        assert!(refused, "{found:?}");
    }
}

#[test]
fn damaged_images_are_errors_at_worst() {
    let mut disk = Memory::new(1 << 20);
    disk.write_all_at(&[7; 100_000], 70_000).unwrap();
    disk.write_all_at(&judge::noise(65_536, 3), 512 << 10).unwrap();
    for (_, codec) in CODECS {
        damage(&image(&disk, codec));
    }
}

#[test]
fn damaged_images_of_qemu_are_errors_at_worst() {
    let Some(qemu) = judge::find("qemu-img") else { return };
    let directory = tempfile::tempdir().unwrap();
    let (raw, path) = (directory.path().join("raw"), directory.path().join("qcow2"));
    std::fs::write(&raw, judge::noise(200_000, 7)).unwrap();
    for options in ["cluster_size=4k,compat=0.10", "cluster_size=16k,extended_l2=on"] {
        let line =
            ["convert", "-f", "raw", "-O", "qcow2", "-o", options, judge::text(&raw), judge::text(&path)];
        qemu.agrees(&line);
        damage(&std::fs::read(&path).unwrap());
    }
}

/// Reads an image damaged in many ways; anything but a panic is fine.
fn damage(good: &[u8]) {
    let read_all = |bytes: &[u8]| {
        let Ok(reader) = Reader::open(bytes) else { return };
        let _ = dump(&reader);
        let mut buf = vec![0; 65_536];
        for at in (0..reader.len().min(2 << 20)).step_by(65_536) {
            let _ = reader.read_exact_at(&mut buf, at);
        }
    };
    judge::damaged(&good[..160], |bad| read_all(&[bad, &good[bad.len()..]].concat()));
    for length in (0..good.len()).step_by(4001) {
        read_all(&good[..length]);
    }
    for at in (65_536..good.len()).filter(|at| good[*at] != 0).step_by(61) {
        let mut bad = good.to_vec();
        bad[at] ^= 0x41;
        read_all(&bad);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_disk_reads_back(parts in prop::collection::vec((0u64..1 << 21, 1usize..200_000, 0u8..3), 0..6)) {
        let mut disk = Memory::new((1 << 21) + 300_000);
        for (at, length, what) in parts {
            let bytes = if what == 0 { judge::noise(length, at) } else { vec![what - 1; length] };
            disk.write_all_at(&bytes, at).unwrap();
        }
        let all = |d: &dyn ReadAt| read_vec(d, 0, d.len()).unwrap();
        for (_, codec) in CODECS {
            let bytes = image(&disk, codec);
            let reader = Reader::open(bytes.as_slice()).unwrap();
            prop_assert!(all(&reader) == all(&disk));
        }
    }
}
