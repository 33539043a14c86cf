//! Records, headers and handoffs that nobody wrote: errors are fine, panics are bugs.

use proptest::prelude::*;
use slots::{
    Boot, Entry, Flags, HEADER_BYTES, Handoff, Header, Pair, RECORD_BYTES, Reason, Record, Slot, UKI_OFFSET,
    newest, write_place,
};

fn entry() -> impl Strategy<Value = Entry> {
    (any::<u32>(), any::<u32>(), any::<u8>(), any::<u8>(), any::<u8>()).prop_map(
        |(generation, epoch, f, t, r)| Entry {
            generation,
            epoch,
            flags: Flags(f),
            tries_left: t,
            last_failure: Reason::from_code(r),
        },
    )
}

fn slot() -> impl Strategy<Value = Option<Slot>> {
    prop_oneof![Just(None), Just(Some(Slot::A)), Just(Some(Slot::B))]
}

fn record() -> impl Strategy<Value = Record> {
    let named = (slot(), slot(), slot());
    (any::<u64>(), entry(), entry(), named, any::<u8>(), any::<u32>(), any::<u32>()).prop_map(
        |(sequence, a, b, (attempt, force, last_start), unsettled, boots, epoch_floor)| Record {
            sequence,
            slots: Pair { a, b },
            attempt,
            force,
            last_start,
            unsettled,
            boots,
            epoch_floor,
        },
    )
}

fn header() -> impl Strategy<Value = Header> {
    (1..u64::MAX - UKI_OFFSET, any::<[u8; 32]>(), any::<u32>(), any::<u32>())
        .prop_map(|(length, sha256, generation, epoch)| Header { length, sha256, generation, epoch })
}

proptest! {
    #[test]
    fn records_come_back(record in record()) {
        prop_assert_eq!(Record::parse(&record.encode()), Some(record));
    }

    #[test]
    fn headers_come_back(header in header()) {
        prop_assert_eq!(Header::parse(&header.encode(), u64::MAX), Some(header));
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in any::<[[u8; 32]; 16]>(), text in any::<Vec<u8>>()) {
        let block: [u8; RECORD_BYTES] = std::array::from_fn(|i| bytes[i / 32][i % 32]);
        prop_assert_eq!(Record::parse(&block), None);
        prop_assert_eq!(Header::parse(&block, u64::MAX), None);
        let _ = Handoff::parse(&text);
    }

    /// Whatever a record says, a boot ends after at most one start of each slot.
    #[test]
    fn any_records_boot_or_end(a in proptest::option::of(record()), b in proptest::option::of(record()), h in header()) {
        let headers = Pair { a: Some(h), b: a.map(|r| Header { generation: r.slots.b.generation, ..h }) };
        let mut boot = Boot::new(a, b, &headers);
        let mut started = Vec::new();
        while let Some(start) = boot.next_start() {
            prop_assert!(!started.contains(&start.slot));
            prop_assert_eq!(start.write_to, write_place(a, b));
            prop_assert!(newest(a, b).is_none_or(|(_, r)| start.record.is_newer_than(&r)));
            started.push(start.slot);
            boot.refuse(start.slot, Reason::Returned);
        }
    }

    /// The record written next counts, whatever the sequence, the last number included.
    #[test]
    fn what_is_written_next_counts(record in record()) {
        let next = record.succeeding();
        prop_assert_eq!(newest(Some(record), Some(next)).map(|(_, r)| r), Some(next));
        prop_assert_eq!(newest(Some(next), Some(record)).map(|(_, r)| r), Some(next));
    }
}

#[test]
fn any_flipped_bit_is_refused() {
    let record = Record::installed(3).encode();
    let header = Header { length: 9, sha256: [7; 32], generation: 1, epoch: 3 }.encode();
    for bit in 0..HEADER_BYTES * 8 {
        let flip = |mut block: [u8; HEADER_BYTES]| {
            block[bit / 8] ^= 1 << (bit % 8);
            block
        };
        assert_eq!(Record::parse(&flip(record)), None, "record, bit {bit}");
        assert_eq!(Header::parse(&flip(header), u64::MAX), None, "header, bit {bit}");
    }
}

#[test]
fn a_uki_ends_within_its_partition() {
    let parse = |length, room| {
        Header::parse(&Header { length, sha256: [0; 32], generation: 1, epoch: 0 }.encode(), room)
    };
    assert!(parse(100, UKI_OFFSET + 100).is_some());
    for (length, room) in [(101, UKI_OFFSET + 100), (0, 8192), (u64::MAX, u64::MAX), (1, 100), (1, 0)] {
        assert_eq!(parse(length, room), None, "{length} in {room}");
    }
}
