//! The real updater on a recorded disk that loses power, fails or corrupts data, and with bundles that a node
//! must refuse.
//!
//! | what is done to it | where |
//! |---|---|
//! | power cuts after every sector, with sectors reordered between two syncs | `power` |
//! | writes, syncs and reads that fail; sectors that hold something else than what was written | `faults` |
//! | wrong orders of writes, which the judge must find | `broken` |
//! | bundles that are refused before the first write | `hostile`, `exchanged` |
//!
//! After a cut the disk is judged by the boot loader's code, and by an independent check of the slot.
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
