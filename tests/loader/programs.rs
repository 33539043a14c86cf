//! The boot loader and the probe, built by the recipe of the image's programs.

use std::path::PathBuf;
use std::sync::OnceLock;

use inputs::store::{Mode, Store};
use inputs::{Options, Workspace};

/// What a probe does after printing the options it was started with.
#[derive(Clone, Copy)]
pub enum Order {
    /// Switches the machine off.
    SwitchOff,
    /// Returns to the boot loader.
    Return,
    /// Resets, as a kernel that panics does.
    Reset,
    /// Hangs until the power is cut.
    Stay,
    /// Stores conflicting variables, then resets.
    Litter,
    /// Prints whether Secure Boot is on, and switches off.
    SecureBoot,
}

impl Order {
    fn letter(self) -> u8 {
        match self {
            Order::SwitchOff => b'o',
            Order::Return => b'r',
            Order::Reset => b'b',
            Order::Stay => b'h',
            Order::Litter => b'v',
            Order::SecureBoot => b's',
        }
    }
}

/// Returns the boot loader.
pub fn loader() -> Vec<u8> {
    built().0.clone()
}

/// Returns a probe with a name of one letter.
pub fn probe(order: Order, name: u8) -> Vec<u8> {
    written(&[order.letter(), name])
}

/// Returns a probe that enrols signed updates of `PK`, `KEK` and `db`, and switches off. Empty ones are left
/// out.
pub fn enrolling(updates: &[Vec<u8>; 3]) -> Vec<u8> {
    let mut probe = written(b"ee");
    let at = behind(&probe, b"PROBE-UPDATES-->");
    for (update, room) in updates.iter().zip(probe[at..].chunks_mut(4096)) {
        room[..2].copy_from_slice(&u16::try_from(update.len()).unwrap().to_le_bytes());
        room[2..2 + update.len()].copy_from_slice(update);
    }
    probe
}

/// Returns a probe with an order of two letters.
fn written(letters: &[u8; 2]) -> Vec<u8> {
    let mut probe = built().1.clone();
    let at = behind(&probe, b"PROBE-ORDER-->");
    probe[at..at + 2].copy_from_slice(letters);
    probe
}

fn behind(probe: &[u8], mark: &[u8]) -> usize {
    probe.windows(mark.len()).position(|w| w == mark).unwrap() + mark.len()
}

/// Builds both unless they are in the cache.
fn built() -> &'static (Vec<u8>, Vec<u8>) {
    static BUILT: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let store = Store::open(cache(), Mode::Online).unwrap();
        let workspace = Workspace::open(&e2e::tool::source_root(), store, Options::default()).unwrap();
        let bytes =
            |name| std::fs::read(workspace.program(name).unwrap_or_else(|e| panic!("{e}")).path).unwrap();
        (bytes("loader"), bytes("probe"))
    })
}

/// Returns the cache of the `ironhull` command.
fn cache() -> PathBuf {
    let of = |name, below: &str| std::env::var_os(name).map(|v| PathBuf::from(v).join(below));
    let found = of("IRONHULL_CACHE", "").or_else(|| of("XDG_CACHE_HOME", "ironhull"));
    found.or_else(|| of("HOME", ".cache/ironhull")).unwrap()
}
