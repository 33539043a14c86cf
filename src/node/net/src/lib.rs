//! A node's network and clock: links, addresses, routes, DHCPv4, name files, SNTP.
//!
//! IPv4 only for now, as the config is. `plan`, `shape`, `wanted`, `steps` and `verdict` decide, [`Network`] carries it out and
//! maintains it; [`time`] decides, [`clock`] and [`sntp`] are how that is read and done. None needs an async runtime.
//! Left out: containers' networks, which are the CNI plugins'.
#![forbid(unsafe_code)]

pub mod clock;
mod dhcp;
mod error;
mod files;
mod netlink;
mod network;
mod plan;
mod shape;
pub mod sntp;
mod steps;
mod survey;
pub mod time;
mod verdict;
mod wait;
mod wanted;

pub use error::NetError;
pub use netlink::Link;
pub use network::{Network, NetworkState, UNNAMED};
pub use plan::{LinkPlan, Plan, plan};
pub use survey::survey;
