//! The client's socket: carries out the actions of the lease's state machine, forever.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use socket2::{Domain, Protocol, Socket, Type};

use super::lease::{Action, Event, Identity, Machine};
use super::packet::{Lease, encode, parse};
use crate::error::{During, NetError};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// Longest sleep, so that a deadline far away is no overflow.
const MAX_SLEEP: Duration = Duration::from_secs(3600);
/// Pause after an error of the socket, such as a link without carrier.
const ERROR_PAUSE: Duration = Duration::from_millis(200);

/// Runs a client on the link `name` forever; calls `changed` with each lease, and with `None` when it is lost.
///
/// # Errors
/// [`NetError`] if the socket can't be opened, or the link has gone; other failures are waited out.
pub(crate) fn run(
    name: &str,
    hardware_address: [u8; 6],
    hostname: &str,
    mut changed: impl FnMut(Option<Lease>),
) -> Result<(), NetError> {
    let socket = open(name).during("opening a DHCP socket on link", name)?;
    let began = Instant::now();
    let identity = Identity { hardware_address, hostname: hostname.to_owned() };
    let mut machine = Machine::new(identity, random(), Duration::ZERO);
    loop {
        let event = wait(&socket, began + machine.deadline().min(began.elapsed() + MAX_SLEEP));
        let due = machine.deadline() <= began.elapsed();
        let event = match event {
            None if !due => continue,
            None => Event::Timeout,
            Some(reply) => reply,
        };
        for action in machine.handle(event, began.elapsed()) {
            // What is lost on the way is sent again at the next deadline.
            let sent = match action {
                Action::Use(lease) => {
                    changed(Some(lease));
                    Ok(())
                }
                Action::Drop => {
                    changed(None);
                    Ok(())
                }
                Action::Broadcast(query) => send(&socket, Ipv4Addr::BROADCAST, &encode(&query)),
                Action::Unicast(to, query) => send(&socket, to, &encode(&query)),
            };
            sent.during("requesting an address on link", name)?;
        }
    }
}

/// A UDP socket that sends and receives on one link only.
fn open(name: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(name.as_bytes()))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).into())?;
    Ok(socket.into())
}

/// Sends a packet. A failure is as good as a packet that was lost, and is told; but for a link that has
/// gone it is final.
fn send(socket: &UdpSocket, to: Ipv4Addr, packet: &[u8]) -> io::Result<()> {
    let gone = [Errno::NODEV, Errno::NXIO].map(|e| Some(e.raw_os_error()));
    match socket.send_to(packet, (to, SERVER_PORT)) {
        Err(e) if gone.contains(&e.raw_os_error()) => Err(e),
        Err(e) => {
            eprintln!("DHCP: sending to {to}: {e}");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// Waits for an answer until `deadline`; `None` when there was none.
fn wait(socket: &UdpSocket, deadline: Instant) -> Option<Event> {
    let mut packet = [0; 1500];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let received = socket.set_read_timeout(Some(left)).and_then(|()| socket.recv_from(&mut packet));
        match received {
            Ok((length, from)) if from.port() == SERVER_PORT => {
                if let Some(reply) = parse(&packet[..length]) {
                    return Some(Event::Reply(reply));
                }
            }
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return None,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => std::thread::sleep(ERROR_PAUSE.min(left)),
        }
    }
}

/// A random number; the time if the kernel has no random numbers yet.
fn random() -> u32 {
    let mut bytes = [0; 4];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(4) => u32::from_ne_bytes(bytes),
        _ => std::process::id() ^ 0x6972_6f6e,
    }
}
