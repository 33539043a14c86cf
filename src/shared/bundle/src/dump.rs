//! A manifest as text, one fact per line.

use std::fmt::Write;

use crate::key::Signature;
use crate::manifest::{Manifest, Part};

/// Returns the manifest and the signers of a bundle as text.
#[must_use]
pub fn dump(manifest: &Manifest, signatures: &[Signature]) -> String {
    let m = manifest;
    let expires = m.expires.map_or_else(|| "never".to_owned(), |secs| format!("{secs} s since 1970"));
    let mut text = format!(
        "bundle {} {}: {} for {}, Kubernetes {}\nsecurity epoch {}\nbuilt {} s since 1970\nexpires {expires}\n",
        m.name, m.version, m.role, m.architecture, m.kubernetes, m.epoch, m.build_time
    );
    let mut line = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("a String takes all");
        text.push('\n');
    };
    for (name, v) in &m.state {
        line(format_args!("state {name}: writes {}, reads {} to {}", v.writes, v.reads, v.writes));
    }
    let part = |p: &Part| format!("{} bytes, packed {}, sha256 {}", p.bytes, p.packed_bytes, p.sha256);
    line(format_args!("kernel image: {}", part(&m.parts.uki)));
    line(format_args!("root: {}", part(&m.parts.root)));
    line(format_args!("root hash {}", m.root_hash));
    if let Some(set) = &m.key_set {
        line(format_args!("brings key set {}: {} of {} keys", set.version, set.threshold, set.keys.len()));
        for key in &set.keys {
            line(format_args!("  key {key}"));
        }
    }
    match signatures {
        [] => line(format_args!("not signed")),
        some => some.iter().for_each(|s| line(format_args!("signature by key {}", s.key))),
    }
    text
}
