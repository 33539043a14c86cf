//! The pairing code, with which an operator and a node without a config authenticate each other.
//!
//! The node shows it on its console, the operator types it: 20 characters, in groups of four. The first 12 (60 bits)
//! are the beginning of the SHA-256 of the node's public key (`SubjectPublicKeyInfo`, DER): the client recognises the
//! node by it, before it sends anything. The last 8 (40 bits) are a random secret that authorises the client. So neither
//! somebody who listens nor somebody in the middle gains anything, and neither half alone is worth anything.
//!
//! The alphabet is Crockford's base 32 (<https://www.crockford.com/base32.html>), without its check symbol: either case,
//! `O` is 0, `I` and `L` are 1, no `U`; hyphens and spaces are ignored.

use std::fmt;
use std::str::FromStr;

/// The digits, by value.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Bits of a digit.
const DIGIT_BITS: u32 = 5;
/// Digits of the key's hash, and of the secret.
const KEY_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 8;
/// Digits in a group.
const GROUP: usize = 4;

/// A pairing code. `Debug` shows only the part that everybody may know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PairingCode {
    /// The first 60 bits of the hash of the node's public key.
    key: u64,
    secret: PairingSecret,
}

/// The secret part of a pairing code. Comparing two takes the same time whatever they are. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PairingSecret(u64);

/// Why a text is no pairing code, or no secret of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairingCodeError {
    /// It is too short or too long.
    #[error("expected {expected} letters and digits, found {found}")]
    Length {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// It contains a character that no code contains.
    #[error("expected letters other than U, and digits, found {0:?}")]
    Character(char),
}

impl PairingCode {
    /// Returns the code of a node whose public key has the hash `key_sha256`; `random` is the secret.
    #[must_use]
    pub fn new(key_sha256: &[u8; 32], random: [u8; 5]) -> PairingCode {
        PairingCode { key: first_60_bits(key_sha256), secret: PairingSecret(big_endian(&random)) }
    }

    /// Returns whether the code is that of a node whose public key has the hash `key_sha256`.
    #[must_use]
    pub fn is_of_key(&self, key_sha256: &[u8; 32]) -> bool {
        self.key == first_60_bits(key_sha256)
    }

    /// Returns the secret, which the client sends.
    #[must_use]
    pub const fn secret(&self) -> PairingSecret {
        self.secret
    }
}

impl fmt::Display for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = digits(self.key, KEY_DIGITS) + &digits(self.secret.0, SECRET_DIGITS);
        for (index, digit) in text.chars().enumerate() {
            if index > 0 && index % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairingCode").field("key", &digits(self.key, KEY_DIGITS)).finish_non_exhaustive()
    }
}

impl FromStr for PairingCode {
    type Err = PairingCodeError;

    fn from_str(text: &str) -> Result<PairingCode, PairingCodeError> {
        let values = values(text, KEY_DIGITS + SECRET_DIGITS)?;
        let (key, secret) = values.split_at(KEY_DIGITS);
        Ok(PairingCode { key: number(key), secret: PairingSecret(number(secret)) })
    }
}

impl fmt::Display for PairingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digits(self.0, SECRET_DIGITS))
    }
}

impl fmt::Debug for PairingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairingSecret(..)")
    }
}

impl FromStr for PairingSecret {
    type Err = PairingCodeError;

    fn from_str(text: &str) -> Result<PairingSecret, PairingCodeError> {
        Ok(PairingSecret(number(&values(text, SECRET_DIGITS)?)))
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

fn first_60_bits(hash: &[u8; 32]) -> u64 {
    big_endian(&hash[..8]) >> 4
}

/// Writes the last `count` digits of a number.
fn digits(number: u64, count: usize) -> String {
    let value =
        |place: usize| usize::try_from(number >> (DIGIT_BITS as usize * place) & 31).expect("31 at most");
    (0..count).rev().map(|place| char::from(DIGITS[value(place)])).collect()
}

/// Returns the number of some digits.
fn number(values: &[u8]) -> u64 {
    values.iter().fold(0, |n, value| n << DIGIT_BITS | u64::from(*value))
}

/// Returns the values of exactly `expected` digits.
fn values(text: &str, expected: usize) -> Result<Vec<u8>, PairingCodeError> {
    let ignored = |c: &char| *c == '-' || c.is_whitespace();
    let mut values = Vec::with_capacity(expected);
    let mut found = 0;
    for c in text.chars().filter(|c| !ignored(c)) {
        found += 1;
        if found <= expected {
            values.push(value(c).ok_or(PairingCodeError::Character(c))?);
        }
    }
    if found == expected { Ok(values) } else { Err(PairingCodeError::Length { expected, found }) }
}

fn value(c: char) -> Option<u8> {
    let plain = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = DIGITS.iter().position(|digit| char::from(*digit) == plain)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 of nothing, e3b0c44298fc1c14….
    const HASH: [u8; 32] = [
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ];
    const CODE: &str = "WERC-8GMR-ZGE1-0005-00ZZ";

    fn code() -> PairingCode {
        // 5, 0, 0, 31, 31 after three zeros.
        PairingCode::new(&HASH, [0, 0, 0x50, 0x03, 0xff])
    }

    #[test]
    fn is_written_as_python_encodes_the_same_bits() {
        // base64.b32encode of the hash begins with 4OYMIQUY7QOB (RFC 4648), which is WERC8GMRZGE1 in Crockford's digits.
        assert_eq!(code().to_string(), CODE);
        assert_eq!(code().secret().to_string(), "000500ZZ");
    }

    #[test]
    fn is_read_however_people_type_it() {
        for text in [CODE, "werc8gmrzge1000500zz", " WERC 8GMR ZGEl oOo5 O0zz\n", "WERC-8GMR-ZGEI-0005-00ZZ"]
        {
            assert_eq!(text.parse(), Ok(code()), "{text}");
        }
        assert_eq!("000500zz".parse(), Ok(code().secret()));
    }

    #[test]
    fn says_what_is_wrong_with_a_text() {
        let error = |text: &str| text.parse::<PairingCode>().unwrap_err();
        assert_eq!(error(""), PairingCodeError::Length { expected: 20, found: 0 });
        assert_eq!(error(&CODE[1..]), PairingCodeError::Length { expected: 20, found: 19 });
        assert_eq!(error(&"0".repeat(100_000)), PairingCodeError::Length { expected: 20, found: 100_000 });
        assert_eq!(error("WERC-8GMR-ZGEU-0005-00ZZ"), PairingCodeError::Character('U'));
        assert_eq!(error("WERC_8GMR"), PairingCodeError::Character('_'));
        assert_eq!("é0000000".parse::<PairingSecret>(), Err(PairingCodeError::Character('é')));
    }

    #[test]
    fn every_bit_of_key_and_secret_counts() {
        for bit in 0..60 {
            let mut other = HASH;
            other[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(!code().is_of_key(&other), "bit {bit} of the key");
        }
        assert!(code().is_of_key(&HASH));
        for bit in 0..40 {
            let mut random = [0, 0, 0x50, 0x03, 0xff];
            random[bit / 8] ^= 0x80 >> (bit % 8);
            let other = PairingCode::new(&HASH, random);
            assert_ne!(other.secret(), code().secret(), "bit {bit} of the secret");
            assert_eq!(other.to_string().parse(), Ok(other));
        }
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        let shown = format!("{:?} {:?}", code(), code().secret());
        assert!(shown.contains("WERC8GMRZGE1") && !shown.contains("500"), "{shown}");
    }
}
