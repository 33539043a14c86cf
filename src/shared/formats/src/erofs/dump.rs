//! Formats a listing as text, one path a line, for review and `inspect`.

use std::fmt::Write;

use data_encoding::HEXLOWER;

use super::{Entry, EntryKind};

/// Returns `entries` as text similar to `ls -l`: type and mode, links, owner, size or device, path, and the
/// target of a link; attributes on lines of their own. Characters of a name that could affect the terminal or
/// forge lines are escaped as in a Rust string, bytes that are not UTF-8 as `\xNN`.
#[must_use]
pub fn dump(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let path = escaped(&entry.path);
        let (letter, size, target) = match &entry.kind {
            EntryKind::File => ('-', entry.size.to_string(), String::new()),
            EntryKind::Directory => ('d', "-".into(), String::new()),
            EntryKind::Symlink(to) => ('l', "-".into(), format!(" -> {}", escaped(to))),
            EntryKind::CharDevice(major, minor) => ('c', format!("{major},{minor}"), String::new()),
            EntryKind::BlockDevice(major, minor) => ('b', format!("{major},{minor}"), String::new()),
            EntryKind::Fifo => ('p', "-".into(), String::new()),
        };
        let Entry { mode, links, uid, gid, .. } = entry;
        let line = format!("{letter}{mode:04o} {links:3} {uid}:{gid} {size:>10} /{path}{target}");
        writeln!(text, "{line}").expect("writing to a string does not fail");
        for (name, value) in &entry.xattrs {
            let value = HEXLOWER.encode(value);
            let name = escaped(name.as_bytes());
            writeln!(text, "      {name} = {value}").expect("writing to a string does not fail");
        }
    }
    text
}

/// Returns a name as printable text on one line; different names give different texts.
fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '"' => text.push(c),
                c => text.extend(c.escape_debug()),
            }
        }
        chunk.invalid().iter().for_each(|b| text.push_str(&format!("\\x{b:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_neither_forge_a_line_nor_reach_a_terminal() {
        for (name, expected) in [
            ("usr/bin/[", "usr/bin/["),
            ("it's \"é\"", "it's \"é\""),
            ("a\n-0644", "a\\n-0644"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\\n", "a\\\\n"),
        ] {
            assert_eq!(escaped(name.as_bytes()), expected);
        }
        assert_eq!(escaped(b"a\xff\xc3b"), "a\\xff\\xc3b");
    }
}
