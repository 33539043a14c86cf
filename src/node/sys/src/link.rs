//! Sets one network link up, for `lo`; everything else uses netlink.

use std::ffi::{c_int, c_short};
use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketType, socket};

use crate::error::{During, SysError};

/// Sets the network link `name` up.
///
/// # Errors
/// [`SysError`] naming `name`, if there is no such link or the caller lacks the privilege.
pub fn set_link_up(name: &str) -> Result<(), SysError> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None).during("opening a socket for", name)?;
    // SAFETY: all-zero bytes are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(SysError::value("switching on link", name));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    // SAFETY: the kernel reads and writes one `ifreq`, which lives until the call returns.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) } < 0 {
        return Err(SysError::last("reading flags of link", name));
    }
    // SAFETY: SIOCGIFFLAGS has just filled this member of the union.
    let flags = c_int::from(unsafe { request.ifr_ifru.ifru_flags }) | libc::IFF_UP;
    request.ifr_ifru.ifru_flags =
        c_short::try_from(flags).map_err(|_| SysError::value("switching on link", name))?;
    // SAFETY: as above.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } < 0 {
        return Err(SysError::last("switching on link", name));
    }
    Ok(())
}
