//! Decisions on the boot record: one file per decision, each a function from the known facts to the next record. The
//! caller writes the result to [`Current::write_to`], or nothing.
//!
//! | who | when | decision |
//! |---|---|---|
//! | boot loader | at each boot | [`Boot`] |
//! | `init` | as soon as the node runs | [`answer()`] |
//! | `init` | after a while, or at an orderly shutdown | [`settle()`] |
//! | `init` | the node is healthy on trial | [`bless()`] |
//! | `init` | the node is not healthy in time | [`expire()`], [`may_reboot_unwritten`] |
//! | `init` | `noded` does not report on trial | [`may_starve`] |
//! | `init` | before a failure whose cause it knows | [`note()`] |
//! | updater | before and after it writes a slot | [`begin_update()`], [`commit_update`] |
//! | operator | | [`rollback()`], [`boot_once`], [`cancel`] |
//!
//! All of them are explored together, with every fault between them, by `tests/model` and `tests/model_small`.

mod answer;
mod bless;
mod boot;
mod by_hand;
mod current;
mod expire;
mod refusal;
mod retire;
mod running;
mod select;
mod settle;
mod update;

pub use answer::{answer, note};
pub use bless::bless;
pub use boot::{Boot, Start};
pub use by_hand::{boot_once, cancel, rollback};
pub use current::Current;
pub use expire::{Expired, expire, may_reboot_unwritten, may_starve};
pub use refusal::Refusal;
pub use running::Running;
pub use select::select;
pub use settle::settle;
pub use update::{begin_update, commit_update};
