//! EROFS: what is written reads back, `fsck.erofs` extracts the same, and nothing hostile panics.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use formats::erofs::{Entry, EntryKind, ErofsError, Options, Reader, dump, write};
use formats::tree::{Kind, Node, Source, Tree};
use proptest::prelude::*;

const OPTIONS: Options = Options { uuid: *b"0123456789abcdef", epoch_secs: 1_700_000_000 };

fn image(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    let length = write(tree, &OPTIONS, &mut bytes).unwrap();
    assert_eq!(length, bytes.len() as u64);
    assert_eq!(length % 4096, 0);
    bytes
}

/// A tree with every kind of node.
fn sample() -> Tree {
    let mut tree = Tree::new();
    for length in [0, 1, 100, 4000, 4031, 4032, 4064, 4065, 4095, 4096, 4097, 8191, 8192, 100_000, 1 << 20] {
        let file = Node::file(judge::noise(length, length as u64), 0o640);
        tree.insert(&format!("files/{length}"), file).unwrap();
    }
    for i in 0..700 {
        let name = format!("many/{i:03}-{}", "x".repeat(i % 200));
        tree.insert(&name, Node::file(vec![i.to_le_bytes()[0]; i], 0o600)).unwrap();
    }
    tree.insert("many/!before-the-dot", Node::file(vec![], 0o600)).unwrap();
    tree.insert("files/link", Node::new(Kind::Hardlink("files/8191".into()), 0)).unwrap();
    tree.insert("a-link", Node::new(Kind::Hardlink("files/100".into()), 0)).unwrap();
    tree.insert("usr/bin/tool", Node::file(b"#!/bin/sh\n".to_vec(), 0o4755)).unwrap();
    tree.insert("bin", Node::symlink("usr/bin")).unwrap();
    tree.insert("long", Node::symlink("t/".repeat(2047))).unwrap();
    tree.insert("run/fifo", Node::new(Kind::Fifo, 0o622)).unwrap();
    tree.insert("var", Node { uid: 70_000, gid: 3, ..Node::directory() }).unwrap();
    tree.insert("var/owned", Node { uid: 5, gid: 80_000, ..Node::file(vec![1; 5000], 0o444) }).unwrap();
    let mut tool = Node::file(vec![7; 9000], 0o755);
    tool.xattrs.insert("security.capability".into(), vec![1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0]);
    tool.xattrs.insert("user.note".into(), vec![b'n'; 300]);
    tree.insert("usr/bin/ping", tool).unwrap();
    let mut big = Node::file(vec![8; 10], 0o755);
    big.xattrs.insert("user.big".into(), vec![b'b'; 5000]);
    tree.insert("usr/bin/big", big).unwrap();
    tree
}

/// Adds devices, which only root can extract.
fn with_devices(mut tree: Tree) -> Tree {
    tree.insert("dev/null", Node::new(Kind::CharDevice(1, 3), 0o666)).unwrap();
    tree.insert("dev/disk", Node::new(Kind::BlockDevice(259, 300), 0o660)).unwrap();
    tree
}

fn bytes_of(source: &dyn Source) -> Vec<u8> {
    let mut bytes = Vec::new();
    source.open().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Compares the listing of an image with its tree.
fn compare(tree: &Tree, image: &[u8]) {
    let reader = Reader::open(image).unwrap();
    assert_eq!((reader.uuid(), reader.epoch_secs()), (OPTIONS.uuid, OPTIONS.epoch_secs));
    let entries: BTreeMap<String, Entry> = reader
        .entries()
        .unwrap()
        .into_iter()
        .map(|e| (String::from_utf8(e.path.clone()).unwrap(), e))
        .collect();
    let mut count = 1;
    tree.walk(|path, node| {
        count += 1;
        let entry = &entries[path];
        let node = match &node.kind {
            Kind::Hardlink(target) => {
                assert_eq!(entry.inode, entries[target].inode, "{path}");
                tree.get(target).unwrap()
            }
            _ => node,
        };
        assert_eq!((entry.mode, entry.uid, entry.gid), (node.mode, node.uid, node.gid), "{path}");
        assert_eq!(entry.xattrs, node.xattrs, "{path}");
        match &node.kind {
            Kind::File(source) => assert!(reader.read(entry).unwrap() == bytes_of(source.as_ref()), "{path}"),
            Kind::Symlink(target) => assert_eq!(entry.kind, EntryKind::Symlink(target.clone())),
            Kind::CharDevice(a, b) => assert_eq!(entry.kind, EntryKind::CharDevice(*a, *b)),
            Kind::BlockDevice(a, b) => assert_eq!(entry.kind, EntryKind::BlockDevice(*a, *b)),
            Kind::Fifo => assert_eq!(entry.kind, EntryKind::Fifo),
            Kind::Directory(_) => assert_eq!(entry.kind, EntryKind::Directory),
            Kind::Hardlink(_) => unreachable!(),
        }
    });
    assert_eq!(entries.len(), count);
}

#[test]
fn reads_back_what_was_written() {
    let tree = with_devices(sample());
    compare(&tree, &image(&tree));
}

#[test]
fn counts_links_as_a_kernel_shows_them() {
    let bytes = image(&sample());
    let entries = Reader::open(bytes.as_slice()).unwrap().entries().unwrap();
    let links = |path: &[u8]| entries.iter().find(|e| e.path == path).unwrap().links;
    assert_eq!(links(b"files/100"), 2);
    assert_eq!(links(b"files/1"), 1);
    assert_eq!(links(b"usr"), 3);
    assert_eq!(links(b""), 7);
}

#[test]
fn the_root_comes_first() {
    let bytes = image(&sample());
    // `root_nid` of the superblock, which has 16 bits: the first slot is never used.
    assert_eq!(bytes[1024 + 14..1024 + 16], [1, 0]);
}

#[test]
fn the_bytes_are_pinned() {
    let bytes = image(&with_devices(sample()));
    assert_eq!(judge::sha256(&bytes), PINNED);
}
const PINNED: &str = "bf4ba19904c3584c1209fb3ca06d3bcf4241273e2bee631bfa92517ea35fc527";

#[test]
fn an_empty_tree_is_a_file_system() {
    let bytes = image(&Tree::new());
    assert_eq!(bytes.len(), 8192);
    assert_eq!(
        dump(&Reader::open(bytes.as_slice()).unwrap().entries().unwrap()),
        "d0755   2 0:0          - /\n"
    );
}

#[test]
fn a_listing_shows_modes_owners_and_attributes() {
    let mut tree = Tree::new();
    let mut ping = Node { uid: 1, ..Node::file(vec![0; 12], 0o755) };
    ping.xattrs.insert("security.capability".into(), vec![1, 0xab]);
    tree.insert("ping", ping).unwrap();
    tree.insert("null", Node::new(Kind::CharDevice(1, 3), 0o666)).unwrap();
    tree.insert("sh", Node::symlink("dash")).unwrap();
    let bytes = image(&tree);
    let text = dump(&Reader::open(bytes.as_slice()).unwrap().entries().unwrap());
    let expected = "\
d0755   2 0:0          - /
c0666   1 0:0        1,3 /null
-0755   1 1:0         12 /ping
      security.capability = 01ab
l0777   1 0:0          - /sh -> dash
";
    assert_eq!(text, expected);
}

#[test]
fn fsck_extracts_the_same_tree() {
    let Some(fsck) = judge::find("fsck.erofs") else { return };
    let directory = tempfile::tempdir().unwrap();
    let root = std::fs::metadata(directory.path()).unwrap().uid() == 0;
    let tree = if root { with_devices(sample()) } else { sample() };
    let file = directory.path().join("image");
    std::fs::write(&file, image(&tree)).unwrap();
    let to = directory.path().join("extracted");
    let keep = if root { "--preserve-owner" } else { "--no-preserve-owner" };
    let extract = format!("--extract={}", judge::text(&to));
    fsck.agrees(&[&extract, "--preserve-perms", keep, judge::text(&file)]);
    let mut count = 0;
    tree.walk(|path, node| {
        count += 1;
        compare_extracted(&tree, (path, node), &to, root);
    });
    assert!(count > 700);
    // A name that sorts before "." in byte order, which is easily lost.
    assert!(to.join("many/!before-the-dot").exists());
}

fn compare_extracted(tree: &Tree, (path, node): (&str, &Node), to: &Path, root: bool) {
    let place = to.join(path);
    let found = std::fs::symlink_metadata(&place).unwrap_or_else(|e| panic!("{path}: {e}"));
    let node = match &node.kind {
        Kind::Hardlink(target) => tree.get(target).unwrap(),
        _ => node,
    };
    if root {
        assert_eq!((found.uid(), found.gid()), (node.uid, node.gid), "{path}");
    }
    let kind = found.file_type();
    match &node.kind {
        Kind::File(source) => assert!(std::fs::read(&place).unwrap() == bytes_of(source.as_ref()), "{path}"),
        Kind::Symlink(target) => {
            assert_eq!(std::fs::read_link(&place).unwrap().as_os_str().as_encoded_bytes(), target);
            return;
        }
        Kind::Directory(_) => assert!(kind.is_dir()),
        Kind::Fifo => assert!(kind.is_fifo()),
        Kind::CharDevice(1, 3) => assert!(kind.is_char_device() && found.rdev() == 0x103),
        Kind::BlockDevice(..) => assert!(kind.is_block_device()),
        _ => unreachable!(),
    }
    // fsck sets the owner last, which clears the special bits.
    assert_eq!(found.permissions().mode() & 0o777, u32::from(node.mode) & 0o777, "{path}");
}

#[test]
fn a_file_that_changed_its_length_is_named() {
    #[derive(Debug)]
    struct Wrong(u64, usize);
    impl Source for Wrong {
        fn len(&self) -> u64 {
            self.0
        }
        fn open(&self) -> std::io::Result<Box<dyn std::io::Read + Send>> {
            Ok(Box::new(std::io::Cursor::new(vec![1; self.1])))
        }
    }
    for (told, given) in [(10, 9), (10, 11), (5000, 4096), (5000, 100), (8192, 8193), (0, 1)] {
        let mut tree = Tree::new();
        tree.insert("dir/file", Node::file(Wrong(told, given), 0o644)).unwrap();
        let found = write(&tree, &OPTIONS, std::io::sink());
        if (told, given) == (0, 1) {
            continue;
        }
        let wrong = matches!(&found, Err(ErofsError::Length { path, expected })
            if path == "dir/file" && *expected == told);
        assert!(wrong, "{told} {given}: {found:?}");
    }
}

#[test]
fn damaged_images_are_errors_at_worst() {
    let mut tree = sample();
    tree.remove("many");
    tree.remove("files/1048576");
    let good = image(&tree);
    judge::damaged(&good, read_all);
    // The inodes are at the end; every byte there matters.
    for at in good.len() - 8192..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x11;
        read_all(&bad);
    }
}

fn read_all(bytes: &[u8]) {
    let Ok(reader) = Reader::open(bytes) else { return };
    let Ok(entries) = reader.entries() else { return };
    for entry in entries {
        let _ = reader.read(&entry);
    }
}

#[test]
fn a_directory_that_holds_itself_is_refused() {
    let mut tree = Tree::new();
    tree.insert("outer/inner", Node::directory()).unwrap();
    let mut bad = image(&tree);
    // Makes "inner" refer to the root, whose inode has the number 1.
    let at = bad.windows(5).position(|w| w == b"inner").unwrap();
    bad[at - 12..at - 4].copy_from_slice(&1u64.to_le_bytes());
    let found = Reader::open(bad.as_slice()).unwrap().entries();
    assert!(matches!(found, Err(ErofsError::Corrupt { what: "directory", .. })), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_tree_reads_back(
        files in prop::collection::btree_map("[a-d]{1,2}(/[a-z!]{1,60}){1,3}", (0usize..20_000, 0u32..80_000), 0..60)
    ) {
        let mut tree = Tree::new();
        for (path, (length, owner)) in files {
            let mut node = Node { uid: owner, ..Node::file(judge::noise(length, u64::from(owner)), 0o644) };
            if owner % 3 == 0 {
                node.xattrs.insert("user.x".into(), vec![1; length / 5]);
            }
            // Fails if a file is in the way of a directory, which is intended.
            let _ = tree.insert(&path, node);
        }
        let bytes = image(&tree);
        compare(&tree, &bytes);
        prop_assert!(bytes == image(&tree));
    }
}
