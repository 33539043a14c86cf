//! The manifest: the signed description of a bundle, kept as the exact bytes that are signed.

use std::collections::BTreeMap;

use imagefacts::StateVersions;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::BundleError;
use crate::format::{MAX_PACKED_BYTES, MAX_PART_BYTES, frames};
use crate::hex::Hash;
use crate::keyset::KeySet;
use crate::kind::Kind;

/// Maximum length of a text in a manifest.
const MAX_TEXT_BYTES: usize = 128;

/// The manifest of a bundle. Unknown fields are refused, since a node could not follow them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Name of the profile.
    pub name: String,
    /// Version of the image.
    pub version: String,
    /// `single`, `controller` or `worker`.
    pub role: String,
    /// Architecture by its Debian name.
    pub architecture: String,
    /// Security epoch: a node never runs an image with a lower one than it has run or blessed.
    pub epoch: u32,
    /// Version of Kubernetes.
    pub kubernetes: String,
    /// Date of the newest input in seconds since 1970.
    pub build_time: u64,
    /// Time in seconds since 1970 after which nodes refuse the bundle; it does not expire if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Versions of the persistent state, by name.
    #[serde(deserialize_with = "strict_versions")]
    pub state: BTreeMap<String, StateVersions>,
    /// Root hash of the verity tree in the root.
    pub root_hash: Hash,
    /// The parts.
    pub parts: Parts,
    /// The key set that replaces the current one, if it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_set: Option<KeySet>,
}

/// The parts of a bundle, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parts {
    /// The kernel image.
    pub uki: Part,
    /// EROFS and verity tree, as in the root partition.
    pub root: Part,
}

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// Uncompressed length.
    pub bytes: u64,
    /// SHA-256 of the uncompressed bytes.
    pub sha256: Hash,
    /// Total length of its frames in the bundle.
    pub packed_bytes: u64,
    /// SHA-256 of its index, which contains the SHA-256 of each compressed frame.
    pub index_sha256: Hash,
}

/// Parses versions and refuses unknown fields, as everywhere in a manifest. Elsewhere unknown fields are
/// ignored.
fn strict_versions<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, StateVersions>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        writes: u32,
        reads: u32,
    }
    let read = BTreeMap::<String, Strict>::deserialize(deserializer)?;
    let versions = |s: Strict| StateVersions { writes: s.writes, reads: s.reads };
    Ok(read.into_iter().map(|(name, s)| (name, versions(s))).collect())
}

impl Parts {
    /// Returns one part.
    #[must_use]
    pub fn get(&self, kind: Kind) -> &Part {
        match kind {
            Kind::Uki => &self.uki,
            Kind::Root => &self.root,
        }
    }
}

impl Manifest {
    /// Returns the bytes that are signed; equal manifests have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = serde_json::to_string_pretty(self).expect("a manifest is plain data with text keys");
        (text + "\n").into_bytes()
    }

    /// Parses a manifest, and checks its lengths against the limits of the format.
    ///
    /// # Errors
    /// [`BundleError::Manifest`] if it is malformed, [`BundleError::Malformed`] if a field has an invalid
    /// value.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, BundleError> {
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(BundleError::Manifest)?;
        manifest.sound()?;
        Ok(manifest)
    }

    /// Checks the values of the fields.
    pub(crate) fn sound(&self) -> Result<(), BundleError> {
        let texts = [
            ("name", &self.name),
            ("version", &self.version),
            ("role", &self.role),
            ("architecture", &self.architecture),
            ("kubernetes", &self.kubernetes),
        ];
        for (what, text) in texts.into_iter().chain(self.state.keys().map(|k| ("name of a state", k))) {
            // These texts are displayed and go into messages: no line feeds, no escape sequences.
            let plain = text.bytes().all(|b| b.is_ascii_graphic());
            if !plain || text.is_empty() || text.len() > MAX_TEXT_BYTES {
                return Err(BundleError::off(what, format!("{text:?}"), "1 to 128 visible ASCII characters"));
            }
        }
        if let Some((name, v)) = self.state.iter().find(|(_, v)| v.reads > v.writes) {
            let found = format!("{} for {name}, which writes {}", v.reads, v.writes);
            return Err(BundleError::off("oldest state that is read", found, "at most what is written"));
        }
        self.parts.uki.sound()?;
        self.parts.root.sound()
    }
}

impl Part {
    /// Checks the lengths.
    fn sound(&self) -> Result<(), BundleError> {
        if self.bytes == 0 || self.bytes > MAX_PART_BYTES {
            return Err(BundleError::off("length of a part", self.bytes, "1 to 17179869184"));
        }
        let most = frames(self.bytes) * u64::from(MAX_PACKED_BYTES);
        if self.packed_bytes == 0 || self.packed_bytes > most {
            return Err(BundleError::off(
                "packed length of a part",
                self.packed_bytes,
                "what its frames can have",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A valid manifest of empty parts.
    pub(crate) fn sample() -> Manifest {
        let hash = Hash([7; 32]);
        let part = Part { bytes: 1000, sha256: hash, packed_bytes: 500, index_sha256: hash };
        Manifest {
            name: "single".into(),
            version: "0.1.0".into(),
            role: "single".into(),
            architecture: "amd64".into(),
            epoch: 3,
            kubernetes: "1.36.3".into(),
            build_time: 1_790_000_000,
            expires: None,
            state: BTreeMap::from([("ironhull".into(), StateVersions { writes: 2, reads: 1 })]),
            root_hash: hash,
            parts: Parts { uki: part, root: part },
            key_set: None,
        }
    }

    #[test]
    fn round_trip() {
        let manifest = Manifest { expires: Some(5), ..sample() };
        assert_eq!(Manifest::parse(&manifest.to_bytes()).unwrap(), manifest);
        let json: serde_json::Value = serde_json::from_slice(&sample().to_bytes()).unwrap();
        assert_eq!(json["parts"]["uki"]["packedBytes"], 500);
        assert!(json.get("expires").is_none());
    }

    #[test]
    fn what_can_not_be_true_is_refused() {
        let change = |change: fn(&mut Manifest)| {
            let mut manifest = sample();
            change(&mut manifest);
            Manifest::parse(&manifest.to_bytes()).unwrap_err()
        };
        type Change = fn(&mut Manifest);
        let wrong: [(Change, &str); 6] = [
            (|m| m.name.clear(), "name"),
            (|m| m.version = "1\u{1b}[2J".into(), "version"),
            (|m| m.role = "x".repeat(129), "role"),
            (|m| m.parts.root.bytes = MAX_PART_BYTES + 1, "length of a part"),
            (|m| m.parts.uki.packed_bytes = u64::MAX, "packed length of a part"),
            (
                |m| {
                    m.state.insert("etcd".into(), StateVersions { writes: 1, reads: 2 });
                },
                "oldest state that is read",
            ),
        ];
        for (off, name) in wrong {
            let found = change(off);
            assert!(
                matches!(&found, BundleError::Malformed { what, .. } if *what == name),
                "{name}: {found}"
            );
        }
        let text = String::from_utf8(sample().to_bytes()).unwrap();
        for before in ["{", "\"ironhull\": {", "\"uki\": {"] {
            assert!(text.contains(before), "{before}");
            let more = text.replacen(before, &format!("{before}\"further\": 1,"), 1);
            let found = Manifest::parse(more.as_bytes());
            assert!(matches!(found, Err(BundleError::Manifest(_))), "{before}");
        }
    }
}
