//! Keys: a readable name and a hash over every input, in the order and with the names given.

use crate::digest::Digest;

/// Identifies one entry of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    name: String,
    digest: Digest,
}

impl Key {
    /// Returns what the entry is, for display: `kernel 6.12.107-1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the hash over all inputs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Collects the inputs of a key. Each is a (name, value) pair, hashed with both lengths, so that no two
/// different lists give the same bytes.
#[derive(Clone, Debug)]
pub struct KeyBuilder {
    name: String,
    bytes: Vec<u8>,
}

impl KeyBuilder {
    /// Begins the key of something made by the code of `kind` in its `revision`: increment the revision when
    /// the code makes something else from the same inputs.
    #[must_use]
    pub fn new(kind: &str, revision: u32, name: &str) -> KeyBuilder {
        KeyBuilder { name: format!("{kind} {name}"), bytes: Vec::new() }
            .with("kind", kind)
            .with("revision", revision.to_string())
            .with("name", name)
    }

    /// Adds one input.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> KeyBuilder {
        for part in [name.as_bytes(), value.as_ref()] {
            self.bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.bytes.extend_from_slice(part);
        }
        self
    }

    /// Returns the key.
    #[must_use]
    pub fn finish(self) -> Key {
        Key { name: self.name, digest: Digest::of(&self.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differs_with_every_input() {
        let base = || KeyBuilder::new("kernel", 1, "6.12");
        let keys = [
            base().finish(),
            base().with("a", "bc").finish(),
            base().with("ab", "c").finish(),
            base().with("a", "b").with("c", "").finish(),
            KeyBuilder::new("kernel", 2, "6.12").finish(),
        ];
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[i + 1..] {
                assert_ne!(a.digest(), b.digest());
            }
        }
        assert_eq!(base().finish(), base().finish());
        assert_eq!(base().finish().name(), "kernel 6.12");
    }
}
