//! User-data: the documents of a node as a source delivers them, packed or not, and what comes beside them.
//!
//! Where it comes from is not known here: a source delivers [`Seed`], whose parts have only a label and bytes. The
//! operator's command validates with the same functions, so that what it accepts a node accepts.

mod format;
mod unpack;

use std::fmt;

use crate::diagnostics::Diagnostics;
use crate::{NodeDocuments, parse_node_documents};

pub use unpack::text;

/// One file or value of a source.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Where exactly it was found, for errors about its lines.
    pub label: String,
    /// The content as found.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Part {
    /// Leaves out the content, which may contain private keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} bytes", self.label, self.bytes.len())
    }
}

/// What one source has for this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The user-data.
    pub user_data: Part,
}

/// A seed that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Understood {
    /// The documents.
    pub documents: NodeDocuments,
    /// A text of documents that [`parse_node_documents`] reads as [`Understood::documents`], to be kept. It contains
    /// private keys.
    pub text: String,
}

/// Unpacks and parses a seed.
///
/// # Errors
/// [`Diagnostics`] with every error of the first part that has one. They are about the text as it is after unpacking,
/// under the label of the part.
pub fn parse_seed(seed: &Seed) -> Result<Understood, Diagnostics> {
    let Part { label, bytes } = &seed.user_data;
    let text = text(label, bytes)?;
    let documents = parse_node_documents(label, &text)?;
    Ok(Understood { documents, text })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use data_encoding::BASE64;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::templates::{NodeTemplate, node_documents};

    fn documents() -> String {
        let pem = |kind: &str| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
        node_documents(&NodeTemplate {
            hostname: "n1",
            cluster: "home",
            certificate_authority: &pem("CERTIFICATE"),
            certificate: &pem("CERTIFICATE"),
            key: &pem("PRIVATE KEY"),
        })
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = GzEncoder::new(Vec::new(), Compression::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn base64(bytes: &[u8]) -> Vec<u8> {
        let text = BASE64.encode(bytes);
        let lines: Vec<&str> = text.as_bytes().chunks(76).map(|c| std::str::from_utf8(c).unwrap()).collect();
        format!("{}\n", lines.join("\n")).into_bytes()
    }

    fn parse(bytes: Vec<u8>) -> Result<Understood, String> {
        let user_data = Part { label: "sr0:user-data".into(), bytes };
        parse_seed(&Seed { user_data }).map_err(|e| e.to_string())
    }

    #[test]
    fn every_packing_gives_the_same_documents() {
        let text = documents();
        let expected = parse(text.clone().into_bytes()).unwrap();
        assert_eq!(expected.text, text);
        let with_mark = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let packed = [
            with_mark.clone(),
            gzip(text.as_bytes()),
            base64(text.as_bytes()),
            BASE64.encode(text.as_bytes()).into_bytes(),
            base64(&gzip(text.as_bytes())),
            gzip(&base64(text.as_bytes())),
            gzip(&with_mark),
        ];
        for bytes in packed {
            assert_eq!(parse(bytes.clone()).as_ref(), Ok(&expected), "{:?}", bytes.get(..20));
        }
        let windows = parse(text.replace('\n', "\r\n").into_bytes()).unwrap();
        assert_eq!(windows, expected);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![b' '; 4 << 20]);
        assert!(bomb.len() < crate::MAX_BYTES);
        let error = parse(bomb).unwrap_err();
        assert!(error.contains("more than 1048576 bytes once unpacked"), "{error}");
        let mut nested = documents().into_bytes();
        for _ in 0..5 {
            nested = gzip(&nested);
        }
        let error = parse(nested).unwrap_err();
        assert!(error.contains("packed more than 4 times"), "{error}");
        assert!(parse(vec![b'x'; crate::MAX_BYTES + 1]).unwrap_err().contains("expected at most 1048576"));
    }

    #[test]
    fn what_is_damaged_or_foreign_is_an_error_that_says_so() {
        let whole = gzip(documents().as_bytes());
        let cases: [(&[u8], &str); 14] = [
            (&whole[..whole.len() - 9], "not a complete gzip file"),
            (b"a: \xff\n", "expected UTF-8 text, found byte 0xff at offset 3"),
            (b"\xff\xfea\0", "UTF-16"),
            (b"", "is empty"),
            (b" \r\n", "is empty"),
            (b"#!/bin/sh\nexit 0\n", "a script"),
            (b"#include\nhttp://x/\n", "#include"),
            (b"#cloud-boothook\n", "#cloud-boothook"),
            (b"#cloud-config-archive\n- a\n", "#cloud-config-archive"),
            (b"#part-handler\n", "#part-handler"),
            (b"## template: jinja\n#cloud-config\n", "jinja"),
            (b"{\"ignition\": {\"version\": \"3.4.0\"}}", "Ignition"),
            (b"#cloud-config\nhostname: x\n", "#cloud-config"),
            (b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n", "MIME"),
        ];
        for (bytes, expected) in cases {
            let error = parse(bytes.to_vec()).unwrap_err();
            assert!(error.contains(expected) && error.contains("sr0:user-data"), "{expected}: {error}");
        }
    }

    #[test]
    fn errors_have_the_lines_of_the_unpacked_text() {
        let error =
            parse(base64(b"apiVersion: ironhull.dev/v1\nkind: NodeConfig\nhostnam: x\n")).unwrap_err();
        assert!(error.contains("sr0:user-data:3:1") && error.contains("3 | hostnam: x"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let _ = parse(bytes.clone());
            let _ = parse(base64(&bytes));
            let _ = parse([&gzip(&bytes)[..10], &bytes].concat());
        }
    }
}
