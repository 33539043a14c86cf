//! DHCPv4 client, RFC 2131 and 2132.
//!
//! `packet` is the format, `lease` decides (pure), `client` sends and receives. One thread per link, over
//! a UDP socket bound to it, with the broadcast flag: a link without address gets no unicast answer
//! through the kernel. Left out: DHCPINFORM, INIT-REBOOT, the ARP probe before use (Off-spec: a SHOULD
//! of section 4.4.1 that costs seconds of boot; servers probe too).

mod client;
mod lease;
mod packet;

pub(crate) use client::{Client, News, run};
pub(crate) use lease::Identity;
pub use packet::Lease;
