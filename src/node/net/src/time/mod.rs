//! What time it is: decided from what is known, without a clock, a socket or a disk.
//!
//! A machine's own clock may show anything, and SNTP is not authenticated, so each is held against what is certain
//! ([`bounds()`]) and against the other. [`start()`] says where the clock begins at boot, [`agree()`] what the servers
//! say together, [`decide()`] whether the clock follows them. The rules are in `docs/explanation/time.md`; they are
//! tried with every combination of clocks and servers in `tests.rs`. Left out: a discipline that slews the clock, and
//! authenticated time (NTS).
//!
//! All times are durations since 1970.

mod agreement;
mod bounds;
mod decision;
#[cfg(test)]
mod tests;

pub use agreement::{Agreement, Strength, agree};
pub use bounds::{Bounds, Evidence, Ground, Start, bounds, start};
pub use decision::{Clock, Decision, Permission, Refusal, Trust, decide};
