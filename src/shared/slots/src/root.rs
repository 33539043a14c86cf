//! The root parameters on the kernel command line: everything `init` needs to verify the root.
//!
//! They are part of the UKI, so a signature or hash of the UKI covers every byte of the root:
//! `ironhull.root=HASH,SALT,DATA_BLOCKS,HASH_BLOCK`. Hash and salt are 64 lower-case hex digits each,
//! the numbers are decimal and count blocks of 4096 bytes. HASH_BLOCK is the block of the verity superblock;
//! the tree begins one block later.

use alloc::string::{String, ToString};
use core::fmt;

/// Key of the root parameters on the kernel command line.
const KEY: &str = "ironhull.root=";

/// What a verified root is, for dm-verity: SHA-256, 4096-byte blocks, tree behind the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootParams {
    /// Root hash of the verity tree.
    pub root_hash: [u8; 32],
    /// Salt of the verity tree.
    pub salt: [u8; 32],
    /// Number of data blocks, at least 1.
    pub data_blocks: u64,
    /// Block of the verity superblock, counted from the start of the partition.
    pub hash_block: u64,
}

/// Why a command line has no usable root parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The key is not on the command line.
    Missing,
    /// The key appears twice, so it is ambiguous.
    Repeated,
    /// The value is not as described in the module.
    Malformed(String),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::Missing => write!(f, "the command line has no {KEY}"),
            ParseError::Repeated => write!(f, "the command line has {KEY} twice"),
            ParseError::Malformed(v) => {
                write!(f, "the command line has {KEY}{v}, expected HASH,SALT,DATA_BLOCKS,HASH_BLOCK")
            }
        }
    }
}

impl core::error::Error for ParseError {}

impl RootParams {
    /// Parses the parameters out of a whole kernel command line.
    ///
    /// # Errors
    /// [`ParseError`] if the key is missing, repeated, or its value is malformed.
    pub fn parse(cmdline: &str) -> Result<RootParams, ParseError> {
        let mut found = cmdline.split_ascii_whitespace().filter_map(|w| w.strip_prefix(KEY));
        let value = found.next().ok_or(ParseError::Missing)?;
        if found.next().is_some() {
            return Err(ParseError::Repeated);
        }
        parse_value(value).ok_or_else(|| ParseError::Malformed(value.to_string()))
    }

    /// Returns the first 16 bytes of the root hash: the UUID of the verity superblock, by which `init`
    /// finds the partition that belongs to its command line.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        core::array::from_fn(|i| self.root_hash[i])
    }
}

impl fmt::Display for RootParams {
    /// Writes `ironhull.root=…` as it stands on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KEY)?;
        self.root_hash.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        f.write_str(",")?;
        self.salt.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        write!(f, ",{},{}", self.data_blocks, self.hash_block)
    }
}

/// Parses what follows the key.
fn parse_value(value: &str) -> Option<RootParams> {
    let mut parts = value.split(',');
    let root_hash = parse_hex(parts.next()?)?;
    let salt = parse_hex(parts.next()?)?;
    let data_blocks: u64 = parts.next()?.parse().ok()?;
    let hash_block: u64 = parts.next()?.parse().ok()?;
    let sane = parts.next().is_none() && data_blocks > 0 && hash_block >= data_blocks;
    sane.then_some(RootParams { root_hash, salt, data_blocks, hash_block })
}

/// Parses 64 hex digits, lower case only: one value has one spelling.
fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// Returns the value of one lower-case hex digit.
fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn params() -> RootParams {
        RootParams { root_hash: [0xab; 32], salt: [0x01; 32], data_blocks: 700, hash_block: 700 }
    }

    #[test]
    fn round_trip_among_other_words() {
        let line = format!("console=ttyS0 {} panic=10\n", params());
        assert_eq!(RootParams::parse(&line), Ok(params()));
    }

    #[test]
    fn missing_and_repeated_are_told_apart() {
        assert_eq!(RootParams::parse("quiet"), Err(ParseError::Missing));
        let twice = format!("{0} {0}", params());
        assert_eq!(RootParams::parse(&twice), Err(ParseError::Repeated));
    }

    #[test]
    fn malformed_values_are_refused() {
        let good = format!("{}", params());
        for bad in [
            good.replace("abab", "ABAB"),
            good.replace(",700,700", ",700"),
            good.replace(",700,700", ",700,699"),
            good.replace(",700,700", ",0,0"),
            good.replace(",700,700", ",700,700,1"),
            good.replace("=ab", "=b"),
        ] {
            assert!(matches!(RootParams::parse(&bad), Err(ParseError::Malformed(_))), "{bad}");
        }
    }
}
