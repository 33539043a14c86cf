//! User-data as found: the text and its origin.

/// Longest user-data in bytes.
pub const MAX_BYTES: usize = config::MAX_BYTES;

/// What was found.
#[derive(Clone, PartialEq, Eq)]
pub struct UserData {
    /// Name of the source, such as `qemu-fw-cfg`.
    pub source: &'static str,
    /// Where exactly it was, for messages about its lines.
    pub label: String,
    /// The text. It holds keys.
    pub text: String,
}

impl std::fmt::Debug for UserData {
    /// Leaves the text out: it holds keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}), {} bytes", self.source, self.label, self.text.len())
    }
}
