//! A path of the root as JSON.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use data_encoding::HEXLOWER;
use image::inspect::{Entry, EntryKind};
use serde_json::{Map, Value, json};

use crate::output;

/// Returns one path and its attributes. A name that is not UTF-8 is `{"bytes": HEX}`.
pub(super) fn entry(entry: &Entry) -> Value {
    let name = |bytes: &[u8]| output::path(Path::new(OsStr::from_bytes(bytes)));
    let device = |major: &u32, minor: &u32| json!({ "major": major, "minor": minor });
    let (kind, extra) = match &entry.kind {
        EntryKind::File => ("file", Some(("bytes", json!(entry.size)))),
        EntryKind::Directory => ("directory", None),
        EntryKind::Symlink(to) => ("symlink", Some(("target", name(to)))),
        EntryKind::CharDevice(major, minor) => ("character-device", Some(("device", device(major, minor)))),
        EntryKind::BlockDevice(major, minor) => ("block-device", Some(("device", device(major, minor)))),
        EntryKind::Fifo => ("fifo", None),
    };
    let xattrs: Map<String, Value> =
        entry.xattrs.iter().map(|(name, value)| (name.clone(), json!(HEXLOWER.encode(value)))).collect();
    let mut value = json!({
        "path": name(&[b"/", &entry.path[..]].concat()),
        "type": kind,
        "mode": format!("{:04o}", entry.mode),
        "links": entry.links,
        "uid": entry.uid,
        "gid": entry.gid,
        "xattrs": xattrs,
    });
    if let Some((key, extra)) = extra {
        value[key] = extra;
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn of(path: &[u8], kind: EntryKind) -> Value {
        let xattrs = BTreeMap::from([("security.capability".to_owned(), vec![1, 0xff])]);
        let path = path.to_vec();
        entry(&Entry { path, kind, mode: 0o4755, uid: 1, gid: 2, size: 3, links: 1, inode: 9, xattrs })
    }

    #[test]
    fn a_path_is_one_value_whatever_its_name() {
        let file = of(b"a\nb", EntryKind::File);
        assert_eq!(
            (&file["path"], &file["bytes"], &file["mode"]),
            (&json!("/a\nb"), &json!(3), &json!("4755"))
        );
        assert_eq!(file["xattrs"], json!({ "security.capability": "01ff" }));
        let link = of(b"\xff", EntryKind::Symlink(b"to".to_vec()));
        assert_eq!((&link["path"], &link["target"]), (&json!({ "bytes": "2fff" }), &json!("to")));
        let device = of(b"null", EntryKind::CharDevice(1, 3));
        assert_eq!(device["device"], json!({ "major": 1, "minor": 3 }));
    }
}
