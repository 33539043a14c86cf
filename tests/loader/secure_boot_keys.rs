//! Secure Boot keys made by `ironhull keys create`, enrolled by the real firmware.

use std::path::Path;
use std::sync::OnceLock;

use secureboot::{NAMES, Signer};
use tempfile::TempDir;

use crate::disk::Contents;
use crate::machine::{Firmware, Machine, VARIABLES_NAME, present};
use crate::programs::{Order, enrolling, probe};

/// An owner's keys.
pub struct Keys(TempDir);

impl Keys {
    fn new(owner: &str) -> Keys {
        let dir = tempfile::tempdir().unwrap();
        secureboot::create(dir.path(), owner).unwrap();
        Keys(dir)
    }

    /// Returns a program signed by one of the keys.
    pub fn sign(&self, name: &str, program: &[u8]) -> Vec<u8> {
        let file = |ending| self.0.path().join(format!("{name}.{ending}"));
        Signer::load(&file("key"), &file("crt")).unwrap().sign_program(program).unwrap()
    }

    /// Returns the signed updates of the variables.
    fn updates(&self) -> [Vec<u8>; 3] {
        NAMES.map(|name| std::fs::read(self.0.path().join(format!("{name}.auth"))).unwrap())
    }
}

/// The keys of the machines' owner.
pub fn owner() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::new("owner"))
}

/// Another owner's keys.
pub fn stranger() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::new("stranger"))
}

/// Returns the firmware's variables with the owner's keys enrolled.
pub fn enrolled() -> &'static Path {
    static ENROLLED: OnceLock<TempDir> = OnceLock::new();
    let made = || {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(enrol(&owner().updates(), dir.path()), NAMES.map(|n| format!("probe has set {n}")));
        dir
    };
    Box::leak(ENROLLED.get_or_init(made).path().join(VARIABLES_NAME).into_boxed_path())
}

/// Starts a machine in setup mode with a program that sets the variables; returns its lines.
fn enrol(updates: &[Vec<u8>; 3], dir: &Path) -> Vec<String> {
    let disk =
        Contents { loader: enrolling(updates), ..Contents::new(&[], &[]) }.write(&dir.join("disk.raw"));
    let mut lines = Machine { firmware: Firmware::SetupMode, ..Machine::new(&disk) }.run(dir);
    assert_eq!(lines.remove(0), "probe e was told: nothing");
    lines
}

#[test]
fn each_variable_is_taken_with_a_signature_of_the_key_above_it() {
    if present() {
        enrolled();
    }
}

/// As `ironhull run` does it: the firmware accepts a variable store that we wrote.
#[test]
fn keys_in_a_store_of_ours_are_enrolled() {
    if !present() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store.fd");
    let empty = std::fs::read(Firmware::SetupMode.variables()).unwrap();
    std::fs::write(&store, secureboot::enrol(owner().0.path(), &empty).unwrap()).unwrap();
    let program = owner().sign("db", &probe(Order::SecureBoot, b'S'));
    let disk = Contents { loader: program, ..Contents::new(&[], &[]) }.write(&dir.path().join("disk.raw"));
    let lines = Machine { firmware: Firmware::Secure(&store), ..Machine::new(&disk) }.run(dir.path());
    assert_eq!(lines, ["probe S was told: nothing", "probe sees SecureBoot=1"]);
}

/// Enrols the updates and expects that the firmware refuses only the last one.
#[track_caller]
fn last_is_refused(updates: &[Vec<u8>; 3], names: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let (last, taken) = names.split_last().unwrap();
    let mut expected: Vec<_> = taken.iter().map(|name| format!("probe has set {name}")).collect();
    // EFI_SECURITY_VIOLATION.
    expected.push(format!("probe can't set {last}: firmware: error 26"));
    assert_eq!(enrol(updates, dir.path()), expected);
}

#[test]
fn an_altered_update_is_refused() {
    if present() {
        let [platform, mut exchange, _] = owner().updates();
        *exchange.last_mut().unwrap() ^= 1;
        last_is_refused(&[platform, exchange, vec![]], &["PK", "KEK"]);
    }
}

#[test]
fn an_update_by_a_stranger_is_refused() {
    if present() {
        let ([platform, exchange, _], [.., programs]) = (owner().updates(), stranger().updates());
        last_is_refused(&[platform, exchange, programs], &NAMES);
    }
}
