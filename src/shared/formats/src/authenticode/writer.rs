//! Inserts the signature into the program: attribute certificate table, directory entry, checksum.

use sha2::{Digest, Sha256};

use super::AuthenticodeError;
use super::image::Image;
use crate::le;
use crate::pkcs7::{self, Certificate, Content, Tag, algorithm, oid, tlv};

/// `SPC_INDIRECT_DATA`, 1.3.6.1.4.1.311.2.1.4: the content is a hash of something else.
const INDIRECT_DATA: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04];
/// `SPC_PE_IMAGE_DATA`, 1.3.6.1.4.1.311.2.1.15: the hashed data is a PE image.
const PE_IMAGE_DATA: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f];
/// `wRevision` and `wCertificateType`: revision 2, PKCS #7 signed data.
const TABLE_ENTRY: [u8; 4] = [0x00, 0x02, 0x02, 0x00];
/// Alignment of the table's entries.
const ALIGNMENT: usize = 8;

/// A program to be signed.
#[derive(Clone, Debug)]
pub struct Unsigned {
    image: Image,
    /// The content of the signature: a PE image's hash.
    content: Vec<u8>,
    /// The signed attributes, without their tag.
    attributes: Vec<u8>,
}

impl Unsigned {
    /// Parses a 64-bit EFI program without a signature.
    ///
    /// # Errors
    /// [`AuthenticodeError`] if it is not one, is already signed, has no directory entry for a signature, or
    /// has bytes before the end of its last section that belong to neither headers nor a section.
    pub fn parse(program: &[u8]) -> Result<Unsigned, AuthenticodeError> {
        let image = Image::parse(program)?;
        let parts = indirect_data(&image.digest());
        // Off-spec in PKCS #7, but required by Authenticode: the digest covers the content without tag and
        // length.
        let digest: [u8; 32] = Sha256::digest(&parts).into();
        Ok(Unsigned { image, content: tlv(Tag::SEQUENCE, &[&parts]), attributes: attributes(&digest) })
    }

    /// Returns the hash of the program, as in Secure Boot's lists of hashes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.image.digest()
    }

    /// Returns the bytes to sign with RSA PKCS #1 v1.5 and SHA-256.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        tlv(Tag::SET, &[&self.attributes])
    }

    /// Returns the signed program; `signature` is the signature of [`Unsigned::message`] by the key of
    /// `certificate`.
    ///
    /// # Errors
    /// [`AuthenticodeError::TooLong`] if it would be 4 GiB or longer.
    pub fn sign(self, certificate: &Certificate, signature: &[u8]) -> Result<Vec<u8>, AuthenticodeError> {
        let content =
            Content { kind: INDIRECT_DATA, bytes: Some(&self.content), attributes: Some(&self.attributes) };
        let signed = pkcs7::wrap(&pkcs7::signed_data(&content, certificate, signature));
        let small = |n: usize| u32::try_from(n).map_err(|_| AuthenticodeError::TooLong);
        let length = (8 + signed.len()).next_multiple_of(ALIGNMENT);
        let Image { mut bytes, checksum, directory } = self.image;
        let at = bytes.len();
        le::put(&mut bytes, directory, &small(at)?.to_le_bytes());
        le::put(&mut bytes, directory + 4, &small(length)?.to_le_bytes());
        bytes.extend(small(length)?.to_le_bytes());
        bytes.extend(TABLE_ENTRY);
        bytes.extend(signed);
        bytes.resize(at + length, 0);
        let sum = pe_checksum(&bytes, checksum).wrapping_add(small(bytes.len())?);
        le::put(&mut bytes, checksum, &sum.to_le_bytes());
        Ok(bytes)
    }
}

/// Returns `SpcIndirectDataContent` without tag and length: the kind of the data and its hash.
fn indirect_data(digest: &[u8; 32]) -> Vec<u8> {
    // No flags, and a link to a file with an empty name, as all signers write it.
    let link = tlv(Tag::context(0), &[&tlv(Tag::context(2), &[&tlv(Tag::plain(0), &[])])]);
    let data = tlv(Tag::SEQUENCE, &[&tlv(Tag::BITS, &[&[0]]), &link]);
    let kind = tlv(Tag::SEQUENCE, &[&tlv(Tag::OID, &[PE_IMAGE_DATA]), &data]);
    let hash = tlv(Tag::SEQUENCE, &[&algorithm(oid::SHA256), &tlv(Tag::OCTETS, &[digest])]);
    [kind, hash].concat()
}

/// Returns the signed attributes in DER's order for sets: the shorter first.
fn attributes(digest: &[u8; 32]) -> Vec<u8> {
    let attribute =
        |kind, value: &[u8]| tlv(Tag::SEQUENCE, &[&tlv(Tag::OID, &[kind]), &tlv(Tag::SET, &[value])]);
    let content_type = attribute(oid::CONTENT_TYPE, &tlv(Tag::OID, &[INDIRECT_DATA]));
    let message_digest = attribute(oid::MESSAGE_DIGEST, &tlv(Tag::OCTETS, &[digest]));
    [content_type, message_digest].concat()
}

/// Returns the sum of all 16-bit words except those of the checksum, with carries added.
fn pe_checksum(bytes: &[u8], checksum: usize) -> u32 {
    let words = bytes.chunks(2).enumerate().filter(|(i, _)| !(checksum..checksum + 4).contains(&(2 * i)));
    words.fold(0, |sum, (_, word)| {
        let word = u32::from(word[0]) | (u32::from(word.get(1).copied().unwrap_or(0)) << 8);
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uki::UkiError;

    /// The smallest EFI program: headers of 512 bytes and one section of 512.
    fn program() -> Vec<u8> {
        let mut pe = vec![0; 1024];
        le::put(&mut pe, 0, b"MZ");
        le::put(&mut pe, 0x3c, &64u32.to_le_bytes());
        le::put(&mut pe, 64, b"PE\0\0\x64\x86\x01\0");
        le::put(&mut pe, 84, &240u16.to_le_bytes());
        le::put(&mut pe, 88, &0x20bu16.to_le_bytes());
        le::put(&mut pe, 88 + 32, &4096u32.to_le_bytes());
        le::put(&mut pe, 88 + 36, &512u32.to_le_bytes());
        le::put(&mut pe, 88 + 60, &512u32.to_le_bytes());
        le::put(&mut pe, 88 + 68, &10u16.to_le_bytes());
        le::put(&mut pe, 88 + 108, &16u32.to_le_bytes());
        le::put(&mut pe, 328, b".text");
        for (n, field) in [500u32, 4096, 512, 512].iter().enumerate() {
            le::put(&mut pe, 336 + 4 * n, &field.to_le_bytes());
        }
        pe
    }

    fn certificate() -> Certificate {
        Certificate { der: vec![0x30, 0], issuer: vec![0x30, 0], serial: vec![1] }
    }

    #[test]
    fn the_hash_leaves_out_what_signing_changes_and_nothing_else() {
        let digest = |bytes: &[u8]| Unsigned::parse(bytes).unwrap().digest();
        let plain = digest(&program());
        let excluded = [88 + 64..88 + 68, 88 + 144..88 + 148];
        for at in (88 + 64..88 + 160).chain([400, 512, 1023]) {
            let mut changed = program();
            changed[at] ^= 1;
            // The length in the directory entry indicates whether there is a signature.
            if (88 + 148..88 + 152).contains(&at) {
                assert_eq!(Unsigned::parse(&changed).unwrap_err(), AuthenticodeError::Signed);
                continue;
            }
            let Ok(changed) = Unsigned::parse(&changed) else { continue };
            assert_eq!(changed.digest() == plain, excluded.iter().any(|r| r.contains(&at)), "byte {at}");
        }
    }

    #[test]
    fn a_signed_program_says_where_its_signature_is_and_is_not_signed_again() {
        let unsigned = Unsigned::parse(&program()).unwrap();
        let signed = unsigned.sign(&certificate(), &[7; 256]).unwrap();
        let (at, length) = (le::u32(&signed, 88 + 144), le::u32(&signed, 88 + 148));
        assert_eq!((at, length), (Some(1024), u32::try_from(signed.len() - 1024).ok()));
        assert_eq!((le::u32(&signed, 1024), signed[1028..1032].to_vec()), (length, TABLE_ENTRY.to_vec()));
        assert_eq!(Unsigned::parse(&signed).unwrap_err(), AuthenticodeError::Signed);
    }

    #[test]
    fn what_is_no_whole_program_is_refused() {
        let with = |at, field: &[u8]| {
            let mut changed = program();
            le::put(&mut changed, at, field);
            Unsigned::parse(&changed).unwrap_err()
        };
        assert_eq!(with(88 + 108, &[4]), AuthenticodeError::NoDirectory(4));
        assert_eq!(with(336 + 12, &[0, 3]), AuthenticodeError::Gap { expected: 512, found: 768 });
        assert_eq!(with(336 + 8, &[0, 4]), AuthenticodeError::Cut { end: 1536, bytes: 1024 });
        assert!(matches!(with(0, b"ELF"), AuthenticodeError::Pe(UkiError::Malformed { .. })));
        for length in 0..1024 {
            assert!(Unsigned::parse(&program()[..length]).is_err(), "{length}");
        }
    }
}
