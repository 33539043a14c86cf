//! What a disk holds already. Only read.

use std::io;

use disk::MIB;
use formats::disk::{Cursor, ReadAt, Window, read_vec};
use formats::gpt::{self, Table};
use slots::{HEADER_BYTES, Header, Partition, Slot};

/// What a disk holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nothing: its first and its last MiB are zeros, or it is what an installation that was cut off has left.
    Nothing,
    /// An installation of Ironhull that was completed. It may have state.
    Ironhull,
    /// Something else, described in a few words.
    Data(String),
}

/// Looks at a disk.
///
/// # Errors
/// If it can't be read.
pub fn look(device: &impl ReadAt) -> io::Result<Holds> {
    let blocks = device.len() / gpt::BLOCK_BYTES;
    let edge = MIB.min(device.len());
    let is_zero = |at| Ok::<_, io::Error>(read_vec(device, at, edge)?.iter().all(|byte| *byte == 0));
    match gpt::read(&mut Cursor::new(device), blocks) {
        Ok(table) if is_ours(device, &table) => {
            // An installation that was cut off before its last write has only the copy of the table.
            return Ok(if is_zero(0)? { Holds::Nothing } else { Holds::Ironhull });
        }
        Ok(table) => {
            let names: Vec<&str> = table.partitions.iter().map(|p| p.name.as_str()).collect();
            return Ok(Holds::Data(format!("{} partitions: {}", names.len(), names.join(", "))));
        }
        Err(gpt::GptError::Io(error)) => return Err(error),
        Err(_) => {}
    }
    for (at, which) in [(0, "first"), (device.len() - edge, "last")] {
        if !is_zero(at)? {
            return Ok(Holds::Data(format!("something other than zeros in its {which} MiB")));
        }
    }
    Ok(Holds::Nothing)
}

/// Returns whether a table has all our partitions, and a slot with a kernel.
fn is_ours(device: &impl ReadAt, table: &Table) -> bool {
    let find = |partition: Partition| {
        table.partitions.iter().find(|p| p.number == partition.number() && p.name == partition.label())
    };
    let has_kernel = |slot: Slot| {
        let partition = find(slot.kernel())?;
        let start = partition.first_lba.checked_mul(gpt::BLOCK_BYTES)?;
        let bytes = (partition.last_lba + 1).checked_mul(gpt::BLOCK_BYTES)?.checked_sub(start)?;
        let window = Window::new(device, start, bytes)?;
        let block: [u8; HEADER_BYTES] = read_vec(&window, 0, HEADER_BYTES as u64).ok()?.try_into().ok()?;
        Header::parse(&block, bytes)
    };
    Partition::ALL.into_iter().all(|partition| find(partition).is_some())
        && Slot::ALL.into_iter().any(|slot| has_kernel(slot).is_some())
}
