//! User-data: the documents of a node as a source delivers them, packed or not, and what comes beside them.
//!
//! Where it comes from is not known here: a source delivers [`Seed`], whose parts have only a label and bytes. The
//! operator's command validates with the same functions, so that what it accepts a node accepts.

mod beside;
pub(crate) mod cloud_config;
pub(crate) mod format;
pub(crate) mod meta_data;
mod mime;
pub(crate) mod network_config;
mod unpack;

use std::fmt;

use crate::NodeDocuments;
use crate::diagnostics::Diagnostics;
use crate::document::{node_config_in, parse_filled};
use crate::value::Node;

use beside::ELSEWHERE;
pub use beside::{Beside, GivenNetwork};
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
    /// What comes beside it, from the same source.
    pub beside: Beside,
}

impl Seed {
    /// User-data with nothing beside it.
    #[must_use]
    pub fn alone(user_data: Part) -> Seed {
        Seed { user_data, beside: Beside::default() }
    }
}

/// A seed that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Understood {
    /// The documents.
    pub documents: NodeDocuments,
    /// The text, unpacked, with what was beside it: [`parse_text`] reads it as [`Understood::documents`]. It contains
    /// private keys.
    pub text: String,
    /// What has no effect, a text of several lines each.
    pub warnings: Vec<String>,
}

/// Unpacks and parses a seed. What its documents leave out is filled in from beside them: the host name, and links and
/// addresses. What they say counts, and what is beside them is not even read then.
///
/// # Errors
/// [`Diagnostics`] with every error of the first part that has one. They are about the text as it is after unpacking,
/// under the label of the part.
pub fn parse_seed(seed: &Seed) -> Result<Understood, Diagnostics> {
    let Part { label, bytes } = &seed.user_data;
    let text = text(label, bytes)?;
    let mut beside = Ok((false, Vec::new()));
    let (documents, trees) = parse_filled(label, &text, |trees| beside = seed.beside.fill(trees))?;
    let (filled, warnings) = beside?;
    let text = if filled { beside::written(&trees) } else { text };
    Ok(Understood { documents, text, warnings })
}

/// Parses a text that is not packed: documents of ours, or a `#cloud-config`.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub fn parse_text(label: &str, text: &str) -> Result<NodeDocuments, Diagnostics> {
    parse_filled(label, text, |_| {}).map(|(documents, _)| documents)
}

/// Returns a text that [`parse_text`] reads, with `hostname` in its node config.
///
/// # Errors
/// [`Diagnostics`] if `text` is none.
pub fn with_hostname(text: &str, hostname: &str) -> Result<String, Diagnostics> {
    let set = |trees: &mut [Node]| {
        let Some(config) = node_config_in(trees) else { return };
        config.retain(|(key, _)| key.text != "hostname");
        config.push((beside::key("hostname"), Node::text(ELSEWHERE, hostname)));
    };
    parse_filled("config", text, set).map(|(_, trees)| beside::written(&trees))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use data_encoding::BASE64;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::parse_node_documents;
    use crate::templates::{NodeTemplate, node_documents};

    fn documents() -> String {
        let pem = |kind: &str| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
        node_documents(&NodeTemplate {
            hostname: "n1",
            cluster: "home",
            certificate_authority: &pem("CERTIFICATE"),
            certificate: &pem("CERTIFICATE"),
            key: &pem("PRIVATE KEY"),
            join_token: None,
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
        parse_seed(&Seed::alone(user_data)).map_err(|e| e.to_string())
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

    /// What a platform puts beside user-data.
    fn beside() -> Beside {
        let part = |name: &str, text: &str| {
            Some(Part { label: format!("sr0:{name}"), bytes: text.as_bytes().to_vec() })
        };
        let network = "version: 2\nethernets:\n  eth0: { addresses: [10.0.0.5/24], dhcp6: true }\n";
        Beside {
            network: part("network-config", network),
            meta_data: part("meta-data", "local-hostname: web7.example.org\n"),
        }
    }

    #[test]
    fn what_the_documents_leave_out_comes_from_beside_them() {
        let without = |text: String| text.replace("hostname: \"n1\"\n", "").replace("\n    \n", "\n");
        for text in [without(documents()), without(cloud_config(""))] {
            let user_data = Part { label: "sr0:user-data".into(), bytes: text.clone().into_bytes() };
            let seed = Seed { user_data, beside: beside() };
            let understood = parse_seed(&seed).unwrap();
            let node = &understood.documents.node;
            assert_eq!(node.hostname, "web7");
            assert_eq!(node.network.ethernets["eth0"].addresses[0].to_string(), "10.0.0.5/24");
            assert!(understood.warnings[0].contains("IPv6"), "{:?}", understood.warnings);
            assert_eq!(parse_text("kept", &understood.text).unwrap(), understood.documents);
            let bare = parse(text.into_bytes()).unwrap();
            assert_eq!(
                (&*bare.documents.node.hostname, bare.documents.node.network.ethernets.len()),
                ("", 0)
            );
            let ranged = bare.text.replacen(
                "kind: NodeConfig\n",
                "kind: NodeConfig\n@network: { nodeAddress: 10.0.0.0/8 }\n",
                1,
            );
            let indent = if ranged.starts_with('#') { "    " } else { "" };
            let user_data = Part { label: "u".into(), bytes: ranged.replace('@', indent).into_bytes() };
            let network =
                parse_seed(&Seed { user_data, beside: seed.beside.clone() }).unwrap().documents.node.network;
            assert!(network.node_address.is_some() && network.ethernets.contains_key("eth0"));
            let named = with_hostname(&bare.text, "n8").unwrap();
            assert_eq!(parse_text("kept", &named).unwrap().node.hostname, "n8");
        }
    }

    #[test]
    fn what_the_documents_say_counts_and_the_rest_is_not_even_read() {
        let mut beside = beside();
        let text = documents().replace("hostname: \"n1\"\n", "hostname: n-{mac}\nnetwork: {}\n");
        let seed = |beside: &Beside| Seed {
            user_data: Part { label: "u".into(), bytes: text.clone().into_bytes() },
            beside: beside.clone(),
        };
        let understood = parse_seed(&seed(&beside)).unwrap();
        assert_eq!((&understood.text, understood.warnings.len()), (&text, 0));
        assert_eq!(&*understood.documents.node.hostname, "n-{mac}");
        for part in [&mut beside.network, &mut beside.meta_data] {
            part.as_mut().unwrap().bytes = b"#!/bin/sh\n".to_vec();
        }
        assert_eq!(parse_seed(&seed(&beside)).unwrap(), understood);
        let user_data = Part { label: "u".into(), bytes: text.replace("network: {}\n", "").into_bytes() };
        let error = parse_seed(&Seed { user_data, beside }).unwrap_err().to_string();
        assert!(error.contains("sr0:network-config") && error.contains("a script"), "{error}");
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
