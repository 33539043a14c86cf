//! cloud-init's NoCloud: a volume labelled `cidata` with the file `user-data`.
//!
//! A CD, a USB stick, or a partition of one; FAT or ISO 9660. Made by `cloud-localds`, Proxmox, libvirt, and
//! `ironhull config init --cloud-init`. Spec: cloud-init, "NoCloud" data source.

use config::user_data::{Part, Seed};

use super::source::{Answer, Source};
use crate::MAX_BYTES;
use crate::devices::Labelled;
use crate::error::Error;
use crate::machine::Machine;

/// The volume's label.
const LABEL: &str = "cidata";
/// The file with the user-data.
const USER_DATA: &str = "user-data";
/// Number of names in a message about a volume without user-data.
const NAMES_SHOWN: usize = 10;

/// The source.
#[derive(Debug)]
pub(super) struct NoCloud;

impl Source for NoCloud {
    fn name(&self) -> &'static str {
        "nocloud"
    }

    fn find(&self, machine: &Machine) -> Result<Answer, Error> {
        let volumes = machine.volumes();
        let mut seeds: Vec<(&Labelled, Seed)> = Vec::new();
        let mut without = Vec::new();
        for volume in volumes.called(LABEL) {
            match seed(volume)? {
                Some(seed) => seeds.push((volume, seed)),
                None => without.push(nothing_on(volume)?),
            }
        }
        let Some((_, first)) = seeds.first() else {
            let none = || volumes.none_called(LABEL);
            return Ok(Answer::Nothing(if without.is_empty() { none() } else { without.join("; ") }));
        };
        // A stick made from an image of a CD shows the same volume as disk and as partition.
        if seeds.iter().any(|(_, seed)| seed.user_data.bytes != first.user_data.bytes) {
            let devices = seeds.iter().map(|(volume, _)| volume.device.clone()).collect();
            return Err(Error::Ambiguous { devices, label: LABEL });
        }
        Ok(Answer::Found(first.clone()))
    }
}

/// Reads the seed of a volume; `None` if it has no user-data, or only white space.
fn seed(volume: &Labelled) -> Result<Option<Seed>, Error> {
    let user_data = part(volume, USER_DATA)?;
    let user_data = user_data.filter(|part| !part.bytes.iter().all(u8::is_ascii_whitespace));
    Ok(user_data.map(|user_data| Seed { user_data }))
}

/// Reads a file of a volume; `None` if it does not exist.
fn part(volume: &Labelled, name: &str) -> Result<Option<Part>, Error> {
    let bytes = volume.volume.read(name, MAX_BYTES as u64).map_err(|e| failed(volume, e))?;
    Ok(bytes.map(|bytes| Part { label: format!("{}:{name}", volume.device), bytes }))
}

/// Says what is on a volume without user-data.
fn nothing_on(volume: &Labelled) -> Result<String, Error> {
    let names = volume.volume.root_names(NAMES_SHOWN).map_err(|e| failed(volume, e))?;
    let (label, device) = (&volume.label, &volume.device);
    let there = names.iter().any(|name| name.eq_ignore_ascii_case(USER_DATA));
    Ok(match (there, &names[..]) {
        (true, _) => format!("{USER_DATA} on volume {label:?} of {device} is empty"),
        (false, []) => format!("volume {label:?} of {device} is empty"),
        (false, names) => {
            let names = names.join(", ");
            format!("no {USER_DATA} on volume {label:?} of {device}, only {}", names.escape_debug())
        }
    })
}

fn failed(volume: &Labelled, source: formats::volume::VolumeError) -> Error {
    Error::Volume { device: volume.device.clone(), label: volume.label.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Layout;
    use super::*;

    /// The user-data that was found, and its label.
    fn found(layout: &Layout) -> Option<(String, String)> {
        let found = layout.find().unwrap().found?;
        assert_eq!(found.source, "nocloud");
        let Part { label, bytes } = found.seed.user_data;
        Some((label, String::from_utf8(bytes).unwrap()))
    }

    fn reason(layout: &Layout) -> String {
        layout.find().unwrap().passed_over[0].reason.clone()
    }

    #[test]
    fn finds_it_on_disks_partitions_and_cds() {
        for (name, is_iso) in [("sr0", true), ("sda", false), ("vdb1", false), ("nvme0n1p3", true)] {
            let layout = Layout::new();
            layout.device("vda", &[0; 9000]);
            let files = [("user-data", "kind: NodeConfig\n"), ("meta-data", "instance-id: i\n")];
            let Some(volume) =
                (if is_iso { layout.iso("CIDATA", &files) } else { layout.fat("cidata", &files) })
            else {
                return;
            };
            layout.device(name, &volume);
            let expected = (format!("{name}:user-data"), "kind: NodeConfig\n".to_owned());
            assert_eq!(found(&layout), Some(expected), "{name}");
        }
    }

    #[test]
    fn says_what_it_looked_for() {
        let layout = Layout::new();
        assert_eq!(reason(&layout), "there is no disk");
        let (Some(other), Some(empty)) =
            (layout.iso("other", &[("user-data", "x")]), layout.fat("cidata", &[("meta-data", "x")]))
        else {
            return;
        };
        layout.device("sr0", &other);
        layout.device("vda", &[0; 9000]);
        layout.device("loop0", &empty);
        layout.device("dm-0", &empty);
        std::fs::create_dir_all(layout.path("sys/block/sr1")).unwrap();
        let told = reason(&layout);
        assert!(
            told.starts_with("no volume is labelled \"cidata\" on sr0, sr1, vda; sr1 can't be read: "),
            "{told}"
        );
        layout.device("sda1", &empty);
        assert_eq!(reason(&layout), "no user-data on volume \"cidata\" of sda1, only meta-data");
        layout.device("sda1", &layout.fat("cidata", &[("user-data", "\n")]).unwrap());
        assert_eq!(reason(&layout), "user-data on volume \"cidata\" of sda1 is empty");
    }

    #[test]
    fn two_volumes_must_agree() {
        let layout = Layout::new();
        let (Some(a), Some(b)) =
            (layout.iso("cidata", &[("user-data", "a")]), layout.fat("cidata", &[("user-data", "b")]))
        else {
            return;
        };
        layout.device("sda", &a);
        layout.device("sda1", &a);
        assert_eq!(found(&layout), Some(("sda:user-data".to_owned(), "a".to_owned())));
        layout.device("sdb", &b);
        let error = layout.find().unwrap_err().to_string();
        assert!(error.starts_with("sda and sda1 and sdb have different user-data"), "{error}");
    }

    #[test]
    fn a_damaged_volume_with_the_label_is_an_error() {
        let layout = Layout::new();
        let Some(mut iso) = layout.iso("cidata", &[("user-data", "a")]) else { return };
        iso.truncate(18 * 2048);
        layout.device("sr0", &iso);
        let error = layout.find().unwrap_err();
        assert!(matches!(&error, Error::Volume { device, .. } if device == "sr0"), "{error}");
        let long = "a".repeat(MAX_BYTES + 1);
        let layout = Layout::new();
        layout.device("sr0", &layout.iso("cidata", &[("user-data", &long)]).unwrap());
        let error = layout.find().unwrap_err().to_string();
        assert!(error.contains("user-data: expected at most 1048576 bytes, found 1048577"), "{error}");
    }
}
