//! The netlink socket: one request, its answers; and news about links.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use config::Cidr;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};

use super::made::{self, Made};
use super::message::{self, Answer, Link, Request, Route, kind};
use crate::error::{During, NetError};

/// The kernel's datagrams are at most this long.
const DATAGRAM_BYTES: usize = 32 << 10;
/// `RTMGRP_LINK`.
const GROUP_LINK: u32 = 1;
/// What the kernel says to the removal of an address, a route or a link that is not there.
const GONE: [Option<i32>; 3] = [
    Some(Errno::ADDRNOTAVAIL.raw_os_error()),
    Some(Errno::SRCH.raw_os_error()),
    Some(Errno::NODEV.raw_os_error()),
];
/// Ethernet, as `ARPHRD_ETHER`.
pub(crate) const ETHERNET: u16 = 1;

/// A socket for requests.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// Opens one.
    pub(crate) fn open() -> Result<Socket, NetError> {
        Ok(Socket { fd: open(0, SocketFlags::CLOEXEC)?, sequence: 0 })
    }

    /// Lists all links.
    pub(crate) fn links(&mut self) -> Result<Vec<Link>, NetError> {
        let mut links = Vec::new();
        self.ask(&message::get_links(), "listing links", &mut |answer| {
            if answer.kind == kind::NEW_LINK {
                links.extend(message::parse_link(answer.body));
            }
        })?;
        for link in &mut links {
            let device = Path::new("/sys/class/net").join(&link.name).join("device");
            link.physical = link.hardware_type == ETHERNET && device.exists();
            let driver = fs::read_link(device.join("driver")).ok();
            link.driver = driver.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        }
        Ok(links)
    }

    /// Lists all IPv4 addresses with the number of their link.
    pub(crate) fn addresses(&mut self) -> Result<Vec<(u32, Cidr)>, NetError> {
        let mut addresses = Vec::new();
        self.ask(&message::get_addresses(), "listing addresses", &mut |answer| {
            if answer.kind == kind::NEW_ADDRESS {
                addresses.extend(message::parse_address(answer.body));
            }
        })?;
        Ok(addresses)
    }

    /// Switches a link on.
    pub(crate) fn set_link_up(&mut self, index: u32, mtu: Option<u32>) -> Result<(), NetError> {
        self.ask(&message::set_link_up(index, mtu), "switching on a link", &mut |_| {})
    }

    /// Switches a link off.
    pub(crate) fn set_link_down(&mut self, index: u32) -> Result<(), NetError> {
        self.ask(&message::set_link_down(index), "switching off a link", &mut |_| {})
    }

    /// Makes a link of others; a virtual LAN is on the link `below`.
    pub(crate) fn create_link(&mut self, name: &str, made: Made, below: Option<u32>) -> Result<(), NetError> {
        self.ask(&made::create(name, made, below), "making a link", &mut |_| {})
    }

    /// Removes a link that was made, if the kernel has not already removed it with the one that it was on.
    pub(crate) fn delete_link(&mut self, index: u32) -> Result<(), NetError> {
        unless_gone(self.ask(&made::delete(index), "removing a link", &mut |_| {}))
    }

    /// Makes a link the port of another one; 0: of none.
    pub(crate) fn set_master(&mut self, port: u32, master: u32) -> Result<(), NetError> {
        self.ask(&made::set_master(port, master), "making a link a port", &mut |_| {})
    }

    /// Lists the IPv4 routes that were made here.
    pub(crate) fn routes(&mut self) -> Result<Vec<Route>, NetError> {
        let mut routes = Vec::new();
        self.ask(&message::get_routes(), "listing routes", &mut |answer| {
            if answer.kind == kind::NEW_ROUTE {
                routes.extend(message::parse_route(answer.body));
            }
        })?;
        Ok(routes)
    }

    /// Adds an address to a link.
    pub(crate) fn add_address(&mut self, index: u32, address: Cidr) -> Result<(), NetError> {
        self.ask(&message::add_address(index, address), "adding an address", &mut |_| {})
    }

    /// Removes an address, if the kernel has not already removed it with another one.
    pub(crate) fn remove_address(&mut self, index: u32, address: Cidr) -> Result<(), NetError> {
        unless_gone(self.ask(&message::delete_address(index, address), "removing an address", &mut |_| {}))
    }

    /// Makes or changes a route.
    pub(crate) fn set_route(&mut self, route: &Route) -> Result<(), NetError> {
        self.ask(&message::add_route(route), "adding a route", &mut |_| {})
    }

    /// Removes a route, if the kernel has not already removed it with its address.
    pub(crate) fn remove_route(&mut self, route: &Route) -> Result<(), NetError> {
        unless_gone(self.ask(&message::delete_route(route), "removing a route", &mut |_| {}))
    }

    /// Sends a request and hands each answer to `each` until the kernel is done.
    fn ask(
        &mut self,
        request: &Request,
        action: &'static str,
        each: &mut dyn FnMut(&Answer<'_>),
    ) -> Result<(), NetError> {
        self.sequence += 1;
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.fd, &request.encode(self.sequence), SendFlags::empty(), &kernel)
            .during(action, "(asking)")?;
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let datagram = receive(self.fd.as_fd(), &mut buffer).during(action, "(answer)")?;
            for answer in message::split(datagram).iter().filter(|a| a.sequence == self.sequence) {
                match answer.kind {
                    kind::DONE => return Ok(()),
                    kind::ERROR => return outcome(answer.body).during(action, "(refused)"),
                    _ => each(answer),
                }
            }
        }
    }
}

/// Takes the removal of what is not there for done.
fn unless_gone(removed: Result<(), NetError>) -> Result<(), NetError> {
    match removed {
        Err(NetError::Call { source, .. }) if GONE.contains(&source.raw_os_error()) => Ok(()),
        other => other,
    }
}

/// Turns the body of an error message into a result: the code 0 is success.
fn outcome(body: &[u8]) -> io::Result<()> {
    match message::error_code(body) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A socket that hears when links come, go or change.
#[derive(Debug)]
pub(crate) struct Monitor {
    fd: OwnedFd,
}

impl Monitor {
    /// Opens one; news from now on are kept until read.
    pub(crate) fn open() -> Result<Monitor, NetError> {
        Ok(Monitor { fd: open(GROUP_LINK, SocketFlags::CLOEXEC)? })
    }

    /// Takes the news that is there; what it is must be asked for.
    ///
    /// # Errors
    /// [`NetError::Call`] if the socket fails.
    pub(crate) fn drain(&self) -> Result<(), NetError> {
        let mut buffer = [0; 4096];
        loop {
            match recv(&self.fd, &mut buffer, RecvFlags::DONTWAIT) {
                // So much news that some were dropped is news too.
                Ok(_) | Err(Errno::NOBUFS | Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(e) => return Err(e).during("listening for", "links"),
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens a socket in the multicast groups of the mask `groups`.
fn open(groups: u32, flags: SocketFlags) -> Result<OwnedFd, NetError> {
    // Protocol 0 is NETLINK_ROUTE.
    let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)
        .during("opening", "a netlink socket")?;
    bind(&fd, &SocketAddrNetlink::new(0, groups)).during("binding", "a netlink socket")?;
    Ok(fd)
}

/// Receives one datagram, whatever signals come.
fn receive<'a>(fd: BorrowedFd<'_>, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    let length = loop {
        match recv(fd, &mut *buffer, RecvFlags::empty()) {
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
            Ok((length, _)) => break length,
        }
    };
    Ok(&buffer[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_loopback_on_any_machine() {
        let mut socket = Socket::open().unwrap();
        let links = socket.links().unwrap();
        let lo = links.iter().find(|l| l.name == "lo").unwrap();
        assert!(!lo.physical);
        // Addresses are a dump too; a fresh namespace has none.
        socket.addresses().unwrap();
    }

    #[test]
    fn reports_what_the_kernel_refuses() {
        let mut socket = Socket::open().unwrap();
        let error = socket.set_link_up(0x7fff_fff0, None).unwrap_err().to_string();
        assert!(error.starts_with("switching on a link (refused): "), "{error}");
    }
}
