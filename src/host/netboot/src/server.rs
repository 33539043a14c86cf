//! Brings the parts together: sockets on one interface, and what answers on them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

use crate::dhcp::Answering;
use crate::error::Error;
use crate::files::Files;
use crate::lend::{Lender, MAX_ADDRESSES};
use crate::offer::{Port, Served};
use crate::report::{Event, Report};
use crate::{tftp, web};

const DHCP_PORT: u16 = 67;
const BOOT_PORT: u16 = 4011;
const TFTP_PORT: u16 = 69;

/// What is to be served.
#[derive(Clone, Debug)]
pub struct Options {
    /// The image, of the output `netboot`.
    pub image: PathBuf,
    /// Name of the interface on the segment.
    pub interface: String,
    /// Folder with configs, named by MAC address, UUID or serial number.
    pub configs: Option<PathBuf>,
    /// Directory with iPXE, as Debian's package has it.
    pub ipxe: Option<PathBuf>,
    /// Addresses to lend, for a segment without a DHCP server.
    pub lend: Option<RangeInclusive<Ipv4Addr>>,
    /// Port of the HTTP server.
    pub http_port: u16,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    files: Arc<Files>,
    served: Served,
    lender: Option<Arc<Mutex<Lender>>>,
    configs: Option<PathBuf>,
    sockets: Sockets,
}

/// Its sockets, before they are handed to the runtime.
#[derive(Debug)]
struct Sockets {
    dhcp: Socket,
    boot: Socket,
    tftp: Socket,
    http: Socket,
}

impl Server {
    /// Looks at everything and opens the ports; nothing is answered yet.
    ///
    /// # Errors
    /// [`Error`] of the first thing that can't be used.
    pub fn open(options: &Options) -> Result<Server, Error> {
        let files = Files::open(&options.image, options.ipxe.as_deref())?;
        let (address, netmask) = address_of(&options.interface)?;
        if let Some(range) = &options.lend {
            check(range, address, netmask)?;
        }
        let (ipxe_bios, ipxe_uefi) = files.has_ipxe();
        let served = Served { address, http_port: options.http_port, ipxe_bios, ipxe_uefi };
        let name = &options.interface;
        let sockets = Sockets {
            // All addresses: what is sent to all has none of ours.
            dhcp: udp((Ipv4Addr::UNSPECIFIED, DHCP_PORT), name)?,
            boot: udp((Ipv4Addr::UNSPECIFIED, BOOT_PORT), name)?,
            tftp: udp((address, TFTP_PORT), name)?,
            http: tcp((address, options.http_port))?,
        };
        let lender = options.lend.as_ref().map(|range| Arc::new(Mutex::new(Lender::new(range, netmask))));
        Ok(Server { files: Arc::new(files), served, lender, configs: options.configs.clone(), sockets })
    }

    /// Returns the URL of the image.
    #[must_use]
    pub fn image_url(&self) -> String {
        self.served.url(crate::offer::IMAGE)
    }

    /// Returns whether machines with BIOS can be started.
    #[must_use]
    pub fn has_ipxe(&self) -> bool {
        self.served.ipxe_bios
    }

    /// Answers, and tells `report` of it. Returns only with an error.
    ///
    /// # Errors
    /// [`Error::Runtime`].
    pub fn serve(self, report: impl Fn(&Event) + Send + Sync + 'static) -> Result<(), Error> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        runtime.block_on(self.run(Report::to(report))).map_err(Error::Runtime)
    }

    async fn run(self, report: Report) -> std::io::Result<()> {
        let Server { files, served, lender, configs, sockets } = self;
        let udp = |socket: Socket| UdpSocket::from_std(socket.into());
        let answering = Answering { served, lender, report: report.clone() };
        tokio::spawn(answering.clone().serve(udp(sockets.dhcp)?, Port::Dhcp));
        tokio::spawn(answering.serve(udp(sockets.boot)?, Port::Boot));
        tokio::spawn(tftp::serve(udp(sockets.tftp)?, served.address, Arc::clone(&files), report.clone()));
        let listener = TcpListener::from_std(sockets.http.into())?;
        let router = web::router(web::Web { files, served, configs, report });
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
    }
}

/// Returns address and netmask of an interface.
fn address_of(name: &str) -> Result<(Ipv4Addr, Ipv4Addr), Error> {
    let failed = |what: String| Error::Interface { name: name.to_owned(), what };
    if !Path::new("/sys/class/net").join(name).exists() {
        return Err(failed("there is none of this name".to_owned()));
    }
    let all = if_addrs::get_if_addrs().map_err(|e| failed(e.to_string()))?;
    let of = all.into_iter().filter(|i| i.name == name).find_map(|i| match i.addr {
        if_addrs::IfAddr::V4(v4) => Some((v4.ip, v4.netmask)),
        if_addrs::IfAddr::V6(_) => None,
    });
    of.ok_or_else(|| failed("it has no IPv4 address".to_owned()))
}

/// Checks addresses to lend.
fn check(range: &RangeInclusive<Ipv4Addr>, address: Ipv4Addr, netmask: Ipv4Addr) -> Result<(), Error> {
    let (first, last) = (*range.start(), *range.end());
    let failed = |what: &str| Err(Error::Range { first, last, what: what.to_owned() });
    let inside = |a: Ipv4Addr| u32::from(a) & u32::from(netmask) == u32::from(address) & u32::from(netmask);
    if first > last {
        return failed("the last address is before the first");
    }
    if u32::from(last) - u32::from(first) >= MAX_ADDRESSES {
        return failed("at most 4096 addresses can be lent");
    }
    if inside(first) && inside(last) { Ok(()) } else { failed("it is not within the interface's network") }
}

/// Opens a port on an interface.
fn udp((address, port): (Ipv4Addr, u16), interface: &str) -> Result<Socket, Error> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // Beside a DHCP server of the same machine.
        socket.set_reuse_address(true)?;
        socket.set_broadcast(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.bind(&SocketAddr::from((IpAddr::V4(address), port)).into())?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    open().map_err(|source| Error::Listen { protocol: "udp", port, source })
}

/// Opens a port for HTTP.
fn tcp((address, port): (Ipv4Addr, u16)) -> Result<Socket, Error> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((IpAddr::V4(address), port)).into())?;
        socket.listen(1024)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    open().map_err(|source| Error::Listen { protocol: "tcp", port, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_segment_are_lent() {
        let [address, netmask] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(255, 255, 255, 0)];
        let range = |first: [u8; 4], last: [u8; 4]| {
            let checked = check(&(first.into()..=last.into()), address, netmask);
            checked.map_err(|e| e.to_string())
        };
        assert_eq!(range([10, 0, 0, 50], [10, 0, 0, 99]), Ok(()));
        assert!(range([10, 0, 0, 99], [10, 0, 0, 50]).unwrap_err().contains("before the first"));
        assert!(
            range([10, 0, 1, 1], [10, 0, 1, 9]).unwrap_err().contains("10.0.1.1-10.0.1.9: it is not within")
        );
        assert!(range([10, 0, 0, 0], [10, 1, 0, 0]).unwrap_err().contains("at most 4096"));
    }
}
