//! A slot that can't be started: the other one runs in the same boot, and the record has the reason.

use slots::Reason;

use crate::disk::{Contents, kernel};
use crate::machine::{boot, present};
use crate::programs::{Order, probe};

/// Boots with `b` in kernel partition B and expects slot A to run after `reason`.
#[track_caller]
fn falls_back(b: Vec<u8>, reason: Reason) {
    if !present() {
        return;
    }
    let good = probe(Order::SwitchOff, b'A');
    let mut contents = Contents::new(&good, &good);
    contents.kernels.b = b;
    let found = boot(&contents);
    let told = "probe A was told: slot=a generation=1 tries=8 reason=has-tries";
    assert_eq!(found.lines.last().unwrap(), told, "{:#?}", found.lines);
    assert!(found.lines.iter().any(|l| l.contains(&reason.to_string())), "{:#?}", found.lines);
    let record = found.disk.record().unwrap();
    assert_eq!((record.slots.b.last_failure, record.slots.b.tries_left), (reason, 0));
    assert_eq!((record.slots.a.last_failure, record.slots.a.tries_left), (Reason::None, 8));
}

fn program() -> Vec<u8> {
    probe(Order::SwitchOff, b'B')
}

#[test]
fn an_empty_slot() {
    falls_back(vec![], Reason::BadHeader);
}

#[test]
fn a_header_of_garbage() {
    let noise: Vec<u8> = (0..8192u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    falls_back(noise, Reason::BadHeader);
}

#[test]
fn a_truncated_program() {
    let mut cut = kernel(&program(), 2);
    let half = 4096 + (cut.len() - 4096) / 2;
    cut[half..].fill(0);
    falls_back(cut, Reason::BadSha256);
}

#[test]
fn a_flipped_bit() {
    let mut flipped = kernel(&program(), 2);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    falls_back(flipped, Reason::BadSha256);
}

#[test]
fn another_generation_than_recorded() {
    falls_back(kernel(&program(), 7), Reason::GenerationDiffers);
}

#[test]
fn a_program_that_the_firmware_does_not_load() {
    let mut rotten = program();
    rotten[..512].fill(0);
    falls_back(kernel(&rotten, 2), Reason::RefusedByFirmware);
}

#[test]
fn a_program_that_returns() {
    falls_back(kernel(&probe(Order::Return, b'B'), 2), Reason::Returned);
}
