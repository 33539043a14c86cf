//! User-data: the documents of a node as a source delivers them, packed or not, and what comes beside them.
//!
//! Where it comes from is not known here: a source delivers [`Seed`], whose parts have only a label and bytes. The
//! operator's command validates with the same functions, so that what it accepts a node accepts.

pub(crate) mod cloud_config;
pub(crate) mod format;
mod mime;
mod unpack;

use std::fmt;

use crate::diagnostics::Diagnostics;
use crate::document::parse_cloud_config;
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
    /// The text, unpacked: [`parse_text`] reads it as [`Understood::documents`]. It contains private keys.
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
    let documents = parse_text(label, &text)?;
    Ok(Understood { documents, text })
}

/// Parses a text that is not packed: documents of ours, or a `#cloud-config`.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub fn parse_text(label: &str, text: &str) -> Result<NodeDocuments, Diagnostics> {
    match format::is_cloud_config(text) {
        true => parse_cloud_config(label, text),
        false => parse_node_documents(label, text),
    }
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
        let cases: [(&[u8], &str); 12] = [
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
        ];
        for (bytes, expected) in cases {
            let error = parse(bytes.to_vec()).unwrap_err();
            assert!(error.contains(expected) && error.contains("sr0:user-data"), "{expected}: {error}");
        }
    }

    /// The documents below the key `ironhull`, as a list.
    fn cloud_config(rest: &str) -> String {
        let mut text = format!("#cloud-config\n{rest}ironhull:\n");
        for document in documents().split("\n---\n") {
            for (i, line) in document.lines().enumerate() {
                text.push_str(if i == 0 { "  - " } else { "    " });
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    #[test]
    fn a_cloud_config_holds_the_documents() {
        let expected = parse_node_documents("x", &documents()).unwrap();
        let text = cloud_config("timezone: UTC\npreserve_hostname: false\n");
        let packed = parse(gzip(text.as_bytes())).unwrap();
        assert_eq!((&packed.documents, &packed.text), (&expected, &text));
        assert_eq!(parse_text("kept", &packed.text).unwrap(), expected);
        let one = documents().split("\n---\n").next().unwrap().replace('\n', "\n  ");
        let one = parse(format!("#cloud-config\nironhull:\n  {one}\n").into_bytes()).unwrap();
        assert_eq!(one.documents.node, expected.node);
    }

    #[test]
    fn keys_of_cloud_init_fill_in_what_the_documents_leave_out() {
        let without = |text: String| text.replace("    hostname: \"n1\"\n", "");
        let filled = "hostname: n7\nntp: { enabled: true, servers: [10.0.0.1], pools: [ntp.example.org] }\n";
        let node = parse(without(cloud_config(filled)).into_bytes()).unwrap().documents.node;
        assert_eq!(
            (&*node.hostname, &*node.time.servers),
            ("n7", &["10.0.0.1", "ntp.example.org"].map(Into::into)[..])
        );
        let named =
            |rest: &str| parse(without(cloud_config(rest)).into_bytes()).unwrap().documents.node.hostname;
        assert_eq!(named("fqdn: n8.example.org\n"), "n8");
        assert_eq!(named("fqdn: n8.example.org\nhostname: n9\n"), "n9");
        assert!(parse(cloud_config("hostname: n1\n").into_bytes()).is_ok());
        let error = parse(cloud_config("hostname: n2\n").into_bytes()).unwrap_err();
        assert!(
            error.contains("hostname") && error.contains(":2:11") && error.contains("another hostname"),
            "{error}"
        );
    }

    #[test]
    fn keys_without_effect_are_errors_that_say_what_to_use() {
        let text = cloud_config(
            "runcmd: [ls]\nusers: [x]\ntimezone: Europe/Zurich\nfoo: 1\nntp: { enabled: false }\n",
        );
        let error = parse(text.into_bytes()).unwrap_err();
        for expected in [
            ":2:1",
            "runs it as a pod",
            ":3:1",
            "`ironhull node`",
            ":4:11",
            "expected UTC",
            ":5:1",
            "foo: not supported",
            ":6:6",
            "enabled: true",
        ] {
            let expected = expected.replace("runs it", "run it");
            assert!(error.contains(&expected), "{expected}: {error}");
        }
        for (text, expected) in [
            ("#cloud-config\nhostname: x\n", "key \"ironhull\" is missing"),
            ("#cloud-config\nironhull: |\n  kind: NodeConfig\n", "without | or quotes"),
            ("#cloud-config\n- a\n", "expected a mapping"),
            ("#cloud-config\n", "the text holds no document"),
            ("#cloud-config\nironhull: []\n", "no document of kind NodeConfig"),
            ("#cloud-config\nironhull: { kind: NodeConfig }\n---\na: 1\n", "expected one document"),
        ] {
            let error = parse(text.as_bytes().to_vec()).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    /// A message with these parts.
    fn mime(parts: &[&str]) -> String {
        let mut text =
            "Content-Type: multipart/mixed;\n boundary=\"==x==\"\nMIME-Version: 1.0\n\npreamble\n".to_owned();
        parts.iter().for_each(|part| text.push_str(&format!("--==x==\n{part}\n")));
        text + "--==x==--\nafter\n"
    }

    #[test]
    fn the_parts_of_a_mime_message_are_one_text() {
        let expected = parse_node_documents("x", &documents()).unwrap();
        let text = documents();
        let (node, cluster) = text.split_once("\n---\n").unwrap();
        let in_base64 = String::from_utf8(base64(cluster.as_bytes())).unwrap();
        let message = mime(&[
            &format!("Content-Type: text/x-yaml\n\n{node}"),
            &format!("Content-Transfer-Encoding: BASE64\nContent-Type: text/plain\n\n{in_base64}"),
        ]);
        for bytes in [message.clone(), message.replace('\n', "\r\n")] {
            assert_eq!(parse(bytes.into_bytes()).unwrap().documents, expected);
        }
        let one = mime(&[&format!("Content-Type: text/cloud-config\n\n{}", cloud_config(""))]);
        assert_eq!(parse(gzip(one.as_bytes())).unwrap().documents, expected);
    }

    #[test]
    fn a_mime_message_that_can_not_be_read_is_an_error() {
        let part = "Content-Type: text/plain\n\na: 1";
        for (message, expected) in [
            (mime(&[part]).replace("--==x==--", ""), "cut off"),
            (mime(&[]), "no parts"),
            (mime(&[part]).replace("boundary", "border"), "names no boundary"),
            (mime(&["Content-Type: text/plain\nno header"]), "no empty line"),
            (mime(&["Content-Transfer-Encoding: quoted-printable\n\nx"]), "quoted-printable"),
            (mime(&["Content-Transfer-Encoding: base64\n\nx!"]), "part 1 of the MIME message: its base64"),
            (mime(&["Content-Type: multipart/mixed\n\nx"]), "parts within parts"),
            (mime(&[part, "\n#cloud-config\n"]), "expected one part with #cloud-config, found 2"),
            (mime(&[part; 65]), "expected at most 64 parts"),
            (mime(&["Content-Type: text/x-shellscript\n\n#!/bin/sh\n"]), "a script is not supported"),
        ] {
            let error = parse(message.into_bytes()).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
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
            let _ = parse([b"MIME-Version: 1\n", &bytes[..]].concat());
            let _ = parse([&gzip(&bytes)[..10], &bytes].concat());
        }
    }
}
