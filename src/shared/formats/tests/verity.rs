//! dm-verity: byte-identical to `veritysetup format`, accepted by `veritysetup verify`.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use std::io::Write;

use formats::verity::{Hasher, Superblock, Verity, dump};

const SALT: [u8; 32] = [0x5a; 32];

fn tree(data: &[u8]) -> Verity {
    let mut hasher = Hasher::new(SALT);
    hasher.write_all(data).unwrap();
    hasher.finish().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn veritysetup_writes_the_same_bytes() {
    let Some(veritysetup) = judge::find("veritysetup") else { return };
    let directory = tempfile::tempdir().unwrap();
    let (data_file, hash_file) = (directory.path().join("data"), directory.path().join("hash"));
    for blocks in [1, 2, 127, 128, 129, 300, 128 * 128 + 1] {
        let data = judge::noise(blocks * 4096, blocks as u64);
        let tree = tree(&data);
        let mut ours = Vec::new();
        tree.write(*b"0123456789abcdef", &mut ours).unwrap();
        assert_eq!(ours.len() as u64, tree.hash_area_bytes());
        std::fs::write(&data_file, &data).unwrap();
        std::fs::write(&hash_file, []).unwrap();
        let uuid = "--uuid=30313233-3435-3637-3839-616263646566";
        let salt = format!("--salt={}", hex(&SALT));
        let said =
            veritysetup.agrees(&["format", uuid, &salt, judge::text(&data_file), judge::text(&hash_file)]);
        assert!(said.contains(&hex(&tree.root_hash)), "{blocks} blocks: {said}");
        let theirs = std::fs::read(&hash_file).unwrap();
        // veritysetup does not write the rest of the superblock's block.
        assert!(ours == theirs || (blocks == 1 && ours[..512] == theirs[..512]), "{blocks} blocks");
    }
}

#[test]
fn veritysetup_verifies_a_root_slot() {
    let Some(veritysetup) = judge::find("veritysetup") else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("slot");
    let mut slot = judge::noise(500 * 4096, 1);
    let tree = tree(&slot);
    tree.write([1; 16], &mut slot).unwrap();
    std::fs::write(&file, &slot).unwrap();
    let (file, offset) = (judge::text(&file), format!("--hash-offset={}", 500 * 4096));
    let root = hex(&tree.root_hash);
    veritysetup.agrees(&["verify", &offset, file, file, &root]);
    slot[123_456] ^= 1;
    std::fs::write(file, &slot).unwrap();
    assert!(!veritysetup.ask(&["verify", &offset, file, file, &root]).0);
}

#[test]
fn the_root_hash_is_pinned() {
    let data = judge::noise(300 * 4096, 7);
    assert_eq!(
        hex(&tree(&data).root_hash),
        "d552d6e2cc69729d72702f942328b66fe51cd1a20e03b9ab003351f0d2f6f967"
    );
}

#[test]
fn a_superblock_as_text() {
    let superblock = Superblock { uuid: [0x11; 16], data_blocks: 9, salt: [0x22; 32] };
    let expected =
        format!("uuid         {}\ndata blocks  9\nsalt         {}\n", "11".repeat(16), "22".repeat(32));
    assert_eq!(dump(&superblock), expected);
}

#[test]
fn damaged_superblocks_are_errors_at_worst() {
    let good = Superblock { uuid: [1; 16], data_blocks: 9, salt: SALT }.to_block();
    judge::damaged(&good, |bad| {
        let _ = Superblock::parse(bad);
    });
}
