//! Dates as written in Debian's release files. Pure.

use std::fmt;

/// Month names of RFC 5322.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A point in time such as `Sat, 12 Sep 2026 07:55:41 UTC`; displayed as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Date {
    text: String,
    epoch: u64,
}

impl Date {
    /// Parses a date; `None` if it is malformed or not in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Date> {
        let (_, rest) = text.split_once(", ")?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [day, month, year, clock, "UTC" | "GMT" | "+0000"] = words[..] else { return None };
        let month = MONTHS.iter().position(|m| *m == month)? as u64 + 1;
        let [hour, minute, second] = clock.split(':').map(|n| n.parse::<u64>().ok()).collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let days = days_since_1970(year.parse().ok()?, month, day.parse().ok()?)?;
        let (hour, minute, second) = (hour?, minute?, second?);
        let sound = hour < 24 && minute < 60 && second < 60;
        let epoch = days * 86_400 + hour * 3600 + minute * 60 + second;
        sound.then(|| Date { text: text.to_owned(), epoch })
    }

    /// Returns the seconds since 1970.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the number of days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last day of the year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = 365 * y + y / 4 - y / 100 + y / 400;
    let before_month = (153 * m + 2) / 5;
    // There are 719,468 days between 0000-03-01 and 1970-01-01.
    (before_year + before_month + day - 1).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let cases = [
            ("Thu, 01 Jan 1970 00:00:00 UTC", Some(0)),
            ("Sat, 12 Sep 2026 07:55:41 UTC", Some(1_789_199_741)),
            ("Sat, 12 Sep 2026 07:55:41 +0000", Some(1_789_199_741)),
            ("Thu, 29 Feb 2024 23:59:59 UTC", Some(1_709_251_199)),
            ("Sat, 12 Sep 2026 07:55:41 CET", None),
            ("Sat, 12 Sep 2026 27:55:41 UTC", None),
            ("Sat, 12 Sep 2026 07:99:41 UTC", None),
            ("Sat, 12 Foo 2026 07:55:41 UTC", None),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Date::parse(text).map(|d| d.epoch()), expected, "{text}");
        }
        assert_eq!(Date::parse(cases[1].0).unwrap().to_string(), cases[1].0);
    }
}
