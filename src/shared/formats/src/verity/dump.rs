//! Formats a verity superblock as text, for review and `inspect`.

use std::fmt::Write;

use super::{Superblock, hex};

/// Returns the superblock as text, one field a line.
#[must_use]
pub fn dump(superblock: &Superblock) -> String {
    let mut text = String::new();
    let Superblock { uuid, data_blocks, salt } = superblock;
    let lines = [("uuid", hex(uuid)), ("data blocks", data_blocks.to_string()), ("salt", hex(salt))];
    for (name, value) in lines {
        writeln!(text, "{name:12} {value}").expect("writing to a string does not fail");
    }
    text
}
