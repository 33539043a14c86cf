//! The part of rtnetlink that a node needs: links, IPv4 addresses, IPv4 routes.
//!
//! Written here because it is small, safe with `rustix`, and needs no async runtime; the crates for it
//! bring one and cover everything else of netlink too. Integers are in the machine's own byte order.
//! Spec: rtnetlink(7), netlink(7).

mod message;
mod socket;

pub use message::Link;
pub(crate) use message::RouteRequest;
pub(crate) use socket::{Monitor, Socket};
