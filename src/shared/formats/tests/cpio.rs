//! cpio: the GNU tool lists what was written.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use std::io::Write;
use std::process::{Command, Stdio};

use formats::cpio::{CpioError, write};
use formats::tree::{Kind, Node, Tree};
use proptest::prelude::*;

fn archive(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    let length = write(tree, 1_700_000_000, &mut bytes).unwrap();
    assert_eq!(length, bytes.len() as u64);
    assert_eq!(length % 4, 0);
    bytes
}

fn sample() -> Tree {
    let mut tree = Tree::new();
    tree.insert("init", Node { uid: 1, ..Node::file(b"#!ironhull\n".to_vec(), 0o755) }).unwrap();
    tree.insert("again", Node::new(Kind::Hardlink("init".into()), 0)).unwrap();
    tree.insert("dev/console", Node::new(Kind::CharDevice(5, 1), 0o600)).unwrap();
    tree.insert("bin", Node::symlink("usr/bin")).unwrap();
    tree.insert("pipe", Node::new(Kind::Fifo, 0o600)).unwrap();
    tree.insert("empty", Node::file(vec![], 0o644)).unwrap();
    tree
}

/// Runs cpio in `directory` on the archive; returns its output.
fn ask(arguments: &[&str], archive: &[u8], directory: &std::path::Path) -> Option<String> {
    judge::find("cpio")?;
    let mut command = Command::new("cpio");
    command.args(arguments).current_dir(directory).env("TZ", "UTC").env("LC_ALL", "C");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(archive).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    Some(said)
}

#[test]
fn the_tool_lists_the_tree() {
    let directory = tempfile::tempdir().unwrap();
    let Some(said) = ask(&["-t", "--quiet"], &archive(&sample()), directory.path()) else { return };
    let expected = ["again", "bin", "dev", "dev/console", "empty", "init", "pipe"];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    let said = ask(&["-tvn", "--quiet"], &archive(&sample()), directory.path()).unwrap();
    assert!(said.contains("-rwxr-xr-x   2 1        0              11 Nov 14  2023 init"), "{said}");
    assert!(said.contains("bin -> usr/bin") && said.contains("5,   1"), "{said}");
}

#[test]
fn the_tool_extracts_files_and_links() {
    let mut tree = sample();
    tree.remove("dev");
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    if ask(&["-id", "--quiet", "--no-preserve-owner"], &archive(&tree), place).is_none() {
        return;
    }
    for name in ["init", "again"] {
        assert_eq!(std::fs::read(place.join(name)).unwrap(), b"#!ironhull\n");
    }
    assert_eq!(std::fs::read_link(place.join("bin")).unwrap().to_str(), Some("usr/bin"));
}

#[test]
fn the_bytes_are_pinned() {
    assert_eq!(
        judge::sha256(&archive(&sample())),
        "094d388a6bd8ed9a103bed7f44cd981262249e19beea169b7b7e823522210bbb"
    );
}

#[test]
fn what_has_no_place_is_refused() {
    let refused = |node: Node| {
        let mut tree = Tree::new();
        tree.insert("x", node).unwrap();
        write(&tree, 0, std::io::sink()).unwrap_err()
    };
    assert!(matches!(refused(Node::new(Kind::Hardlink("y".into()), 0)), CpioError::Hardlink { .. }));
    let mut node = Node::file(vec![], 0o644);
    node.xattrs.insert("user.x".into(), vec![]);
    assert!(matches!(refused(node), CpioError::Xattrs { .. }));
}

proptest! {
    #[test]
    fn any_archive_is_records_and_a_trailer(
        files in prop::collection::btree_map("[a-z]{1,40}", prop::collection::vec(any::<u8>(), 0..500), 0..30)
    ) {
        let mut tree = Tree::new();
        for (path, bytes) in &files {
            tree.insert(path, Node::file(bytes.clone(), 0o644)).unwrap();
        }
        let archive = archive(&tree);
        let number = |at: usize| usize::from_str_radix(std::str::from_utf8(&archive[at..at + 8]).unwrap(), 16).unwrap();
        let mut at = 0;
        for (path, bytes) in &files {
            prop_assert_eq!(&archive[at..at + 6], b"070701");
            let (length, name) = (number(at + 54), number(at + 94));
            prop_assert_eq!(&archive[at + 110..at + 110 + name - 1], path.as_bytes());
            at = (at + 110 + name).next_multiple_of(4);
            prop_assert_eq!(&archive[at..at + length], &bytes[..]);
            at = (at + length).next_multiple_of(4);
        }
        prop_assert_eq!(&archive[at + 110..at + 120], b"TRAILER!!!");
    }
}
