//! Sockets and pipes that the standard library does not provide: non-blocking connections, and messages with
//! their sender's pid.

use std::fs::File;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::net;

use crate::error::{During, SysError};

/// Maximum length of a message from a service to its supervisor.
const NOTICE_BYTES: usize = 4096;

/// Begins to connect to `port` on 127.0.0.1 without blocking. When the stream is writable,
/// [`TcpStream::take_error`] returns the result.
///
/// # Errors
/// [`SysError`] if no socket can be created, or the connection is refused immediately.
pub fn connect_loopback(port: u16) -> Result<TcpStream, SysError> {
    let flags = net::SocketFlags::CLOEXEC | net::SocketFlags::NONBLOCK;
    let socket = net::socket_with(net::AddressFamily::INET, net::SocketType::STREAM, flags, None)
        .during("opening a socket for port", port)?;
    match net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(e) => Err(e).during("connecting to port", port),
    }
}

/// Opens the datagram socket at `path` on which services report that they are ready; an existing file is
/// removed. Everybody may write to it: [`receive_notice`] identifies the sender.
///
/// # Errors
/// [`SysError`] naming `path`, if the socket can't be created; the old file is gone then.
pub fn notify_socket(path: &Path) -> Result<UnixDatagram, SysError> {
    use std::os::unix::fs::PermissionsExt;
    let name = &path.display();
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e).during("removing", name),
        _ => {}
    }
    let socket = UnixDatagram::bind(path).during("listening on", name)?;
    socket.set_nonblocking(true).during("listening on", name)?;
    net::sockopt::set_socket_passcred(&socket, true).during("listening on", name)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).during("opening up", name)?;
    Ok(socket)
}

/// Receives one message, with the sender's pid according to the kernel; `None` if there is no message. A
/// message without a sender is returned with pid 0. A message that is too long is truncated, and descriptors
/// sent with it are closed.
#[must_use]
pub fn receive_notice(socket: &UnixDatagram) -> Option<(u32, Vec<u8>)> {
    let mut bytes = vec![0; NOTICE_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1), ScmRights(16))];
    let mut control = net::RecvAncillaryBuffer::new(&mut space);
    let flags = net::RecvFlags::DONTWAIT | net::RecvFlags::CMSG_CLOEXEC;
    let got = net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags).ok()?;
    let sender = control.drain().find_map(|m| match m {
        net::RecvAncillaryMessage::ScmCredentials(c) => u32::try_from(c.pid.as_raw_nonzero().get()).ok(),
        _ => None,
    });
    bytes.truncate(got.bytes);
    Some((sender.unwrap_or(0), bytes))
}

/// Creates a pipe: a non-blocking end to read from, and a blocking end to write to.
///
/// # Errors
/// [`SysError`] if the kernel can't create one.
pub fn pipe() -> Result<(File, OwnedFd), SysError> {
    let (reader, writer) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).during("making", "a pipe")?;
    crate::poll::set_nonblocking(&reader)?;
    Ok((File::from(reader), writer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_carry_the_senders_number() {
        let path = std::env::temp_dir().join(format!("sys-notify-{}", std::process::id()));
        let socket = notify_socket(&path).unwrap();
        assert!(receive_notice(&socket).is_none());
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"READY=1", &path).unwrap();
        assert_eq!(receive_notice(&socket), Some((std::process::id(), b"READY=1".to_vec())));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn connection_does_not_wait() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect_loopback(listener.local_addr().unwrap().port()).unwrap();
        listener.accept().unwrap();
        assert!(stream.take_error().unwrap().is_none());
    }
}
