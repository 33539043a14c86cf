//! Why certificates or files can't be read or written.

use std::path::PathBuf;

/// Why the cluster can't be brought up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// The attempted action, such as `writing`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A certificate authority without its key: it can't issue certificates, and a new one would be another
    /// cluster.
    #[error("reading certificate authority {name}: it has a certificate but no key")]
    LostKey {
        /// Name of the authority.
        name: &'static str,
    },
    /// The node has joined its cluster and can issue nothing.
    #[error("this node has no certificate authority: it has joined its cluster")]
    NoAuthority,
    /// A key that can't be parsed.
    #[error("reading private key {}: {reason}", path.display())]
    Key {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate could not be issued.
    #[error("issuing certificate {name}: {source}")]
    Issue {
        /// Name of the certificate.
        name: String,
        /// The library's error.
        source: certs::CertError,
    },
    /// A manifest of the config that can't be parsed.
    #[error("parsing manifest {name}: {reason}")]
    Manifest {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A manifest needs a container image that the node's image does not have.
    #[error("this image has no container image {name}")]
    NoContainerImage {
        /// Its name.
        name: &'static str,
    },
}

/// Returns a function that makes [`Error::Io`] from an error about `path`.
pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}
