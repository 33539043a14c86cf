//! One slot: reads its header, loads its UKI into memory, starts it.

use slots::{HEADER_BYTES, Header, Reason, UKI_OFFSET};

use crate::disk::Opened;
use crate::efi::{Firmware, LoadError, Memory, Status};
use crate::record::first_block;
use crate::sha256::Sha256;

/// Size of a read; the data is hashed while it is still in the processor's cache.
const CHUNK: usize = 1 << 20;

/// Why a slot was not started, and the firmware's status, if it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub reason: Reason,
    pub status: Option<Status>,
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Failure {
        Failure { reason, status: None }
    }
}

/// Reads a slot's header; `None` if it has no valid one.
pub(crate) fn header(firmware: &Firmware, partition: Option<&Opened>) -> Option<Header> {
    let partition = partition?;
    let block = first_block(firmware, partition, 0)?;
    Header::parse(block.first_chunk::<HEADER_BYTES>()?, partition.device.bytes())
}

/// Starts a slot; returns only if that fails.
pub(crate) fn start(firmware: &Firmware, partition: Option<&Opened>, header: Option<&Header>) -> Failure {
    let (Some(partition), Some(header)) = (partition, header) else { return Reason::BadHeader.into() };
    let program = match uki(firmware, partition, header) {
        Ok(uki) => {
            let bytes = usize::try_from(header.length).unwrap_or_default();
            // The firmware copies it, so the pages are freed before the start.
            firmware.load(partition.path, uki.get(..bytes).unwrap_or_default())
        }
        Err(reason) => return reason.into(),
    };
    let (reason, status) = match program {
        Ok(program) => (Reason::Returned, firmware.start(program)),
        Err(LoadError::Untrusted(status)) => (Reason::BadSignature, status),
        Err(LoadError::NoMemory(status)) => (Reason::NoMemory, status),
        Err(LoadError::Refused(status)) => (Reason::RefusedByFirmware, status),
    };
    Failure { reason, status: Some(status) }
}

/// Reads a UKI and checks it against the header.
fn uki(firmware: &Firmware, partition: &Opened, header: &Header) -> Result<Memory, Reason> {
    let length = usize::try_from(header.length).map_err(|_| Reason::NoMemory)?;
    let whole = length.next_multiple_of(partition.device.block());
    let mut uki = firmware.memory(whole).ok_or(Reason::NoMemory)?;
    let mut digest = Sha256::new();
    let (mut at, mut left) = (UKI_OFFSET, length);
    for chunk in uki.chunks_mut(CHUNK) {
        if !partition.device.read(at, chunk) {
            return Err(Reason::ReadError);
        }
        digest.update(chunk.get(..left).unwrap_or(chunk));
        at += chunk.len() as u64;
        left = left.saturating_sub(chunk.len());
    }
    if digest.finish() == header.sha256 { Ok(uki) } else { Err(Reason::BadSha256) }
}
