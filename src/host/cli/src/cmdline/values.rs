//! Values with units in command-line arguments.

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use config::{DiskSelector, Output};

/// Bounds of a machine's memory in bytes.
const MIN_MEMORY: u64 = 1 << 30;
const MAX_MEMORY: u64 = 1 << 40;

/// Parses a size such as `4G`, `512M` or `1048576` into bytes; units are powers of 1024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
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

/// Parses the memory size of a machine; with less than a cluster needs, firmware and kernel would fail in
/// obscure ways.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    match (MIN_MEMORY..=MAX_MEMORY).contains(&bytes) {
        true => Ok(bytes),
        false => Err("expected 1G to 1T".to_owned()),
    }
}

/// Parses an output format by its name in a profile.
pub(super) fn output() -> impl TypedValueParser<Value = Output> {
    let words = Output::ALL.map(|output| PossibleValue::new(output.name()).help(output.help()));
    PossibleValuesParser::new(words)
        .map(|word| Output::from_name(&word).expect("only the words of outputs are taken"))
}

/// Checks the URL of a Debian mirror.
pub(super) fn mirror(text: &str) -> Result<String, String> {
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let sound =
        host.is_some_and(|h| !h.is_empty() && !h.starts_with('/') && !h.contains(char::is_whitespace));
    if sound { Ok(text.to_owned()) } else { Err("expected an address with http:// or https://".to_owned()) }
}

/// Parses the conditions on a disk.
pub(super) fn disk_selector(text: &str) -> Result<DiskSelector, String> {
    DiskSelector::parse(text)
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

/// Parses a time such as `2026-09-12T07:55:41Z` into seconds since 1970.
pub(super) fn utc(text: &str) -> Result<u64, String> {
    api::parse_utc(text).ok_or_else(|| "expected a time such as 2026-09-12T07:55:41Z".to_owned())
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
    fn a_machine_has_memory_enough_for_a_cluster() {
        assert_eq!(memory("1024M"), Ok(1 << 30));
        assert_eq!(memory("1T"), Ok(1 << 40));
        for bad in ["64M", "1023M", "2T", "0", "x"] {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mirrors() {
        for good in ["http://a.example/debian", "https://127.0.0.1:3142"] {
            assert_eq!(mirror(good).as_deref(), Ok(good));
        }
        for bad in ["", "foo", "ftp://a", "file:///tmp", "http://", "http:///x", "http://a b"] {
            assert!(mirror(bad).is_err(), "{bad}");
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
