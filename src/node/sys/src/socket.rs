//! Sockets and pipes that the standard library does not have: connections that do not wait, messages
//! with their sender's process number.

use std::fs::File;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::net;

use crate::error::{During, SysError};

/// Longest message of a service to its supervisor.
const NOTICE_BYTES: usize = 4096;

/// Begins to connect to `port` on 127.0.0.1 without waiting. When the stream is writable,
/// [`TcpStream::take_error`] says how it went.
///
/// # Errors
/// [`SysError`] if the connection is refused immediately.
pub fn connect_loopback(port: u16) -> Result<TcpStream, SysError> {
    let flags = net::SocketFlags::CLOEXEC | net::SocketFlags::NONBLOCK;
    let socket = net::socket_with(net::AddressFamily::INET, net::SocketType::STREAM, flags, None)
        .during("opening a socket for port", port)?;
    match net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(e) => Err(e).during("connecting to port", port),
    }
}

/// Opens the datagram socket at `path` on which services say that they are ready; a file that stands
/// there is removed. Everybody may write to it: senders are told apart by [`receive_notice`].
///
/// # Errors
/// [`SysError`] naming `path`, if the socket can't be created.
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

/// Takes one message and the number of the process that sent it, as the kernel saw it; `None` when there
/// is none. A message without a sender is given as from process 0. Overlong ones are cut, descriptors
/// that came along are closed.
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

/// Makes a pipe: the end to read from, which does not wait, and the end to write to, which does.
///
/// # Errors
/// [`SysError`] when the kernel has no room for one.
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
