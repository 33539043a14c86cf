//! VMware's guestinfo: `guestinfo.userdata`, with `guestinfo.userdata.encoding`.
//!
//! Set with `govc vm.change -e guestinfo.userdata=… -e guestinfo.userdata.encoding=base64`. The hypervisor is only asked
//! if the SMBIOS tables name it: elsewhere its back door does not exist. Left out: `guestinfo.metadata` and
//! `.vendordata`, and the OVF environment. Spec: cloud-init, "VMware" data source.

use config::user_data::{Part, Seed};
use formats::smbios;

use super::source::{Answer, Source};
use crate::error::Error;
use crate::guest_info;
use crate::machine::Machine;

/// The key with the user-data.
const KEY: &str = "userdata";
/// The key with its encoding.
const ENCODING: &str = "userdata.encoding";
/// Where it is, for people.
const LABEL: &str = "guestinfo.userdata";
/// Encodings that are unpacked, whether they are named or not.
const ENCODINGS: [&str; 5] = ["", "base64", "b64", "gzip+base64", "gz+b64"];
/// The manufacturer of VMware's machines.
const MANUFACTURER: &[u8] = b"VMware";

/// The source.
#[derive(Debug)]
pub(super) struct GuestInfo;

impl Source for GuestInfo {
    fn name(&self) -> &'static str {
        "vmware"
    }

    fn find(&self, machine: &Machine) -> Result<Answer, Error> {
        let table = machine.read(smbios::TABLE)?.unwrap_or_default();
        let is_vmware =
            smbios::read(&table).iter().filter_map(|s| s.manufacturer()).any(|m| m.starts_with(MANUFACTURER));
        let Some(door) = machine.back_door().filter(|_| is_vmware) else {
            return Ok(Answer::Nothing("the machine is not VMware's".to_owned()));
        };
        let get = |key| guest_info::get(door, key).map_err(|reason| Error::GuestInfo { key, reason });
        let Some(bytes) = get(KEY)?.filter(|bytes| !bytes.iter().all(u8::is_ascii_whitespace)) else {
            return Ok(Answer::Nothing(format!("{LABEL} is not set")));
        };
        let encoding = get(ENCODING)?.unwrap_or_default();
        let encoding = String::from_utf8_lossy(&encoding).trim().to_ascii_lowercase();
        if !ENCODINGS.contains(&encoding.as_str()) {
            let reason = format!("expected base64 or gzip+base64, found {encoding:?}");
            return Err(Error::GuestInfo { key: ENCODING, reason });
        }
        Ok(Answer::Found(Seed::alone(Part { label: LABEL.to_owned(), bytes })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Layout;
    use super::*;
    use crate::guest_info::fake::Hypervisor;

    /// Asks a machine of this manufacturer with these values.
    fn ask(manufacturer: &str, values: &[(&'static str, &str)]) -> Result<Answer, Error> {
        let layout = Layout::new();
        let table = [b"\x01\x08\0\0\x01\0\0\0", manufacturer.as_bytes(), b"\0\0\x7f\x04\x02\0\0\0"].concat();
        layout.file(smbios::TABLE, &table);
        let values = values.iter().map(|(key, value)| (*key, value.as_bytes().to_vec())).collect();
        let hypervisor = Hypervisor { values, ..Hypervisor::default() };
        GuestInfo.find(&layout.machine().with_back_door(Box::new(hypervisor)))
    }

    fn answer(values: &[(&'static str, &str)]) -> Result<Answer, Error> {
        ask("VMware, Inc.", values)
    }

    #[test]
    fn takes_the_encodings_that_exist() {
        for encoding in ["base64", "b64", "gzip+base64", "GZ+B64", ""] {
            let Answer::Found(seed) = answer(&[(KEY, "eA=="), (ENCODING, encoding)]).unwrap() else {
                panic!()
            };
            assert_eq!((seed.user_data.label.as_str(), &seed.user_data.bytes[..]), (LABEL, &b"eA=="[..]));
        }
        let error = answer(&[(KEY, "eA=="), (ENCODING, "rot13")]).unwrap_err().to_string();
        assert!(error.contains("userdata.encoding") && error.contains("rot13"), "{error}");
    }

    #[test]
    fn says_what_is_missing() {
        let nothing = |reason: &str| Answer::Nothing(reason.to_owned());
        assert_eq!(answer(&[]).unwrap(), nothing("guestinfo.userdata is not set"));
        assert_eq!(answer(&[(KEY, " ")]).unwrap(), nothing("guestinfo.userdata is not set"));
        assert_eq!(ask("QEMU", &[(KEY, "x")]).unwrap(), nothing("the machine is not VMware's"));
    }
}
