//! User-data as found: the text and its origin.

/// Maximum length of user-data in bytes.
pub const MAX_BYTES: usize = config::MAX_BYTES;

/// User-data, and the source it comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct UserData {
    /// Name of the source, such as `qemu-fw-cfg`.
    pub source: &'static str,
    /// Where exactly it was found, for error messages about its lines.
    pub label: String,
    /// The text. It contains private keys.
    pub text: String,
}

impl std::fmt::Debug for UserData {
    /// Leaves out the text, which contains private keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}), {} bytes", self.source, self.label, self.text.len())
    }
}
