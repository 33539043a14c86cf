//! The identity of this machine over reboots: its id and its random seed.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// The machine's id, as 32 hexadecimal digits and a line feed.
const ID_KEPT: &str = "/state/machine-id";
const ID_PLACE: &str = "/etc/machine-id";
/// The seed, and its length.
const SEED: &str = "/state/random-seed";
const SEED_BYTES: usize = 512;

/// Takes identity from the state partition, making it on first boot.
pub(super) fn prepare() -> anyhow::Result<()> {
    let seed = renew_seed();
    let id = load_or_make_id()?;
    fs::write(ID_PLACE, &id).with_context(|| format!("writing {ID_PLACE}"))?;
    seed
}

/// Credits the seed of the last boot and puts a new one in its place, so that none is used twice.
fn renew_seed() -> anyhow::Result<()> {
    let old: Option<[u8; SEED_BYTES]> = fs::read(SEED).ok().and_then(|s| s.try_into().ok());
    let mut new = [0; SEED_BYTES];
    if old.is_none() {
        sys::random_bytes(&mut new)?;
        return replace(SEED, &new, 0o600);
    }
    // First the new one, on the disk: a crash in between must not let the old one be credited again.
    sys::random_bytes(&mut new)?;
    replace(SEED, &new, 0o600)?;
    old.map_or(Ok(()), |seed| Ok(sys::credit_entropy(&seed)?))
}

/// Returns the machine's id, a new one if there is none or it is not one.
fn load_or_make_id() -> anyhow::Result<String> {
    if let Some(id) = fs::read_to_string(ID_KEPT).ok().filter(|t| is_id(t)) {
        return Ok(id);
    }
    let mut bytes = [0; 16];
    sys::random_bytes(&mut bytes)?;
    let id = format_id(bytes);
    replace(ID_KEPT, id.as_bytes(), 0o444)?;
    Ok(id)
}

/// Replaces a file.
fn replace(path: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    durable::replace(Path::new(path), bytes, mode).with_context(|| format!("writing {path}"))
}

/// Returns whether the text is an id as this module writes it.
fn is_id(text: &str) -> bool {
    let digits = text.strip_suffix('\n').unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns random bytes as an id: a version 4 UUID without dashes, as `machine-id(5)` advises.
fn format_id(bytes: [u8; 16]) -> String {
    let random = u128::from_be_bytes(bytes);
    let version = (random & !(0xf << 76)) | (4 << 76);
    let uuid = (version & !(0b11 << 62)) | (0b10 << 62);
    format!("{uuid:032x}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_a_uuid_of_version_4() {
        assert_eq!(format_id([0xff; 16]), "ffffffffffff4fffbfffffffffffffff\n");
        assert_eq!(format_id([0; 16]), "00000000000040008000000000000000\n");
        assert!(is_id(&format_id([7; 16])));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for bad in [
            "",
            "\n",
            "uninitialized\n",
            "ffffffffffff4fffbfffffffffffffff",
            "FFFFFFFFFFFF4FFFBFFFFFFFFFFFFFFF\n",
        ] {
            assert!(!is_id(bad), "{bad:?}");
        }
    }
}
