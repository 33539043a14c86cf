//! The part of a file that a request names: RFC 9110, section 14. Pure.

use std::ops::Range;

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    All,
    /// These bytes.
    Some(Range<u64>),
    /// Nothing: the range begins after the end.
    Outside,
}

/// Reads the value of the field `Range`, for something of `bytes` bytes. What is no single range of bytes counts as absent, as
/// section 14.2 allows.
pub(crate) fn part(value: Option<&str>, bytes: u64) -> Part {
    let Some(range) = value.and_then(|v| v.strip_prefix("bytes=")).and_then(|v| v.split_once('-')) else {
        return Part::All;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (start, end) = match (range.0.trim(), range.1.trim()) {
        ("", last) => match number(last) {
            Some(last) => (bytes.saturating_sub(last), bytes),
            None => return Part::All,
        },
        (first, "") => match number(first) {
            Some(first) => (first, bytes),
            None => return Part::All,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(bytes)),
            _ => return Part::All,
        },
    };
    if start < end { Part::Some(start..end) } else { Part::Outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_range_is_taken() {
        let cases = [
            ("bytes=0-0", Part::Some(0..1)),
            ("bytes=2-", Part::Some(2..10)),
            ("bytes=-3", Part::Some(7..10)),
            ("bytes=-30", Part::Some(0..10)),
            ("bytes=8-99999999999999999999999", Part::Some(8..10)),
            ("bytes=10-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=3-2", Part::All),
            ("bytes=0-1,4-5", Part::All),
            ("bytes=a-", Part::All),
            ("bytes=+1-2", Part::All),
            ("lines=0-1", Part::All),
        ];
        for (value, expected) in cases {
            assert_eq!(part(Some(value), 10), expected, "{value}");
        }
        assert_eq!(part(None, 10), Part::All);
        assert_eq!(part(Some("bytes=-5"), 0), Part::Outside);
    }
}
