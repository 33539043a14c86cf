//! Formats a table as text, for review and `inspect`.

use std::fmt::Write;

use super::Table;

/// Returns the table as text, one partition a line.
#[must_use]
pub fn dump(table: &Table) -> String {
    let mut text = format!("disk {} of {} blocks\n", table.disk_guid, table.disk_blocks);
    for p in &table.partitions {
        let (name, first, last, flags) = (&p.name, p.first_lba, p.last_lba, p.attributes);
        let line = format!(
            "{:3} {first:>10} {last:>10} {flags:#018x} {} {} {name}",
            p.number, p.type_guid, p.unique_guid
        );
        writeln!(text, "{line}").expect("writing to a string does not fail");
    }
    text
}
