//! A listing as text, one line a path, for review and `inspect`.

use std::fmt::Write;

use super::{Entry, EntryKind};

/// Returns `entries` as text, in the manner of `ls -l`: type and mode, links, owner, size or device,
/// path, and what a link leads to; attributes on lines of their own.
#[must_use]
pub fn dump(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let path = String::from_utf8_lossy(&entry.path);
        let (letter, size, target) = match &entry.kind {
            EntryKind::File => ('-', entry.size.to_string(), String::new()),
            EntryKind::Directory => ('d', "-".into(), String::new()),
            EntryKind::Symlink(to) => ('l', "-".into(), format!(" -> {}", String::from_utf8_lossy(to))),
            EntryKind::CharDevice(major, minor) => ('c', format!("{major},{minor}"), String::new()),
            EntryKind::BlockDevice(major, minor) => ('b', format!("{major},{minor}"), String::new()),
            EntryKind::Fifo => ('p', "-".into(), String::new()),
        };
        let Entry { mode, links, uid, gid, .. } = entry;
        let line = format!("{letter}{mode:04o} {links:3} {uid}:{gid} {size:>10} /{path}{target}");
        writeln!(text, "{line}").expect("writing to a string does not fail");
        for (name, value) in &entry.xattrs {
            let value: String = value.iter().map(|b| format!("{b:02x}")).collect();
            writeln!(text, "      {name} = {value}").expect("writing to a string does not fail");
        }
    }
    text
}
