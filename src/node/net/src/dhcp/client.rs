//! The client's socket: carries out the actions of the lease's state machine until it is told to stop.
//!
//! A socket that can't be opened or that fails is opened again, ever less often; the lease lives on meanwhile, and
//! ends when its time is over.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use socket2::{Domain, Protocol, Socket, Type};

use super::lease::{Action, Event, Identity, Machine};
use super::packet::{Lease, encode, parse};
use crate::error::{During, NetError};
use crate::wait::{Readable, wait};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// Longest sleep, so that a deadline far away is no overflow.
const MAX_SLEEP: Duration = Duration::from_secs(3600);
/// Pauses before a socket is opened again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What the client tells.
#[derive(Debug)]
pub(crate) enum News {
    /// Use this from now on.
    Leased(Lease),
    /// There is no lease any more.
    Lost,
    /// The socket fails; it is tried again.
    Broken(NetError),
    /// The socket works again.
    Mended,
}

/// The way to a client that runs. Dropping it ends the client.
#[derive(Debug)]
pub(crate) struct Client(UnixStream);

impl Client {
    /// Makes the way, and the other end of it for [`run`].
    ///
    /// # Errors
    /// [`NetError::Call`] if the kernel has no sockets left.
    pub(crate) fn new() -> Result<(Client, UnixStream), NetError> {
        let (ours, theirs) = UnixStream::pair().during("opening", "a socket pair")?;
        ours.set_nonblocking(true).during("setting up", "a socket pair")?;
        Ok((Client(ours), theirs))
    }

    /// Says that the link has a carrier again.
    pub(crate) fn carrier(&self) {
        // A client that does not read has its own trouble, and looks by itself.
        let _ = (&self.0).write(&[1]);
    }
}

/// Runs a client on the link `name` until the other end of `orders` is dropped.
pub(crate) fn run(name: &str, identity: Identity, orders: &UnixStream, mut tell: impl FnMut(News)) {
    let began = Instant::now();
    let mut machine = Machine::new(identity, random(), Duration::ZERO);
    let (mut socket, mut pause, mut open_at) = (None, FIRST_PAUSE, Duration::ZERO);
    loop {
        if socket.is_none() && began.elapsed() >= open_at {
            match open(name).during("opening a DHCP socket on link", name) {
                Ok(opened) => {
                    socket = Some(opened);
                    tell(News::Mended);
                }
                Err(e) => {
                    tell(News::Broken(e));
                    (open_at, pause) = (began.elapsed() + pause, (pause * 2).min(LONGEST_PAUSE));
                }
            }
        }
        let mut until = machine.deadline().min(began.elapsed() + MAX_SLEEP);
        if socket.is_none() {
            until = until.min(open_at);
        }
        let event = match listen(socket.as_ref(), orders, began + until) {
            Heard::Stop => return,
            Heard::Carrier => Event::Carrier,
            Heard::Packet(packet) => match parse(&packet) {
                Some(reply) => Event::Reply(reply),
                None => continue,
            },
            Heard::Nothing if machine.deadline() <= began.elapsed() => Event::Timeout,
            Heard::Nothing => continue,
            Heard::Broken(e) => {
                socket = None;
                tell(News::Broken(NetError::Call {
                    action: "listening for DHCP on link",
                    object: name.to_owned(),
                    source: e,
                }));
                (open_at, pause) = (began.elapsed() + pause, (pause * 2).min(LONGEST_PAUSE));
                continue;
            }
        };
        if matches!(event, Event::Reply(_)) {
            pause = FIRST_PAUSE;
        }
        for action in machine.handle(event, began.elapsed()) {
            match action {
                Action::Use(lease) => tell(News::Leased(lease)),
                Action::Drop => tell(News::Lost),
                Action::Broadcast(query) => send(socket.as_ref(), Ipv4Addr::BROADCAST, &encode(&query)),
                Action::Unicast(to, query) => send(socket.as_ref(), to, &encode(&query)),
            }
        }
    }
}

/// A UDP socket that sends and receives on one link only.
fn open(name: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(name.as_bytes()))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).into())?;
    Ok(socket.into())
}

/// Sends a packet. A failure is as good as a packet that was lost: it is sent again at the next deadline.
fn send(socket: Option<&UdpSocket>, to: Ipv4Addr, packet: &[u8]) {
    let Some(socket) = socket else { return };
    if let Err(e) = socket.send_to(packet, (to, SERVER_PORT)) {
        eprintln!("DHCP: sending to {to}: {e}");
    }
}

/// What happened first.
enum Heard {
    Stop,
    Carrier,
    Packet(Vec<u8>),
    Broken(io::Error),
    Nothing,
}

/// Waits for an order or a packet until `deadline`.
fn listen(socket: Option<&UdpSocket>, orders: &UnixStream, deadline: Instant) -> Heard {
    let left = deadline.saturating_duration_since(Instant::now());
    let ready = wait(orders.as_fd(), socket.map(AsFd::as_fd), Some(left));
    match ready {
        Readable::First => {
            let mut order = [0; 16];
            match (&mut &*orders).read(&mut order) {
                Ok(1..) => Heard::Carrier,
                Ok(0) => Heard::Stop,
                Err(e) if e.kind() == ErrorKind::Interrupted => Heard::Nothing,
                Err(_) => Heard::Stop,
            }
        }
        Readable::Second => socket.map_or(Heard::Nothing, receive),
        Readable::None => Heard::Nothing,
    }
}

/// Receives what is there from a server. A link that is down says so to every reader of its sockets; it comes back.
fn receive(socket: &UdpSocket) -> Heard {
    let mut packet = [0; 1500];
    match socket.recv_from(&mut packet) {
        Ok((length, from)) if from.port() == SERVER_PORT => {
            Heard::Packet(packet.get(..length).unwrap_or_default().to_vec())
        }
        Ok(_) => Heard::Nothing,
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Heard::Nothing,
        Err(e) if e.raw_os_error() == Some(Errno::NETDOWN.raw_os_error()) => Heard::Nothing,
        Err(e) => Heard::Broken(e),
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
