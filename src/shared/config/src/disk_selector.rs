//! Which disk is meant: conditions, all of which exactly one disk must satisfy. In documents a mapping, on the command line
//! `serial=X,size=100GiB..`.

use serde::Serialize;

/// Conditions on a disk. Which disks there are is the node's matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct DiskSelector {
    /// Device, such as `/dev/vda`. The kernel numbers disks in the order in which it finds them.
    pub path: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// World wide name, such as `naa.5000c500a1b2c3d4` or `eui.0025385b71b00f3a`.
    pub wwn: Option<String>,
    /// Model, as the disk tells it.
    pub model: Option<String>,
    /// Size: `500107862016`, `100GiB..`, `..2TiB` or `400GB..600GB`, both ends included.
    pub size: Option<String>,
    /// How it is attached: `virtio`, `nvme`, `sata`, `scsi`, `usb` or `mmc`.
    pub transport: Option<String>,
}

/// The ways in which a disk may be attached.
pub const TRANSPORTS: [&str; 6] = ["virtio", "nvme", "sata", "scsi", "usb", "mmc"];
/// Longest value in bytes.
const MAX_VALUE_BYTES: usize = 256;
/// Units of a size.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl DiskSelector {
    /// The keys, in the order of the documentation.
    pub const KEYS: [&str; 6] = ["path", "serial", "wwn", "model", "size", "transport"];

    /// Parses `key=value` conditions, separated by commas; a device path alone is a `path`.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub fn parse(text: &str) -> Result<DiskSelector, String> {
        if text.starts_with('/') {
            let mut selector = DiskSelector::default();
            selector.set("path", text)?;
            return Ok(selector);
        }
        let mut selector = DiskSelector::default();
        for condition in text.split(',') {
            let (key, value) = condition
                .split_once('=')
                .ok_or_else(|| format!("expected /dev/NAME or KEY=VALUE, found {condition:?}"))?;
            selector.set(key, value)?;
        }
        Ok(selector)
    }

    /// Sets a condition.
    ///
    /// # Errors
    /// What is wrong with key or value, in one line.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        check(key, value)?;
        let place = match key {
            "path" => &mut self.path,
            "serial" => &mut self.serial,
            "wwn" => &mut self.wwn,
            "model" => &mut self.model,
            "size" => &mut self.size,
            _ => &mut self.transport,
        };
        match place.replace(value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(format!("{key} is given twice")),
        }
    }

    /// Returns the conditions that are set.
    pub fn conditions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let values = [&self.path, &self.serial, &self.wwn, &self.model, &self.size, &self.transport];
        DiskSelector::KEYS.into_iter().zip(values).filter_map(|(key, value)| Some((key, value.as_deref()?)))
    }

    /// Returns the size's bounds in bytes, both included; all sizes if it is not set.
    #[must_use]
    pub fn size_bounds(&self) -> (u64, u64) {
        self.size.as_deref().and_then(|text| bounds(text).ok()).unwrap_or((0, u64::MAX))
    }
}

impl std::fmt::Display for DiskSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (key, value)) in self.conditions().enumerate() {
            write!(f, "{}{key}={value}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Checks a condition.
fn check(key: &str, value: &str) -> Result<(), String> {
    if !DiskSelector::KEYS.contains(&key) {
        return Err(format!("expected one of {}, found {key:?}", DiskSelector::KEYS.join(", ")));
    }
    if value.is_empty() || value.len() > MAX_VALUE_BYTES || value.chars().any(char::is_control) {
        return Err(format!("{key}: expected 1 to {MAX_VALUE_BYTES} printable characters"));
    }
    match key {
        "path" => {
            let name = value.strip_prefix("/dev/").filter(|name| !name.is_empty() && !name.contains('/'));
            name.map(drop).ok_or_else(|| format!("path: expected /dev/NAME, found {value:?}"))
        }
        "transport" if !TRANSPORTS.contains(&value) => {
            Err(format!("transport: expected one of {}, found {value:?}", TRANSPORTS.join(", ")))
        }
        "size" => bounds(value).map(drop),
        _ => Ok(()),
    }
}

/// Parses a size or a range of sizes.
fn bounds(text: &str) -> Result<(u64, u64), String> {
    let bad = || format!("size: expected 100GiB, 100GiB.., ..2TiB or 100GiB..2TiB, found {text:?}");
    let one = |text: &str| bytes(text).ok_or_else(bad);
    let (least, most) = match text.split_once("..") {
        None => (one(text)?, one(text)?),
        Some(("", "")) => return Err(bad()),
        Some((least, "")) => (one(least)?, u64::MAX),
        Some(("", most)) => (0, one(most)?),
        Some((least, most)) => (one(least)?, one(most)?),
    };
    if least <= most { Ok((least, most)) } else { Err(bad()) }
}

/// Parses a number of bytes with its unit.
fn bytes(text: &str) -> Option<u64> {
    let found = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (digits, factor) = found.unwrap_or((text, &1));
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| plain)?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_written_alike() {
        for text in ["path=/dev/vda", "serial=A B,size=100GiB..,transport=nvme", "wwn=eui.1,model=M=N"] {
            assert_eq!(DiskSelector::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(DiskSelector::parse("/dev/sda").unwrap(), DiskSelector::parse("path=/dev/sda").unwrap());
    }

    #[test]
    fn what_is_no_condition_is_told() {
        for (text, expected) in [
            ("", "expected /dev/NAME or KEY=VALUE, found \"\""),
            ("vda", "expected /dev/NAME or KEY=VALUE, found \"vda\""),
            ("name=vda", "expected one of path, serial, wwn, model, size, transport, found \"name\""),
            ("serial=", "serial: expected 1 to 256 printable characters"),
            ("serial=a,serial=b", "serial is given twice"),
            ("/dev/disk/by-id/x", "path: expected /dev/NAME, found \"/dev/disk/by-id/x\""),
            ("transport=ide", "transport: expected one of virtio, nvme, sata, scsi, usb, mmc, found \"ide\""),
        ] {
            assert_eq!(DiskSelector::parse(text).unwrap_err(), expected);
        }
        for size in
            ["", "..", "x", "1GiB..x", "2GiB..1GiB", "-1", "1 GiB", "99999999TiB", "1GiB...2GiB", "GiB"]
        {
            assert!(DiskSelector::parse(&format!("size={size}")).is_err(), "{size:?}");
        }
    }

    #[test]
    fn sizes_have_bounds() {
        let of = |text: &str| DiskSelector::parse(text).unwrap().size_bounds();
        assert_eq!(of("size=512"), (512, 512));
        assert_eq!(of("size=100GiB.."), (100 << 30, u64::MAX));
        assert_eq!(of("size=..2TB"), (0, 2_000_000_000_000));
        assert_eq!(of("size=1MiB..1GB"), (1 << 20, 1_000_000_000));
        assert_eq!(of("serial=x"), (0, u64::MAX));
    }
}
