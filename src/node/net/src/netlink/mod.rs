//! The part of rtnetlink that a node needs: links, also those made of others, IPv4 addresses, IPv4 routes.
//!
//! Written here because it is small, safe with `rustix`, and reads only the attributes that it needs:
//! docs/architecture.md, decision 18. Integers are in the machine's own byte order.
//! Spec: rtnetlink(7), netlink(7).

mod made;
mod message;
mod socket;

pub(crate) use made::Made;
#[cfg(test)]
pub(crate) use made::Parts;
pub use message::Link;
pub(crate) use message::Route;
pub(crate) use socket::{Monitor, Socket};
