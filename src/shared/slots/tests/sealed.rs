//! Blocks with a right checksum and any content, as somebody makes them who can write the disk; and text that
//! is nearly right. Nothing panics, and what is taken is taken in one sense only.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use slots::{
    Boot, Expired, HANDOFF_BYTES, Handoff, Header, MARKER_BYTES, Marker, Pair, RECORD_BYTES, Reason, Record,
    RootParams, Running, Slot, UKI_OFFSET, Why,
};

/// The CRC-32 of gzip, written down a second time.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// Returns a block that begins with `front`, has any bytes behind it and the checksum of both.
fn sealed(front: &'static [u8]) -> impl Strategy<Value = [u8; RECORD_BYTES]> {
    any::<[[u8; 32]; 16]>().prop_map(move |bytes| {
        let mut block: [u8; RECORD_BYTES] = std::array::from_fn(|i| bytes[i / 32][i % 32]);
        block[..front.len()].copy_from_slice(front);
        let crc = crc32(&block[..508]);
        block[508..].copy_from_slice(&crc.to_le_bytes());
        block
    })
}

fn slot() -> impl Strategy<Value = Slot> {
    prop_oneof![Just(Slot::A), Just(Slot::B)]
}

/// Returns the records that `init` could write next, whatever it is told.
fn next_records(record: &Record, running: Running, generation: u32) -> Vec<Record> {
    let reason = Reason::Health;
    let expired = match slots::expire(record, running, reason) {
        Expired::Reboot(next) | Expired::Keep(next) => Some(next),
        Expired::Stay => None,
    };
    let begun = slots::begin_update(record, running).map(|(_, next)| next).ok();
    let committed = begun.and_then(|r| slots::commit_update(&r, running, r.next_generation(), u32::MAX).ok());
    let by_hand = [
        slots::rollback(record, running),
        slots::boot_once(record, running.slot),
        slots::cancel(record, running),
        slots::bless(record, running),
        slots::commit_update(record, running, generation, generation),
    ];
    let always = [slots::answer(record, running), slots::note(record, running.slot, reason)];
    let may = [expired, begun, committed, slots::settle(record, running)];
    always.into_iter().chain(may.into_iter().flatten()).chain(by_hand.into_iter().flatten()).collect()
}

/// The same cases each time: what fails once fails again.
fn always_the_same() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(always_the_same())]

    #[test]
    fn a_sealed_record_is_taken_and_written_back_as_understood(block in sealed(b"IRONBOOT\x01\0\0\0")) {
        let record = Record::parse(&block).expect("magic, version and checksum are right");
        prop_assert_eq!(Record::parse(&record.encode()), Some(record));
    }

    #[test]
    fn a_sealed_record_leads_to_newer_records_only(
        block in sealed(b"IRONBOOT\x01\0\0\0"), at in slot(), number in any::<u32>(), flags in any::<[u8; 2]>(),
    ) {
        let mut record = Record::parse(&block).expect("magic, version and checksum are right");
        // Present, blessed, retired or not: random bits alone would rarely make a slot that counts.
        (record.slots.a.flags.0, record.slots.b.flags.0) = (flags[0] & 15, flags[1] & 15);
        for generation in [record.slots.get(at).generation, number] {
            let running = Running { slot: at, generation, why: Why::HasTries };
            for next in next_records(&record, running, number) {
                prop_assert!(next.is_newer_than(&record) && !record.is_newer_than(&next));
                prop_assert_eq!(Record::parse(&next.encode()), Some(next));
            }
        }
    }

    /// Two records and two headers that agree with nothing: a boot tries each slot once at most, then ends.
    #[test]
    fn sealed_blocks_boot_or_end(
        first in sealed(b"IRONBOOT\x01\0\0\0"), second in sealed(b"IRONBOOT\x01\0\0\0"),
        a in sealed(b"IRONSLOT\0\0\x10\0\0\0\0\0"), b in sealed(b"IRONSLOT\0\0\x10\0\0\0\0\0"),
        lost in any::<[bool; 2]>(),
    ) {
        let headers = Pair { a: Header::parse(&a, 64 << 20), b: Header::parse(&b, 64 << 20) };
        prop_assert!(headers.a.is_some() && headers.b.is_some());
        let [first, second] = [(first, lost[0]), (second, lost[1])].map(|(r, lost)| Record::parse(&r).filter(|_| !lost));
        let mut boot = Boot::new(first, second, &headers);
        let mut starts = 0;
        while let Some(start) = boot.next_start() {
            starts += 1;
            prop_assert!(starts <= 2);
            boot.refuse(start.slot, Reason::BadSha256);
        }
        let (_, last) = boot.last_words();
        prop_assert_eq!(Record::parse(&last.encode()), Some(last));
    }

    #[test]
    fn a_sealed_header_is_taken_only_if_its_uki_fits(block in sealed(b"IRONSLOT"), room in any::<u64>()) {
        let length = u64::from_le_bytes(block[8..16].try_into().expect("eight bytes"));
        let fits = length > 0 && length.checked_add(UKI_OFFSET).is_some_and(|end| end <= room);
        let found = Header::parse(&block, room);
        prop_assert_eq!(found.is_some(), fits);
        prop_assert_eq!(found.and_then(|h| Header::parse(&h.encode(), room)), found);
    }

    #[test]
    fn words_nearly_right_tell_one_thing_or_none(
        words in proptest::collection::vec(
            "(slot|generation|tries|reason|new|)(=|==| |)(a|b|A|c|[0-9]{1,3}|-1|4294967296|has-tries|forced|)", 0..6,
        ),
        separator in "[ \t\n\0]{1,2}",
    ) {
        let text = words.join(&separator);
        if let Some(told) = Handoff::parse(text.as_bytes()) {
            let mut room = [0; HANDOFF_BYTES];
            prop_assert_eq!(Handoff::parse(told.encode(&mut room)), Some(told));
        }
    }

    #[test]
    fn a_changed_handoff_tells_one_thing_or_none(at in 0..44usize, byte in any::<u8>(), length in 0..=44usize) {
        let mut text = *b"slot=a generation=30 tries=2 reason=has-trie";
        text[at] = byte;
        for text in [&text[..], &text[..length]] {
            if let Some(told) = Handoff::parse(text) {
                let mut room = [0; HANDOFF_BYTES];
                prop_assert_eq!(Handoff::parse(told.encode(&mut room)), Some(told));
            }
        }
    }

    #[test]
    fn a_changed_command_line_names_one_root_or_none(
        at in any::<prop::sample::Index>(), with in ".{0,3}", cut in any::<prop::sample::Index>(),
    ) {
        let root = RootParams { root_hash: [0xab; 32], salt: [1; 32], data_blocks: 700, hash_block: 701 };
        let good = format!("console=ttyS0 {root} panic=10");
        let at = at.index(good.len());
        let changed = format!("{}{with}{}", &good[..at], &good[at + 1..]);
        let cut = &good[..cut.index(good.len())];
        for line in [changed.as_str(), cut, &format!("{changed} {with}"), &format!("{with}={changed}")] {
            match RootParams::parse(line) {
                Ok(found) => prop_assert_eq!(RootParams::parse(&found.to_string()), Ok(found)),
                Err(error) => prop_assert!(error.to_string().contains("command line")),
            }
        }
    }
}

/// A marker lets a partition be formatted: nothing but the whole block does.
#[test]
fn a_marker_with_any_bit_flipped_outside_of_its_uuid_is_none() {
    let good = Marker { uuid: [7; 16] }.to_block();
    for bit in 0..MARKER_BYTES * 8 {
        let mut bad = good;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Marker::parse(&bad).is_some(), (24..40).contains(&(bit / 8)), "bit {bit}");
    }
}
