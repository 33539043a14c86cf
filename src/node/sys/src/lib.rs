//! The system calls of a node: everything that needs `unsafe`, behind functions that do not.
//!
//! Each function does one call or one short fixed sequence and decides nothing. `rustix` is used where it
//! has the call; the rest (device-mapper, block and watchdog ioctls, `clone3` into a cgroup) is done
//! here over `libc`. Not covered: anything the standard library does well (files, unix streams).
#![expect(unsafe_code, reason = "this is the crate for it; each block says why it is sound")]

mod back_door;
mod backed;
mod block;
mod cgroup;
mod child;
mod entropy;
mod error;
mod input;
mod link;
mod machine;
mod mapper;
mod mount;
mod poll;
mod proc;
mod process;
mod signal;
mod socket;
mod spawn;
mod watchdog;

pub use back_door::{BackDoorRegisters, back_door};
pub use backed::open_backed;
pub use block::{SECTOR_BYTES, device_bytes, grow_ext4, resize_partition, zero_range};
pub use cgroup::Cgroup;
pub use entropy::{credit_entropy, random_bytes};
pub use error::SysError;
pub use input::{KEY_POWER, pressed_keys};
pub use link::set_link_up;
pub use machine::{Leave, boot_ms, catch_ctrl_alt_del, leave, make_device_node, set_hostname, sync_all};
pub use mapper::{open_part, open_verity};
pub use mount::{
    MountFlags, bind, change_root, mount, move_mount, remount_read_only, share, unmount, unmount_lazily,
};
pub use poll::{Interest, Poll, Ready, set_nonblocking};
pub use proc::proc_kib;
pub use process::{Copy, Exit, kill, kill_everything, reap, run_in_child, run_in_child_within};
pub use signal::{Signal, Signals};
pub use socket::{connect_loopback, notify_socket, pipe, receive_notice};
pub use spawn::{Child, Launch, spawn};
pub use watchdog::Watchdog;
