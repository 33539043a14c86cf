//! End-to-end tests: real images in QEMU, one behaviour a file in `e2e/`.
//!
//! This library is their harness. It runs the `ironhull` command as a user does and checks the results with
//! foreign tools: `kubectl`, `e2fsck`, `fsck.erofs`.

pub mod bare;
pub mod bench;
pub mod bootstate;
pub mod guest;
pub mod host_disk;
pub mod image;
pub mod lab;
pub mod listing;
pub mod log;
pub mod loopback;
pub mod medium;
pub mod node;
pub mod pc;
pub mod qmp;
pub mod seed;
pub mod segment;
pub mod setting;
pub mod time_server;
pub mod tool;
pub mod web_server;
