//! Adds signed variables to the variable store of OVMF, as if enrolled in setup mode.
//!
//! A store is a firmware volume with one region of variables, one after the other, and 0xff after the last.
//! Variables can only be added, and only if the store has none of them yet; nothing is verified, as in setup
//! mode. So a machine can be created with its keys enrolled, without using its menu. Layout: EDK II,
//! `MdeModulePkg/Include/Guid/VariableFormat.h` (authenticated variables), PI 1.7 (volume 3, 3.2.1).

use super::Update;
use super::update::ATTRIBUTES;
use crate::gpt::Guid;
use crate::le;

/// `gEfiSystemNvDataFvGuid`, the type of the volume.
const VOLUME: &str = "fff12b8d-7696-4c8b-a985-2747075b4f50";
/// `gEfiAuthenticatedVariableGuid`, the type of the region.
const REGION: &str = "aaf32c78-947b-439a-a180-2e144ec37792";
/// Offset of the volume's length in its header, and lengths of the headers of region and variable.
const VOLUME_LENGTH_AT: usize = 48;
const REGION_HEADER: usize = 28;
const VARIABLE_HEADER: usize = 60;
/// `StartId`, and `State` of a valid variable.
const START: u16 = 0x55aa;
const ADDED: u8 = 0x3f;
/// `Format` and `State` of a region that is in use.
const IN_USE: [u8; 2] = [0x5a, 0xfe];

/// Why variables can't be added to a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It is not a variable store, or one of another kind.
    #[error("reading the firmware's variables: expected {expected} at byte {at}")]
    Malformed {
        /// The expected value.
        expected: &'static str,
        /// Its offset.
        at: usize,
    },
    /// The variable already exists.
    #[error("adding {0} to the firmware's variables: it is set already")]
    Twice(String),
    /// There is no space for the variable.
    #[error("adding {0} to the firmware's variables: not enough space")]
    Full(String),
}

/// Adds variables with the contents of `updates`.
///
/// # Errors
/// [`StoreError`] if it is not a supported store, already has one of the variables, or is full; `store` may
/// have some of the new variables then.
pub fn add_to_store(store: &mut [u8], updates: &[Update<'_>]) -> Result<(), StoreError> {
    let (start, end) = region(store)?;
    for update in updates {
        let name: Vec<u8> = update.variable.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let at = free(store, (start, end), &name, update)?;
        let full = || StoreError::Full(update.variable.to_owned());
        let variable = variable(&name, update).ok_or_else(full)?;
        // One byte is left free, since it marks the end of the last variable.
        if variable.len() >= end - at {
            return Err(full());
        }
        le::put(store, at, &variable);
    }
    Ok(())
}

/// Returns the start of the region's variables and the end of the region.
fn region(store: &[u8]) -> Result<(usize, usize), StoreError> {
    let malformed = |expected, at| StoreError::Malformed { expected, at };
    let is = |guid, at| Guid::parse(guid).is_some_and(|g| le::array(store, at) == Some(g.to_disk()));
    if !is(VOLUME, 16) {
        return Err(malformed("a firmware volume of variables", 16));
    }
    let at = le::u16(store, VOLUME_LENGTH_AT).map_or(usize::MAX, usize::from);
    if !is(REGION, at) || le::array(store, at.saturating_add(20)) != Some(IN_USE) {
        return Err(malformed("a region of authenticated variables, in use", at));
    }
    let length = le::u32(store, at + 16).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    match at.checked_add(length).filter(|end| length > REGION_HEADER && *end <= store.len()) {
        Some(end) => Ok((at + REGION_HEADER, end)),
        None => Err(malformed("the length of the region", at + 16)),
    }
}

/// Returns the offset after all variables; fails if one of them is the one to be added.
fn free(
    store: &[u8],
    (start, end): (usize, usize),
    name: &[u8],
    update: &Update<'_>,
) -> Result<usize, StoreError> {
    let mut at = start;
    loop {
        let rest = store.get(at..end).ok_or(StoreError::Malformed { expected: "a free place", at })?;
        if le::u16(rest, 0) != Some(START) {
            let empty = rest.iter().all(|b| *b == 0xff);
            return if empty { Ok(at) } else { Err(StoreError::Malformed { expected: "a variable", at }) };
        }
        let long = |at| le::u32(rest, at).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let (name_bytes, data_bytes) = (long(36), long(40));
        let named = rest.get(VARIABLE_HEADER..).is_some_and(|r| r.starts_with(name));
        if named && name_bytes == name.len() && le::array(rest, 44) == Some(update.vendor().to_disk()) {
            return Err(StoreError::Twice(update.variable.to_owned()));
        }
        let bytes = VARIABLE_HEADER.saturating_add(name_bytes).saturating_add(data_bytes);
        at = at.saturating_add(bytes).checked_next_multiple_of(4).unwrap_or(usize::MAX);
    }
}

/// Returns a variable as stored in the region; `None` if it is longer than 4 GiB.
fn variable(name: &[u8], update: &Update<'_>) -> Option<Vec<u8>> {
    let small = |n: usize| u32::try_from(n).ok().map(u32::to_le_bytes);
    let mut bytes = START.to_le_bytes().to_vec();
    bytes.extend([ADDED, 0]);
    bytes.extend(ATTRIBUTES.to_le_bytes());
    // The time is between a counter and a key index, which this kind of signature does not use.
    bytes.extend([0; 8]);
    bytes.extend(update.time.to_bytes());
    bytes.extend([0; 4]);
    bytes.extend(small(name.len())?);
    bytes.extend(small(update.content.len())?);
    bytes.extend(update.vendor().to_disk());
    bytes.extend(name);
    bytes.extend(update.content);
    // Padding before the next variable keeps the value of an empty store.
    bytes.resize(bytes.len().checked_next_multiple_of(4)?, 0xff);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efivar::Time;

    const TIME: Time = Time { year: 2026, month: 11, day: 21, hour: 13, minute: 5, second: 9 };

    /// A store with an empty region of `bytes` bytes.
    fn store(bytes: u32) -> Vec<u8> {
        let mut store = vec![0; 72];
        le::put(&mut store, 16, &Guid::parse(VOLUME).unwrap().to_disk());
        le::put(&mut store, 48, &72u16.to_le_bytes());
        store.extend(Guid::parse(REGION).unwrap().to_disk());
        store.extend(bytes.to_le_bytes());
        store.extend(IN_USE);
        store.resize(100, 0);
        store.resize(72 + bytes as usize, 0xff);
        store
    }

    fn update<'a>(variable: &'a str, content: &'a [u8]) -> Update<'a> {
        Update { variable, content, time: TIME }
    }

    #[test]
    fn variables_stand_one_behind_the_other_from_multiples_of_four_on() {
        let mut store = store(1000);
        add_to_store(&mut store, &[update("PK", b"12345"), update("db", b"1")]).unwrap();
        // 60 bytes of header, 6 of name, 5 of content, 1 of padding.
        assert_eq!(store[100..104], [0xaa, 0x55, 0x3f, 0]);
        assert_eq!(store[104..108], [0x27, 0, 0, 0]);
        assert_eq!(store[160..172], *b"P\0K\0\0\x0012345\xff");
        assert_eq!(store[172..174], [0xaa, 0x55]);
        assert_eq!(store[232..239], *b"d\0b\0\0\x001");
        assert!(store[239..].iter().all(|b| *b == 0xff));
        let again = add_to_store(&mut store, &[update("KEK", b""), update("db", b"")]);
        assert_eq!(again, Err(StoreError::Twice("db".into())));
    }

    #[test]
    fn what_is_no_store_or_full_is_refused() {
        let add = |store: &mut [u8], content: &[u8]| add_to_store(store, &[update("PK", content)]);
        let room = 200 - REGION_HEADER - VARIABLE_HEADER - 6;
        assert_eq!(add(&mut store(200), &vec![0; room - 4]), Ok(()));
        assert_eq!(add(&mut store(200), &vec![0; room]), Err(StoreError::Full("PK".into())));
        for (at, byte) in [(16, 0), (48, 73), (72, 0), (92, 0), (93, 0), (90, 0xff), (100, 0), (150, 0)] {
            let mut bad = store(200);
            bad[at] = byte;
            assert!(matches!(add(&mut bad, b""), Err(StoreError::Malformed { .. })), "{at}");
        }
    }

    #[test]
    fn any_cut_or_byte_is_an_error_at_worst() {
        let mut good = store(300);
        add_to_store(&mut good, &[update("PK", b"12345")]).unwrap();
        for at in 0..good.len() {
            let _ = add_to_store(&mut good[..at].to_vec(), &[update("db", b"1")]);
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] = byte;
                let _ = add_to_store(&mut bad, &[update("db", b"1")]);
            }
        }
    }
}
