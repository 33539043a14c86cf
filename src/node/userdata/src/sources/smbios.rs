//! Strings that a hypervisor puts into the SMBIOS tables.
//!
//! A string of type 11 that is a systemd credential named `ironhull.config`, as text or as base64; QEMU:
//! `-smbios type=11,value=io.systemd.credential.binary:ironhull.config=…`. Specs: DMTF DSP0134, 7.12; systemd,
//! "System and Service Credentials". cloud-init's `ds=nocloud;s=URL` in the serial number needs a network: `online`
//! follows it.

use config::user_data::{Part, Seed};
use formats::smbios::{self, OEM_STRINGS, TABLE};

use super::source::{Answer, Source};
use crate::error::Error;
use crate::machine::Machine;

/// How the string begins. Both are unpacked alike, so that a text may be packed with gzip and base64, too.
const BEGINNINGS: [&str; 2] =
    ["io.systemd.credential.binary:ironhull.config=", "io.systemd.credential:ironhull.config="];
/// How cloud-init's string in the serial number begins.
const SERIAL: &[u8] = b"ds=nocloud";

/// The source.
#[derive(Debug)]
pub(super) struct Smbios;

impl Source for Smbios {
    fn name(&self) -> &'static str {
        "smbios"
    }

    fn find(&self, machine: &Machine) -> Result<Answer, Error> {
        let Some(table) = machine.read(TABLE)? else {
            return Ok(Answer::Nothing("the machine has no SMBIOS tables".to_owned()));
        };
        let structures = smbios::read(&table);
        let oem = structures.iter().filter(|s| s.kind == OEM_STRINGS).flat_map(|s| &s.strings);
        for (string, beginning) in oem.flat_map(|string| BEGINNINGS.map(|b| (string, b))) {
            if let Some(value) = string.strip_prefix(beginning.as_bytes()) {
                let label = format!("SMBIOS type 11, {}", beginning.trim_end_matches('='));
                return match value.iter().all(u8::is_ascii_whitespace) {
                    true => Err(Error::Empty { path: label.into() }),
                    false => Ok(Answer::Found(Seed::alone(Part { label, bytes: value.to_vec() }))),
                };
            }
        }
        let by_url =
            structures.iter().filter_map(|s| s.serial_number()).any(|serial| serial.starts_with(SERIAL));
        Ok(Answer::Nothing(match by_url {
            true => "the serial number begins with ds=nocloud: user-data is fetched once there is a network"
                .to_owned(),
            false => format!("no string of type 11 begins with {}", BEGINNINGS.join(" or ")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Layout;
    use super::*;

    /// A machine whose table has these strings of type 11, and this serial number.
    fn machine(strings: &[&str], serial: &str) -> Layout {
        let layout = Layout::new();
        let listed = |all: &[&str]| all.iter().map(|s| format!("{s}\0")).collect::<String>() + "\0";
        let system = [b"\x01\x08\0\0\0\0\0\x01", listed(&[serial]).as_bytes()].concat();
        let oem = [b"\x0b\x05\x01\0\x01", listed(strings).as_bytes()].concat();
        layout.file(TABLE, &[&system[..], &oem, b"\x7f\x04\x02\0\0\0"].concat());
        layout
    }

    fn answer(layout: &Layout) -> Result<Answer, Error> {
        Smbios.find(&layout.machine())
    }

    #[test]
    fn finds_a_credential_of_either_kind() {
        for beginning in BEGINNINGS {
            let layout = machine(&["other=x", &format!("{beginning}S0lORA==")], "1");
            let Answer::Found(seed) = answer(&layout).unwrap() else { panic!("{beginning}") };
            assert_eq!(seed.user_data.bytes, b"S0lORA==");
            assert!(beginning.contains(seed.user_data.label.strip_prefix("SMBIOS type 11, ").unwrap()));
            assert_eq!(layout.find().unwrap().found.unwrap().source, "smbios");
        }
    }

    #[test]
    fn says_what_is_missing_or_wrong() {
        let reason = |layout: &Layout| match answer(layout).unwrap() {
            Answer::Nothing(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(&Layout::new()), "the machine has no SMBIOS tables");
        assert!(
            reason(&machine(&["other=x"], "1")).starts_with("no string of type 11 begins with io.systemd")
        );
        let told = reason(&machine(&["x"], "ds=nocloud;s=http://10.0.2.2/"));
        assert!(told.contains("ds=nocloud") && !told.contains("10.0.2.2"), "{told}");
        let empty = answer(&machine(&[BEGINNINGS[0]], "1")).unwrap_err().to_string();
        assert!(empty.ends_with("ironhull.config: it is empty"), "{empty}");
    }
}
