//! Formats rows as a table or as JSON. Pure.

use serde_json::{Value as Json, json};

use super::machine::Host;
use super::row::Row;

/// Names of the columns.
const HEADER: [&str; 5] = ["WHAT", "OURS", "OTHER", "GOAL", "REACHED"];

/// Formats the rows as columns, below their names and the machine.
pub fn text(host: &Host, rows: &[Row]) -> String {
    let header = HEADER.map(str::to_owned).to_vec();
    let all: Vec<Vec<String>> = std::iter::once(header).chain(rows.iter().map(Row::cells)).collect();
    format!("{host}\n\n{}", columns(&all))
}

/// Formats only the rows.
pub fn lines(rows: &[Row]) -> String {
    columns(&rows.iter().map(Row::cells).collect::<Vec<_>>())
}

/// Formats cells as columns, separated by two spaces.
fn columns(lines: &[Vec<String>]) -> String {
    let width = |c: usize| lines.iter().filter_map(|l| l.get(c)).map(|t| t.chars().count()).max();
    let widths: Vec<usize> = (0..HEADER.len()).map(|c| width(c).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(t, w)| format!("{t:w$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Returns the rows as JSON.
pub fn json(host: &Host, rows: &[Row]) -> Json {
    json!({ "host": host.json(), "rows": rows.iter().map(Row::json).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::super::row::{Goal, Value};
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = Row::new("a name", Value::millis(5), Goal::BelowOther).against("t", Value::millis(6));
        let expected = "WHAT    OURS  OTHER     GOAL  REACHED\na name  5 ms  6 ms (t)  less  yes\n";
        let text = text(&Host::default(), std::slice::from_ref(&row));
        assert!(text.ends_with(expected), "{text}");
    }
}
