//! A signed update of a variable: `EFI_VARIABLE_AUTHENTICATION_2` and the content.

use crate::gpt::Guid;
use crate::le;
use crate::pkcs7::{self, Certificate, Content, oid};

/// Vendor GUID of `db` and `dbx`.
const IMAGE_SECURITY: &str = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// `EFI_CERT_TYPE_PKCS7_GUID`.
const PKCS7: &str = "4aafd29d-68df-49ee-8aa9-347d375665a7";
/// Non-volatile, accessible to boot and runtime services, and set only by a signed update.
pub(super) const ATTRIBUTES: u32 = 0x27;
/// `wRevision` and `wCertificateType` of a certificate whose type is given by a GUID.
const CERTIFICATE_ENTRY: [u8; 4] = [0x00, 0x02, 0xf1, 0x0e];

/// A time in UTC. Firmware accepts an update only if it is newer than the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// 1900 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Time {
    /// Returns it in the required form, with all finer fields zero.
    pub(super) fn to_bytes(self) -> [u8; 16] {
        let [low, high] = self.year.to_le_bytes();
        let mut bytes = [0; 16];
        bytes[..7].copy_from_slice(&[low, high, self.month, self.day, self.hour, self.minute, self.second]);
        bytes
    }

    /// Parses a time; `None` if a finer field is not zero.
    fn from_bytes(bytes: [u8; 16]) -> Option<Time> {
        let [low, high, month, day, hour, minute, second, finer @ ..] = bytes;
        let year = u16::from_le_bytes([low, high]);
        (finer == [0; 9]).then_some(Time { year, month, day, hour, minute, second })
    }
}

/// An update to be signed.
#[derive(Clone, Debug)]
pub struct Update<'a> {
    /// `PK`, `KEK`, `db` or `dbx`.
    pub variable: &'a str,
    /// The new content of the variable.
    pub content: &'a [u8],
    /// Time of the update.
    pub time: Time,
}

impl<'a> Update<'a> {
    /// Parses a signed update of `variable` without verifying the signature; `None` if it is malformed.
    #[must_use]
    pub fn parse(variable: &'a str, signed: &'a [u8]) -> Option<Update<'a>> {
        let time = Time::from_bytes(le::array(signed, 0)?)?;
        let length = usize::try_from(le::u32(signed, 16)?).ok()?;
        let pkcs7 = Guid::parse(PKCS7)?.to_disk();
        let sound = le::array(signed, 20) == Some(CERTIFICATE_ENTRY) && le::array(signed, 24) == Some(pkcs7);
        let content = signed.get(16usize.checked_add(length)?..)?;
        (sound && length >= 24).then_some(Update { variable, content, time })
    }
    /// Returns the vendor GUID of the variable.
    #[must_use]
    pub fn vendor(&self) -> Guid {
        let text = if self.variable.starts_with("db") { IMAGE_SECURITY } else { GLOBAL };
        Guid::parse(text).expect("the GUIDs are well-formed")
    }

    /// Returns the bytes to sign with RSA PKCS #1 v1.5 and SHA-256.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut message: Vec<u8> = self.variable.encode_utf16().flat_map(u16::to_le_bytes).collect();
        message.extend(self.vendor().to_disk());
        message.extend(ATTRIBUTES.to_le_bytes());
        message.extend(self.time.to_bytes());
        message.extend(self.content);
        message
    }

    /// Returns the signed update; `signature` is the signature of [`Update::message`] by the key of
    /// `certificate`.
    #[must_use]
    pub fn sign(&self, certificate: &Certificate, signature: &[u8]) -> Vec<u8> {
        let content = Content { kind: oid::DATA, bytes: None, attributes: None };
        // Without the outer ContentInfo: older firmware accepts no other form.
        let signed = pkcs7::signed_data(&content, certificate, signature);
        let pkcs7 = Guid::parse(PKCS7).expect("the GUID is well-formed");
        let mut update = self.time.to_bytes().to_vec();
        update.extend(u32::try_from(24 + signed.len()).unwrap_or(u32::MAX).to_le_bytes());
        update.extend(CERTIFICATE_ENTRY);
        update.extend(pkcs7.to_disk());
        update.extend(signed);
        update.extend(self.content);
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efivar::signature_list;

    const TIME: Time = Time { year: 2026, month: 11, day: 21, hour: 13, minute: 5, second: 9 };

    #[test]
    fn what_is_signed_names_variable_vendor_attributes_and_time() {
        let update = Update { variable: "db", content: b"x", time: TIME };
        let mut expected = b"d\0b\0".to_vec();
        expected.extend(Guid::parse(IMAGE_SECURITY).unwrap().to_disk());
        expected.extend([0x27, 0, 0, 0, 0xea, 0x07, 11, 21, 13, 5, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'x']);
        assert_eq!(update.message(), expected);
        let vendors = ["PK", "KEK", "dbx"].map(|variable| Update { variable, ..update.clone() }.vendor());
        let [global, images] = [GLOBAL, IMAGE_SECURITY].map(|text| Guid::parse(text).unwrap());
        assert_eq!(vendors, [global, global, images]);
    }

    #[test]
    fn an_update_is_time_signature_and_content() {
        let update = Update { variable: "PK", content: b"content", time: TIME };
        let certificate = Certificate { der: vec![0x30, 0], issuer: vec![0x30, 0], serial: vec![1] };
        let bytes = update.sign(&certificate, &[7; 256]);
        let length = crate::le::u32(&bytes, 16).and_then(|n| usize::try_from(n).ok()).unwrap();
        assert_eq!(&bytes[16 + length..], b"content");
        assert_eq!(bytes[20..24], CERTIFICATE_ENTRY);
        assert_eq!(bytes[40], 0x30);
        let found = Update::parse("PK", &bytes).unwrap();
        assert_eq!((found.content, found.time), (update.content, TIME));
        for at in 0..bytes.len() {
            let _ = Update::parse("PK", &bytes[..at]);
            let mut bad = bytes.clone();
            bad[at] = 0xff;
            let _ = Update::parse("PK", &bad);
        }
        assert!((0..40 + 2).all(|length| Update::parse("PK", &bytes[..length]).is_none()));
    }

    #[test]
    fn a_list_says_its_lengths() {
        let list = signature_list(Guid([9; 16]), b"certificate");
        assert_eq!(
            (list.len(), crate::le::u32(&list, 16), crate::le::u32(&list, 24)),
            (55, Some(55), Some(27))
        );
        assert!(list.ends_with(b"certificate"));
    }
}
