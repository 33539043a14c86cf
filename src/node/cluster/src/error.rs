//! Why certificates or files can't be read or written.

use std::path::PathBuf;

/// Why the cluster can't be brought up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `writing`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate authority without its key: nothing can be issued under it, and a new one would be
    /// another cluster.
    #[error("reading certificate authority {name}: it has a certificate but no key")]
    LostKey {
        /// Name of the authority.
        name: &'static str,
    },
    /// A key that can't be read.
    #[error("reading private key {}: {reason}", path.display())]
    Key {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("issuing certificate {name}: {source}")]
    Issue {
        /// Name of the certificate.
        name: String,
        /// What the library said.
        source: certs::CertError,
    },
}

/// Makes [`Error::Io`] of what happened to `path`.
pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}
