//! Device paths: how the firmware describes that a partition is on a disk. Pure.
//!
//! A path is a sequence of nodes: type, subtype, and length including these four bytes (little-endian). The
//! path of a partition is the path of its disk, a hard drive node, and the end node. Spec: 10.3.

/// Bytes of a node's header.
pub(crate) const NODE_HEADER: usize = 4;
/// Longest accepted path in bytes.
pub(crate) const LONGEST: usize = 4096;
/// Types and subtypes.
const END: u8 = 0x7f;
const MEDIA: u8 = 4;
const HARD_DRIVE: u8 = 1;
const CD: u8 = 2;
/// The hard drive node: its length, the offsets of number and signature, and the signature type for a GUID.
const HARD_DRIVE_BYTES: usize = 42;
const NUMBER_AT: usize = 4;
const SIGNATURE_AT: usize = 24;
const KIND_AT: usize = 41;
const GUID: u8 = 2;

/// The path of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionPath<'a> {
    /// The path of its disk, without the end node.
    pub disk: &'a [u8],
    /// Its number in the partition table.
    pub number: u32,
    /// Its unique GUID in disk format.
    pub unique: [u8; 16],
}

/// Returns the length of the node at the start of these bytes; `None` if it is malformed.
pub(crate) fn node_bytes(node: &[u8]) -> Option<usize> {
    let bytes = usize::from(u16::from_le_bytes([*node.get(2)?, *node.get(3)?]));
    (NODE_HEADER..=LONGEST).contains(&bytes).then_some(bytes)
}

/// Returns whether the node at the start of these bytes is the end node.
pub(crate) fn is_end(node: &[u8]) -> bool {
    node.first() == Some(&END)
}

/// Parses the path of a GPT partition; `None` for any other path.
pub(crate) fn partition(path: &[u8]) -> Option<PartitionPath<'_>> {
    let (disk, node) = last_node(path, HARD_DRIVE)?;
    let is_gpt = node.len() == HARD_DRIVE_BYTES && node.get(KIND_AT) == Some(&GUID);
    let number = array(node, NUMBER_AT).map(u32::from_le_bytes)?;
    is_gpt.then_some(PartitionPath { disk, number, unique: array(node, SIGNATURE_AT)? })
}

/// Parses the path of a boot image on a CD (El Torito): returns the path of the CD, without the end node; `None` for
/// any other path.
pub(crate) fn cd(path: &[u8]) -> Option<&[u8]> {
    last_node(path, CD).map(|(disk, _)| disk)
}

/// Returns the first media node of this subtype, if it is the last node, and the path before it.
fn last_node(path: &[u8], subtype: u8) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        let node = path.get(at..)?;
        let bytes = node_bytes(node)?;
        let node = node.get(..bytes)?;
        if is_end(node) {
            return None;
        }
        if node.starts_with(&[MEDIA, subtype]) {
            let is_last = path.get(at + bytes..).is_some_and(is_end);
            return Some((path.get(..at)?, node)).filter(|_| is_last);
        }
        at += bytes;
    }
}

/// Returns whether `path` is that of the whole disk: `disk` and the end node.
pub(crate) fn is_disk(path: &[u8], disk: &[u8]) -> bool {
    path.strip_prefix(disk).is_some_and(is_end)
}

/// Returns the `N` bytes at `at`.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PCI root, PCI device, and a function number to tell disks apart.
    fn disk(function: u8) -> Vec<u8> {
        let mut path = vec![2, 1, 12, 0, 0xd0, 0x41, 3, 0x0a, 0, 0, 0, 0];
        path.extend([1, 1, 6, 0, function, 5]);
        path
    }

    fn drive(number: u8, unique: u8, kind: u8) -> Vec<u8> {
        let mut node = vec![4, 1, 42, 0, number, 0, 0, 0];
        node.extend([9; 16]);
        node.extend([unique; 16]);
        node.extend([2, kind]);
        node
    }

    const THE_END: [u8; 4] = [0x7f, 0xff, 4, 0];

    fn join(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn a_partition_is_its_disk_and_a_hard_drive_node() {
        let path = join(&[&disk(1), &drive(3, 7, 2), &THE_END]);
        let found = partition(&path).unwrap();
        assert_eq!((found.disk, found.number, found.unique), (&disk(1)[..], 3, [7; 16]));
    }

    #[test]
    fn other_paths_are_no_partition() {
        let cases = [
            ("a disk", join(&[&disk(1), &THE_END])),
            ("an MBR partition", join(&[&disk(1), &drive(1, 7, 1), &THE_END])),
            ("a file on a partition", join(&[&disk(1), &drive(1, 7, 2), &[4, 4, 6, 0, 0, 0], &THE_END])),
            ("no end", join(&[&disk(1), &drive(1, 7, 2)])),
            ("cut off", join(&[&disk(1), &drive(1, 7, 2)[..30]])),
            ("a node without length", join(&[&disk(1), &[1, 1, 0, 0], &THE_END])),
            ("nothing", vec![]),
        ];
        for (name, path) in cases {
            assert_eq!(partition(&path), None, "{name}");
        }
    }

    #[test]
    fn a_boot_image_is_its_cd_and_a_cd_node() {
        let mut node = vec![4, 2, 24, 0, 1, 0, 0, 0];
        node.extend([7; 16]);
        let path = join(&[&disk(1), &node, &THE_END]);
        assert_eq!((cd(&path), partition(&path)), (Some(&disk(1)[..]), None));
        assert_eq!(cd(&join(&[&disk(1), &node, &[4, 4, 6, 0, 0, 0], &THE_END])), None, "a file on it");
        assert_eq!(cd(&join(&[&disk(1), &drive(1, 7, 2), &THE_END])), None, "a partition");
        assert_eq!(cd(&join(&[&disk(1), &THE_END])), None);
    }

    #[test]
    fn a_disk_is_recognised_by_its_whole_path() {
        let own = disk(1);
        assert!(is_disk(&join(&[&own, &THE_END]), &own));
        assert!(!is_disk(&join(&[&disk(2), &THE_END]), &own));
        assert!(!is_disk(&join(&[&own, &drive(1, 7, 2), &THE_END]), &own));
        assert!(!is_disk(&own, &own));
    }

    #[test]
    fn any_cut_or_flip_is_survived() {
        let path = join(&[&disk(1), &drive(3, 7, 2), &THE_END]);
        for at in 0..path.len() {
            let _ = partition(&path[..at]);
            for bit in 0..8 {
                let mut bad = path.clone();
                bad[at] ^= 1 << bit;
                let _ = (partition(&bad), cd(&bad));
            }
        }
    }
}
