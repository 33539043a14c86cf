//! Signatures that firmware accepts: PKCS #7 signed data, one signer, RSA with SHA-256, no timestamp.
//!
//! Only written here; the readers are firmware and foreign tools. Nothing in it is random and PKCS #1 v1.5
//! has no salt, so the same content, certificate and key give the same bytes. The caller signs: it gets the
//! bytes to sign and passes back the signature. Specs: RFC 2315 (the version that Authenticode and UEFI refer
//! to), X.690 for the encoding.

mod der;

pub(crate) use der::{Tag, integer, tlv};

/// Object identifiers, without tag and length.
pub(crate) mod oid {
    /// `signedData`, 1.2.840.113549.1.7.2.
    pub(crate) const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    /// `data`, 1.2.840.113549.1.7.1.
    pub(crate) const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
    /// `contentType`, 1.2.840.113549.1.9.3.
    pub(crate) const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
    /// `messageDigest`, 1.2.840.113549.1.9.4.
    pub(crate) const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
    /// `rsaEncryption`, 1.2.840.113549.1.1.1.
    pub(crate) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    /// `sha256`, 2.16.840.1.101.3.4.2.1.
    pub(crate) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
}

/// The signer's certificate, with the two fields by which a signature identifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The complete certificate, DER.
    pub der: Vec<u8>,
    /// The name of its issuer, DER with tag and length.
    pub issuer: Vec<u8>,
    /// The bytes of its serial number.
    pub serial: Vec<u8>,
}

/// What is signed.
pub(crate) struct Content<'a> {
    /// Object identifier of the content's type.
    pub kind: &'a [u8],
    /// The content itself, DER; `None` if it is elsewhere.
    pub bytes: Option<&'a [u8]>,
    /// The attributes that are signed instead of the content, without their own tag.
    pub attributes: Option<&'a [u8]>,
}

/// Returns an algorithm identifier without parameters.
pub(crate) fn algorithm(oid: &[u8]) -> Vec<u8> {
    tlv(Tag::SEQUENCE, &[&tlv(Tag::OID, &[oid]), &tlv(Tag::NULL, &[])])
}

/// Returns the signed data, without the outer ContentInfo.
pub(crate) fn signed_data(content: &Content<'_>, certificate: &Certificate, signature: &[u8]) -> Vec<u8> {
    let sha256 = algorithm(oid::SHA256);
    let explicit = content.bytes.map(|bytes| tlv(Tag::context(0), &[bytes])).unwrap_or_default();
    let content_info = tlv(Tag::SEQUENCE, &[&tlv(Tag::OID, &[content.kind]), &explicit]);
    let issuer_and_serial =
        tlv(Tag::SEQUENCE, &[&certificate.issuer, &tlv(Tag::INTEGER, &[&certificate.serial])]);
    let attributes = content.attributes.map(|bytes| tlv(Tag::context(0), &[bytes])).unwrap_or_default();
    let signer = tlv(
        Tag::SEQUENCE,
        &[
            &integer(1),
            &issuer_and_serial,
            &sha256,
            &attributes,
            &algorithm(oid::RSA),
            &tlv(Tag::OCTETS, &[signature]),
        ],
    );
    tlv(
        Tag::SEQUENCE,
        &[
            &integer(1),
            &tlv(Tag::SET, &[&sha256]),
            &content_info,
            &tlv(Tag::context(0), &[&certificate.der]),
            &tlv(Tag::SET, &[&signer]),
        ],
    )
}

/// Wraps signed data in a ContentInfo.
pub(crate) fn wrap(signed_data: &[u8]) -> Vec<u8> {
    tlv(Tag::SEQUENCE, &[&tlv(Tag::OID, &[oid::SIGNED_DATA]), &tlv(Tag::context(0), &[signed_data])])
}
