//! Host ports that are forwarded to the guest.

use std::net::{Ipv4Addr, TcpListener};

use serde::{Deserialize, Serialize};

use crate::VmError;

/// A port of the host's loopback address that is forwarded to a port of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Port on 127.0.0.1.
    pub host: u16,
    /// Port of the guest.
    pub guest: u16,
}

/// Chooses a free host port for each guest port: the previous one, the same number, or any.
///
/// # Errors
/// [`VmError::File`] if no free port is found. Nothing stays in use.
pub(crate) fn choose(guests: &[u16], before: &[Forward]) -> Result<Vec<Forward>, VmError> {
    let mut held = Vec::new();
    let mut chosen = Vec::new();
    for &guest in guests {
        let kept = before.iter().find(|f| f.guest == guest).map(|f| f.host);
        let wanted = kept.into_iter().chain([guest, 0]);
        let listener = wanted
            .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
            .find_map(Result::ok)
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::AddrInUse))
            .map_err(VmError::file("choosing a host port for guest port", guest.to_string()))?;
        let host =
            listener.local_addr().map_err(VmError::file("reading address of port", "127.0.0.1"))?.port();
        // Kept open until all are chosen, so that none is chosen twice.
        held.push(listener);
        chosen.push(Forward { host, guest });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_and_a_kept_one_is_kept() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let busy = taken.local_addr().unwrap().port();
        let first = choose(&[busy], &[]).unwrap();
        assert_ne!(first[0].host, busy);
        assert_eq!(choose(&[busy], &first).unwrap(), first);
    }

    #[test]
    fn no_port_is_given_twice() {
        let before = [Forward { host: 0, guest: 1 }, Forward { host: 0, guest: 2 }];
        let chosen = choose(&[1, 2], &before).unwrap();
        assert_ne!(chosen[0].host, chosen[1].host);
    }
}
