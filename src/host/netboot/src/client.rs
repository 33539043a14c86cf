//! Who asks: firmware, or iPXE. Pure.

use std::fmt;

use crate::packet::{Asked, code};

/// A client that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Firmware that loads a file over TFTP.
    Pxe(System),
    /// UEFI firmware that loads a file over HTTP.
    Http,
    /// iPXE, which loads a script over HTTP.
    Ipxe,
}

/// What programs a machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Those of a PC of before UEFI.
    Bios,
    /// 64-bit UEFI of x86.
    Uefi,
}

impl Client {
    /// Returns who asks; `None` for one that starts nothing over the network, or that has another architecture.
    pub(crate) fn of(asked: &Asked) -> Option<Client> {
        let class = asked.option(code::CLASS)?;
        let architecture = asked.option(code::ARCHITECTURE).and_then(|v| v.get(..2)).map(|v| [v[0], v[1]]);
        // The user class is a text of its own as iPXE sends it, and a list of such in RFC 3004.
        let is_ipxe = asked.option(code::USER_CLASS).is_some_and(|c| c == b"iPXE" || c == b"\x04iPXE");
        if class.starts_with(b"PXEClient") {
            // RFC 4578, section 2.1, with the erratum that made 7 what all x64 firmware says, and 9 what little does.
            let system = match architecture.map(u16::from_be_bytes) {
                None | Some(0) => System::Bios,
                Some(7 | 9) => System::Uefi,
                _ => return None,
            };
            return Some(if is_ipxe { Client::Ipxe } else { Client::Pxe(system) });
        }
        (class.starts_with(b"HTTPClient") && architecture.map(u16::from_be_bytes) == Some(16))
            .then_some(Client::Http)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Client::Pxe(System::Bios) => "PXE (BIOS)",
            Client::Pxe(System::Uefi) => "PXE (UEFI)",
            Client::Http => "HTTP boot",
            Client::Ipxe => "iPXE",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::testing::message;

    fn client(class: &[u8], architecture: u16, user: Option<&[u8]>) -> Option<Client> {
        let architecture = architecture.to_be_bytes();
        let mut options = vec![(code::CLASS, class), (code::ARCHITECTURE, &architecture[..])];
        options.extend(user.map(|user| (code::USER_CLASS, user)));
        Client::of(&Asked::parse(&message(1, &options)).unwrap())
    }

    #[test]
    fn only_who_starts_over_the_network_is_answered() {
        assert_eq!(client(b"PXEClient:Arch:00007:UNDI:003016", 7, None), Some(Client::Pxe(System::Uefi)));
        assert_eq!(client(b"PXEClient:Arch:00000:UNDI:002001", 0, None), Some(Client::Pxe(System::Bios)));
        assert_eq!(client(b"PXEClient:Arch:00007:UNDI:003010", 7, Some(b"iPXE")), Some(Client::Ipxe));
        assert_eq!(client(b"HTTPClient:Arch:00016:UNDI:003001", 16, None), Some(Client::Http));
        assert_eq!(client(b"PXEClient:Arch:00011:UNDI:003016", 11, None), None, "64-bit ARM");
        assert_eq!(client(b"HTTPClient:Arch:00019:UNDI:003001", 19, None), None, "64-bit ARM");
        assert_eq!(client(b"MSFT 5.0", 7, None), None);
    }
}
