//! Times as text: Gregorian, UTC.

/// Returns a time as `2026-09-12T07:55:41Z`.
pub(crate) fn iso(epoch: u64) -> String {
    let (date, [h, m, s]) = civil(epoch);
    format!("{date}T{h:02}:{m:02}:{s:02}Z")
}

/// Returns a time as `2026-09-12 07:55:41 UTC`.
pub(crate) fn utc(epoch: u64) -> String {
    let (date, [h, m, s]) = civil(epoch);
    format!("{date} {h:02}:{m:02}:{s:02} UTC")
}

/// Splits seconds since 1970 into a date and hours, minutes, seconds (Gregorian, UTC).
fn civil(epoch: u64) -> (String, [u64; 3]) {
    let leap = |y: u64| (y.is_multiple_of(4) && !y.is_multiple_of(100)) || y.is_multiple_of(400);
    let (mut days, seconds) = (epoch / 86400, epoch % 86400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (format!("{year}-{month:02}-{:02}", days + 1), [seconds / 3600, seconds / 60 % 60, seconds % 60])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_times() {
        for (epoch, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00:00 UTC"),
            (1_798_761_599, "2026-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(epoch), text);
        }
    }
}
