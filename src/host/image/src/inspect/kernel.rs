//! A kernel image for display: sections, command line, kernel release.

use formats::uki::{self, UkiError};
use slots::RootParams;

/// A kernel image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelImage {
    /// Listing of its sections.
    pub sections: String,
    /// The kernel command line.
    pub cmdline: String,
    /// Release of the kernel, as in `uname -r`.
    pub release: String,
    /// The parameters of the root on the command line; `None` if they are missing or invalid.
    pub root: Option<RootParams>,
}

impl KernelImage {
    /// Parses a kernel image.
    ///
    /// # Errors
    /// [`UkiError::Malformed`] if it is not one.
    pub(super) fn parse(bytes: &[u8]) -> Result<KernelImage, UkiError> {
        let sections = uki::sections(bytes)?;
        let text = |name: &str| {
            let found = sections.iter().find(|s| s.name == name);
            found.map(|s| String::from_utf8_lossy(s.bytes).trim_end_matches(['\0', '\n']).to_owned())
        };
        let cmdline = text(".cmdline").unwrap_or_default();
        Ok(KernelImage {
            sections: uki::dump(&sections),
            release: text(".uname").unwrap_or_default(),
            root: RootParams::parse(&cmdline).ok(),
            cmdline,
        })
    }
}
