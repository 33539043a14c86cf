//! Volumes with user-data: cloud-init's NoCloud and OpenStack's ConfigDrive.
//!
//! A CD, a USB stick, or a partition of one; FAT or ISO 9660. A NoCloud volume is labelled `cidata` and made by
//! `cloud-localds`, Proxmox, libvirt, and `ironhull config init --cloud-init`; a ConfigDrive is labelled `config-2` and
//! attached by OpenStack. Specs: cloud-init, "NoCloud" data source; OpenStack Nova, "Config drives".

use config::user_data::{Beside, Part, Seed};
use formats::volume::VolumeError;

use super::source::{Answer, Source};
use crate::MAX_BYTES;
use crate::devices::Labelled;
use crate::error::Error;
use crate::machine::Machine;

/// Number of names in a message about a volume without user-data.
const NAMES_SHOWN: usize = 10;

/// The source NoCloud.
pub(super) const NO_CLOUD: OnVolume = OnVolume {
    name: "nocloud",
    label: "cidata",
    user_data: "user-data",
    network: "network-config",
    meta_data: "meta-data",
};
/// The source ConfigDrive.
pub(super) const CONFIG_DRIVE: OnVolume = OnVolume {
    name: "config-drive",
    label: "config-2",
    user_data: "openstack/latest/user_data",
    network: "openstack/latest/network_data.json",
    meta_data: "openstack/latest/meta_data.json",
};

/// A source that is a volume with a label.
#[derive(Debug)]
pub(super) struct OnVolume {
    name: &'static str,
    /// The volume's label, in either case.
    label: &'static str,
    /// Path of the file with the user-data.
    user_data: &'static str,
    /// Path of the file that describes the network.
    network: &'static str,
    /// Path of the file with facts about the machine.
    meta_data: &'static str,
}

impl Source for OnVolume {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_on_disk(&self) -> bool {
        true
    }

    fn find(&self, machine: &Machine) -> Result<Answer, Error> {
        let volumes = machine.volumes();
        let mut seeds: Vec<(&Labelled, Seed)> = Vec::new();
        let (mut without, mut beside) = (Vec::new(), Vec::new());
        for volume in volumes.called(self.label) {
            let here = self.beside(volume)?;
            match filled(volume, self.user_data)? {
                Some(user_data) => seeds.push((volume, Seed { user_data, beside: here })),
                None => {
                    without.push(self.nothing_on(volume)?);
                    beside.extend(Some((volume, here)).filter(|(_, here)| *here != Beside::default()));
                }
            }
        }
        if let Some((_, first)) = seeds.first() {
            self.agree(
                seeds.iter().map(|(volume, seed)| (*volume, contents(Some(&seed.user_data), &seed.beside))),
            )?;
            return Ok(Answer::Found(first.clone()));
        }
        if without.is_empty() {
            return Ok(Answer::Nothing(volumes.none_called(self.label)));
        }
        let reason = without.join("; ");
        self.agree(beside.iter().map(|(volume, here)| (*volume, contents(None, here))))?;
        Ok(match beside.into_iter().next() {
            Some((_, here)) => Answer::Beside(here, reason),
            None => Answer::Nothing(reason),
        })
    }
}

/// Returns what counts of a volume: two with the same are one.
fn contents<'a>(user_data: Option<&'a Part>, beside: &'a Beside) -> [Option<&'a [u8]>; 3] {
    [user_data, beside.network.as_ref(), beside.meta_data.as_ref()]
        .map(|part| part.map(|part| &part.bytes[..]))
}

impl OnVolume {
    /// Reads what is beside user-data.
    fn beside(&self, volume: &Labelled) -> Result<Beside, Error> {
        Ok(Beside { network: filled(volume, self.network)?, meta_data: filled(volume, self.meta_data)? })
    }

    /// Checks that all volumes have the same: a stick made from an image of a CD shows one volume as disk and as
    /// partition.
    fn agree<'a>(
        &self,
        volumes: impl Iterator<Item = (&'a Labelled, [Option<&'a [u8]>; 3])>,
    ) -> Result<(), Error> {
        let all: Vec<_> = volumes.collect();
        if all.iter().all(|(_, contents)| *contents == all[0].1) {
            return Ok(());
        }
        let devices = all.iter().map(|(volume, _)| volume.device.clone()).collect();
        Err(Error::Ambiguous { devices, label: self.label })
    }

    /// Says what is on a volume without user-data.
    fn nothing_on(&self, volume: &Labelled) -> Result<String, Error> {
        let (label, device, file) = (&volume.label, &volume.device, self.user_data);
        if part(volume, file)?.is_some() {
            return Ok(format!("{file} on volume {label:?} of {device} is empty"));
        }
        let names = volume.volume.root_names(NAMES_SHOWN).map_err(|e| failed(volume, e))?.join(", ");
        let there = if names.is_empty() { "nothing".to_owned() } else { names.escape_debug().to_string() };
        Ok(format!("no {file} on volume {label:?} of {device}, which has {there}"))
    }
}

/// Reads a file of a volume; `None` if it does not exist or is empty.
fn filled(volume: &Labelled, name: &str) -> Result<Option<Part>, Error> {
    Ok(part(volume, name)?.filter(|part| !part.bytes.iter().all(u8::is_ascii_whitespace)))
}

/// Reads a file of a volume; `None` if it does not exist.
fn part(volume: &Labelled, name: &str) -> Result<Option<Part>, Error> {
    let bytes = volume.volume.read(name, MAX_BYTES as u64).map_err(|e| failed(volume, e))?;
    Ok(bytes.map(|bytes| Part { label: format!("{}:{name}", volume.device), bytes }))
}

fn failed(volume: &Labelled, source: VolumeError) -> Error {
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
    fn finds_a_config_drive_after_nocloud() {
        let layout = Layout::new();
        let files =
            [("openstack/latest/user_data", "kind: NodeConfig\n"), ("openstack/latest/meta_data.json", "{}")];
        let (Some(drive), Some(fat)) = (layout.iso("config-2", &files), layout.fat("CONFIG-2", &files))
        else {
            return;
        };
        for volume in [drive, fat] {
            layout.device("sr0", &volume);
            let found = layout.find().unwrap().found.unwrap();
            assert_eq!(
                (found.source, &*found.seed.user_data.label),
                ("config-drive", "sr0:openstack/latest/user_data")
            );
        }
        layout.device("sr1", &layout.iso("cidata", &[("user-data", "a")]).unwrap());
        assert_eq!(found(&layout), Some(("sr1:user-data".to_owned(), "a".to_owned())));
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
        assert_eq!(reason(&layout), "no user-data on volume \"cidata\" of sda1, which has meta-data");
        layout.device("sda1", &layout.fat("cidata", &[("user-data", "\n")]).unwrap());
        assert_eq!(reason(&layout), "user-data on volume \"cidata\" of sda1 is empty");
    }

    #[test]
    fn finds_what_is_beside_user_data_too_and_without_it() {
        let layout = Layout::new();
        let network = ("network-config", "version: 2\n");
        let meta_data = ("meta-data", "instance-id: i\n");
        let (Some(alone), Some(full)) = (
            layout.iso("cidata", &[network, meta_data, ("vendor-data", "")]),
            layout.iso("cidata", &[network, ("user-data", "kind: NodeConfig\n"), ("meta-data", " ")]),
        ) else {
            return;
        };
        layout.device("sr0", &alone);
        let search = layout.find().unwrap();
        let beside = search.beside.unwrap();
        assert!(search.found.is_none() && search.passed_over[0].reason.starts_with("no user-data on volume"));
        assert_eq!(beside.network.unwrap().label, "sr0:network-config");
        assert_eq!(beside.meta_data.unwrap().bytes, b"instance-id: i\n");
        layout.device("sr1", &full);
        let seed = layout.find().unwrap().found.unwrap().seed;
        assert_eq!(
            (seed.beside.network.unwrap().bytes, seed.beside.meta_data),
            (b"version: 2\n".to_vec(), None)
        );
        layout.device("sr1", &layout.iso("cidata", &[network]).unwrap());
        let error = layout.find().unwrap_err().to_string();
        assert!(error.starts_with("sr0 and sr1 have different user-data"), "{error}");
        let data = ["network_data.json", "meta_data.json"].map(|name| format!("openstack/latest/{name}"));
        let drive = layout.iso("config-2", &[(&*data[0], "{}"), (&*data[1], "{}")]).unwrap();
        let layout = Layout::new();
        layout.device("sr0", &drive);
        assert_eq!(layout.find().unwrap().beside.unwrap().network.unwrap().label, format!("sr0:{}", data[0]));
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
