//! Why the network or the clock could not be set up.

use std::io;

/// Why a step failed; values are in the text.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A system call failed.
    #[error("{action} {object}: {source}")]
    Call {
        /// What was done, as a gerund.
        action: &'static str,
        /// To what.
        object: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel or a server sent something that is not the message it should be.
    #[error("reading {what}: malformed: {why}")]
    Malformed {
        /// Which message.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No answer in time.
    #[error("querying time server {server}: timed out")]
    NoTime {
        /// Whom.
        server: String,
    },
}

/// Adds to a failed call what it was about.
pub(crate) trait During<T> {
    /// Turns the error into a [`NetError::Call`]; `action` is a gerund.
    fn during(self, action: &'static str, object: impl ToString) -> Result<T, NetError>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, action: &'static str, object: impl ToString) -> Result<T, NetError> {
        self.map_err(|e| NetError::Call { action, object: object.to_string(), source: e.into() })
    }
}
