//! The real updater on a recorded disk that is cut, fails or lies, and with bundles that nobody must take.
//!
//! | what is done to it | where |
//! |---|---|
//! | power cuts after every sector, with sectors that overtake others between two syncs | `power` |
//! | writes, syncs and reads that fail; sectors that are not what was written | `faults` |
//! | orders of writes that are wrong, which the judge must find | `broken` |
//! | bundles that are refused before the first write | `hostile`, `exchanged` |
//!
//! A cut is judged by the code that the boot loader runs, and by a check of the slot of its own.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

#[path = "cuts/broken.rs"]
mod broken;
#[path = "cuts/disk.rs"]
mod disk;
#[path = "cuts/exchanged.rs"]
mod exchanged;
#[path = "cuts/faults.rs"]
mod faults;
#[path = "cuts/generation.rs"]
mod generation;
#[path = "cuts/hostile.rs"]
mod hostile;
#[path = "cuts/judge.rs"]
mod judge;
#[path = "cuts/layout.rs"]
mod layout;
#[path = "cuts/node.rs"]
mod node;
#[path = "cuts/pe.rs"]
mod pe;
#[path = "cuts/power.rs"]
mod power;
#[path = "cuts/replay.rs"]
mod replay;
#[path = "cuts/scene.rs"]
mod scene;
#[path = "cuts/whole.rs"]
mod whole;
