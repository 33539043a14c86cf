//! Starts machines of a network segment: answers firmware that looks for a boot server, and serves the image over TFTP and
//! HTTP and each machine's config.
//!
//! It stands beside the segment's DHCP server and gives no addresses (PXE 2.1, 2.2.3: "proxyDHCP"), unless it is told to
//! for a segment that has none. Firmware (PXE, UEFI HTTP boot) loads one file, which is a kernel image with the
//! installation medium in it; iPXE loads kernel and initrd of the same file. Packets and decisions are pure, sockets are at
//! the edge. Left out: IPv6, HTTPS (firmware needs the server's certificate enrolled first), other architectures.
#![forbid(unsafe_code)]

mod client;
mod configs;
mod dhcp;
mod error;
mod files;
mod lend;
mod offer;
mod packet;
mod range;
mod report;
mod server;
mod tftp;
mod web;

pub use client::{Client, System};
pub use error::Error;
pub use report::{Event, Mac};
pub use server::{Options, Server};
