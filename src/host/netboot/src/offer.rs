//! What a client is answered: which file it loads, from where. Pure.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::client::{Client, System};
use crate::lend::Lent;
use crate::packet::{Answer, Asked, Kind, code};

/// Names under which files are served.
pub(crate) const IMAGE: &str = "ironhull.efi";
pub(crate) const SCRIPT: &str = "boot.ipxe";
pub(crate) const IPXE_BIOS: &str = "undionly.kpxe";
pub(crate) const IPXE_UEFI: &str = "snponly.efi";
/// Path of configs.
pub(crate) const CONFIG: &str = "config";

/// "Use the file of this packet", as PXE 2.1, table 2-1, says it: option 43, 6 (discovery control), bit 3; end.
const USE_THE_FILE: &[u8] = &[6, 1, 8, 255];

/// What the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Address of the server on the segment.
    pub address: Ipv4Addr,
    /// Port of its HTTP server.
    pub http_port: u16,
    /// It has iPXE for BIOS machines.
    pub ipxe_bios: bool,
    /// It has iPXE for UEFI machines.
    pub ipxe_uefi: bool,
}

impl Served {
    /// Returns the URL of a file.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", SocketAddrV4::new(self.address, self.http_port))
    }

    /// Returns the name or URL of the file that a client loads; `None` if there is none for it.
    fn file(&self, client: Client) -> Option<String> {
        match client {
            Client::Pxe(System::Bios) => self.ipxe_bios.then(|| IPXE_BIOS.to_owned()),
            // The image itself is signed, as iPXE is not, and takes minutes over TFTP.
            Client::Pxe(System::Uefi) => Some(if self.ipxe_uefi { IPXE_UEFI } else { IMAGE }.to_owned()),
            Client::Http => Some(self.url(IMAGE)),
            Client::Ipxe => Some(self.url(SCRIPT)),
        }
    }
}

/// Where a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// 67, where clients ask for an address.
    Dhcp,
    /// 4011, where they ask a boot server alone.
    Boot,
}

/// Returns the answer; `None` if another server's answer is awaited, or there is nothing for the client.
///
/// Without an address to lend, only a message that asks for offers is answered on port 67: who asks for an address with a
/// request has chosen a server.
pub(crate) fn answer(
    (asked, client): (&Asked, Client),
    port: Port,
    served: &Served,
    lent: Option<Lent>,
) -> Option<Answer> {
    let kind = match (asked.kind, port) {
        (Kind::Discover, Port::Dhcp) => Kind::Offer,
        (Kind::Request, Port::Dhcp) if lent.is_some() => Kind::Ack,
        (Kind::Request, Port::Boot) => Kind::Ack,
        _ => return None,
    };
    let file = served.file(client)?;
    let class = match client {
        Client::Http => "HTTPClient",
        Client::Pxe(_) | Client::Ipxe => "PXEClient",
    };
    let mut options = vec![(code::CLASS, class.as_bytes().to_vec())];
    if let Some(machine) = asked.option(code::MACHINE) {
        options.push((code::MACHINE, machine.to_vec()));
    }
    // UEFI firmware reads the file's name without it, and some does not if it is there.
    if client == Client::Pxe(System::Bios) {
        options.push((code::VENDOR, USE_THE_FILE.to_vec()));
    }
    let lent = lent.map_or(Ipv4Addr::UNSPECIFIED, |lent| {
        options.extend(lent.options);
        lent.address
    });
    Some(Answer { kind, lent, server: served.address, file: Some(file), options })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::testing::message;

    const SERVED: Served =
        Served { address: Ipv4Addr::new(10, 0, 0, 1), http_port: 8017, ipxe_bios: true, ipxe_uefi: false };

    fn answered(kind: u8, client: Client, port: Port) -> Option<Answer> {
        let asked = Asked::parse(&message(kind, &[(code::MACHINE, &[0; 17])])).unwrap();
        answer((&asked, client), port, &SERVED, None)
    }

    #[test]
    fn each_client_gets_its_file_and_no_address() {
        for (client, file) in [
            (Client::Pxe(System::Bios), "undionly.kpxe"),
            (Client::Pxe(System::Uefi), "ironhull.efi"),
            (Client::Http, "http://10.0.0.1:8017/ironhull.efi"),
            (Client::Ipxe, "http://10.0.0.1:8017/boot.ipxe"),
        ] {
            let answer = answered(1, client, Port::Dhcp).unwrap();
            assert_eq!((answer.kind, answer.file.as_deref()), (Kind::Offer, Some(file)));
            assert!(answer.lent.is_unspecified(), "no address is given");
            assert_eq!(answered(3, client, Port::Boot).unwrap().kind, Kind::Ack);
            assert_eq!(answered(3, client, Port::Dhcp), None, "it asks another server");
        }
    }

    #[test]
    fn what_is_not_there_is_not_offered() {
        let asked = Asked::parse(&message(1, &[])).unwrap();
        let bare = Served { ipxe_bios: false, ..SERVED };
        assert_eq!(answer((&asked, Client::Pxe(System::Bios)), Port::Dhcp, &bare, None), None);
        let with = Served { ipxe_uefi: true, ..SERVED };
        let uefi = answer((&asked, Client::Pxe(System::Uefi)), Port::Dhcp, &with, None).unwrap();
        assert_eq!(uefi.file.as_deref(), Some("snponly.efi"));
    }
}
