//! Which disk is meant: exactly one, or none. Pure.

use std::fmt::Write;

use api::Disk;
use config::DiskSelector;

/// Why no disk is chosen: a text of several lines, which lists the disks that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

/// The block size that a disk must have.
const BLOCK_BYTES: u32 = 512;

/// Returns the only disk that satisfies all conditions. The installation medium and what can't be written to are no
/// candidates.
///
/// # Errors
/// [`Refused`] if there is none, or more than one.
pub fn choose<'a>(
    disks: &'a [Disk],
    selector: &DiskSelector,
    medium: Option<&str>,
) -> Result<&'a Disk, Refused> {
    let matching: Vec<&Disk> = disks.iter().filter(|disk| satisfies(disk, selector)).collect();
    let usable: Vec<&Disk> = matching.iter().copied().filter(|disk| unfit(disk, medium).is_none()).collect();
    match (usable.as_slice(), matching.as_slice()) {
        ([one], _) => Ok(one),
        ([], [one]) => {
            let why = unfit(one, medium).unwrap_or_default();
            Err(Refused(format!("/dev/{} {why}", one.name)))
        }
        ([], _) => Err(refused(&format!("no disk is {selector}"), disks, medium)),
        (several, _) => {
            let names: Vec<String> = several.iter().map(|disk| format!("/dev/{}", disk.name)).collect();
            let what = format!("{} are {selector}, expected exactly one disk", names.join(" and "));
            Err(refused(&what, disks, medium))
        }
    }
}

/// Returns whether a disk satisfies all conditions.
fn satisfies(disk: &Disk, selector: &DiskSelector) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
    let (least, most) = selector.size_bounds();
    selector.conditions().next().is_some()
        && is(&selector.path, &format!("/dev/{}", disk.name))
        && is(&selector.serial, &disk.serial)
        && is(&selector.wwn, &disk.wwn)
        && is(&selector.model, &disk.model)
        && is(&selector.transport, &disk.transport)
        && (least..=most).contains(&disk.size_bytes)
}

/// Returns why nothing can be installed to a disk.
fn unfit(disk: &Disk, medium: Option<&str>) -> Option<&'static str> {
    match () {
        () if medium == Some(disk.name.as_str()) => Some("is the installation medium itself"),
        () if disk.read_only => Some("can't be written to"),
        () if disk.size_bytes == 0 => Some("has no medium"),
        () if disk.block_bytes != BLOCK_BYTES => Some("has no blocks of 512 bytes"),
        () => None,
    }
}

fn refused(what: &str, disks: &[Disk], medium: Option<&str>) -> Refused {
    let mut text = what.to_owned();
    for disk in disks {
        // Writing to a text does not fail.
        let _ = write!(text, "\n/dev/{}: size={}", disk.name, disk.size_bytes);
        let facts = [
            ("serial", &disk.serial),
            ("wwn", &disk.wwn),
            ("model", &disk.model),
            ("transport", &disk.transport),
        ];
        for (key, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(text, ", {key}={value}");
        }
        if let Some(why) = unfit(disk, medium) {
            let _ = write!(text, " ({why})");
        }
    }
    if disks.is_empty() {
        text.push_str("\nthere are no disks");
    }
    Refused(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str, size_bytes: u64, serial: &str) -> Disk {
        Disk { name: name.into(), size_bytes, block_bytes: 512, serial: serial.into(), ..Disk::default() }
    }

    fn disks() -> Vec<Disk> {
        vec![
            Disk { transport: "usb".into(), ..disk("sda", 1 << 30, "stick") },
            Disk { read_only: true, block_bytes: 2048, ..disk("sr0", 1 << 30, "") },
            Disk { model: "Fast Disk".into(), transport: "nvme".into(), ..disk("nvme0n1", 64 << 30, "S1") },
            disk("vda", 64 << 30, "a"),
            disk("vdb", 0, "b"),
        ]
    }

    fn chosen(selector: &str) -> Result<String, String> {
        let selector = DiskSelector::parse(selector).unwrap();
        choose(&disks(), &selector, Some("sda")).map(|disk| disk.name.clone()).map_err(|refused| refused.0)
    }

    #[test]
    fn exactly_one_disk_is_chosen() {
        for (selector, name) in [
            ("/dev/vda", "vda"),
            ("serial=S1", "nvme0n1"),
            ("model=Fast Disk,size=10GiB..", "nvme0n1"),
            ("transport=nvme", "nvme0n1"),
            ("size=64GiB,serial=a", "vda"),
        ] {
            assert_eq!(chosen(selector).as_deref(), Ok(name), "{selector}");
        }
    }

    #[test]
    fn in_doubt_none_is_and_all_are_listed() {
        let error = chosen("size=10GiB..").unwrap_err();
        let expected = "\
/dev/nvme0n1 and /dev/vda are size=10GiB.., expected exactly one disk
/dev/sda: size=1073741824, serial=stick, transport=usb (is the installation medium itself)
/dev/sr0: size=1073741824 (can't be written to)
/dev/nvme0n1: size=68719476736, serial=S1, model=Fast Disk, transport=nvme
/dev/vda: size=68719476736, serial=a
/dev/vdb: size=0, serial=b (has no medium)";
        assert_eq!(error, expected);
        assert!(chosen("serial=x").unwrap_err().starts_with("no disk is serial=x\n/dev/sda: "));
        assert_eq!(chosen("serial=stick").unwrap_err(), "/dev/sda is the installation medium itself");
        assert_eq!(chosen("/dev/sr0").unwrap_err(), "/dev/sr0 can't be written to");
        let none = choose(&[], &DiskSelector::parse("serial=x").unwrap(), None).unwrap_err();
        assert_eq!(none.0, "no disk is serial=x\nthere are no disks");
        assert!(choose(&disks(), &DiskSelector::default(), None).is_err(), "no condition is no choice");
    }
}
