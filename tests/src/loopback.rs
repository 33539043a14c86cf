//! Addresses of this host for machines of tests.
//!
//! A port that is free may be taken by another program before QEMU opens it. So each machine has its own
//! loopback address, where nobody else opens the port.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Base-2 logarithm of the number of addresses for each process.
const EACH: u32 = 10;

/// Returns an address in 127.128.0.0/9 that no other test on this host uses while this process runs.
#[must_use]
pub fn address() -> Ipv4Addr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let number = GIVEN.fetch_add(1, Ordering::Relaxed) & ((1 << EACH) - 1);
    let process = std::process::id() & ((1 << (23 - EACH)) - 1);
    Ipv4Addr::from_bits(0x7f80_0000 | process << EACH | number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_gives_another_loopback_address() {
        let (a, b) = (address(), address());
        assert!(a.is_loopback() && b.is_loopback());
        assert_ne!(a, b);
        std::net::TcpListener::bind((a, 0)).unwrap();
    }
}
