//! Values with units, as typed on the command line.

use std::time::Duration;

/// Parses a size such as `4G`, `512M` or `1048576` into bytes; units are powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let units = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];
    let suffixes =
        |unit: &str| [format!("{unit}iB"), format!("{unit}i"), format!("{unit}B"), unit.to_owned()];
    let found = units.iter().find_map(|(unit, shift)| {
        suffixes(unit).iter().find_map(|s| text.strip_suffix(s.as_str())).map(|digits| (digits, *shift))
    });
    let (digits, shift) = found.unwrap_or((text, 0));
    let number: u64 = digits.parse().map_err(|_| "expected a size such as 4G or 512M".to_owned())?;
    number.checked_mul(1 << shift).filter(|b| *b > 0).ok_or_else(|| "size is out of range".to_owned())
}

/// Parses a time such as `90`, `90s`, `10m`, `8h` or `30d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (digits, secs) = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        .iter()
        .find_map(|(unit, secs)| text.strip_suffix(unit).map(|digits| (digits, *secs)))
        .unwrap_or((text, 1));
    let number: u64 = digits.parse().map_err(|_| "expected a time such as 90s, 10m, 8h or 30d".to_owned())?;
    let secs = number.checked_mul(secs).filter(|s| *s <= 100 * 366 * 86_400);
    secs.map(Duration::from_secs).ok_or_else(|| "time is out of range".to_owned())
}

/// Parses a signal by its name, with or without `SIG`, or its number.
pub(super) fn signal(text: &str) -> Result<i32, String> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let named = [("HUP", 1), ("INT", 2), ("QUIT", 3), ("ABRT", 6), ("KILL", 9), ("USR1", 10), ("USR2", 12)];
    let more = [("TERM", 15), ("CONT", 18), ("STOP", 19)];
    let by_name = named.iter().chain(&more).find(|(n, _)| *n == name).map(|(_, number)| *number);
    by_name
        .or_else(|| text.parse().ok().filter(|n| (1..=64).contains(n)))
        .ok_or_else(|| "expected a signal such as HUP, TERM, KILL or a number from 1 to 64".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1", 1), ("512M", 512 << 20), ("4G", 4 << 30), ("4GiB", 4 << 30), ("2KB", 2048)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "G", "-1", "0", "4 G", "1.5G", "99999999999T", "4g"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn signals() {
        for (text, number) in [("KILL", 9), ("sigterm", 15), ("hup", 1), ("34", 34)] {
            assert_eq!(signal(text), Ok(number), "{text}");
        }
        for bad in ["", "0", "65", "-9", "FOO", "SIG"] {
            assert!(signal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times() {
        for (text, secs) in [("90", 90), ("90s", 90), ("10m", 600), ("8h", 28_800), ("30d", 2_592_000)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(secs)), "{text}");
        }
        for bad in ["", "h", "1w", "-1s", "99999999999999999h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
