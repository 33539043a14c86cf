//! Reads the boot records and writes one: a sector, which has a disk block to itself.

use slots::{Place, RECORD_BYTES, Record};

use crate::disk::Opened;
use crate::efi::{Firmware, Memory};

/// Reads the records at the first and the second place; one that can't be read or is not valid is `None`.
pub(crate) fn read(firmware: &Firmware, bootstate: Option<&Opened>) -> [Option<Record>; 2] {
    Place::ALL.map(|place| {
        let block = first_block(firmware, bootstate?, place.offset())?;
        Record::parse(block.first_chunk::<RECORD_BYTES>()?)
    })
}

/// Writes a record; returns whether it is on the disk.
pub(crate) fn write(firmware: &Firmware, bootstate: Option<&Opened>, place: Place, record: &Record) -> bool {
    let write = || {
        let device = bootstate?.device;
        let mut block = firmware.memory(device.block())?;
        block.fill(0);
        *block.first_chunk_mut::<RECORD_BYTES>()? = record.encode();
        Some(device.write(place.offset(), &block))
    };
    write().unwrap_or(false)
}

/// Reads the block at byte `at` of a partition.
pub(crate) fn first_block(firmware: &Firmware, partition: &Opened, at: u64) -> Option<Memory> {
    let mut block = firmware.memory(partition.device.block())?;
    partition.device.read(at, &mut block).then_some(block)
}
