//! Formats the sections of an image as text, for review and `inspect`.

use std::fmt::Write;

use super::Section;

/// Maximum length of a text that is included.
const SHOWN_BYTES: usize = 512;

/// Returns the sections as text: name, address, length in memory and in the file, followed by short texts.
#[must_use]
pub fn dump(sections: &[Section<'_>]) -> String {
    let mut text = String::new();
    for section in sections {
        let Section { name, address, virtual_size, bytes } = section;
        let line = format!("{name:10} {address:#010x} {virtual_size:>10} {:>10}", bytes.len());
        writeln!(text, "{line}").expect("writing to a string does not fail");
        let told = [".osrel", ".cmdline", ".uname"].contains(&name.as_str()) && bytes.len() <= SHOWN_BYTES;
        for line in String::from_utf8_lossy(bytes).lines().filter(|_| told) {
            writeln!(text, "           {}", line.escape_debug()).expect("writing to a string does not fail");
        }
    }
    text
}
