//! Why a request about an upgrade is refused.

use update::UpdateError;

/// Why a request about an upgrade is refused.
#[derive(Debug)]
pub enum Refused {
    /// The request is invalid.
    Malformed(String),
    /// The node's state forbids it; with a remedy.
    Conflict(String, Option<String>),
    /// The node failed.
    Failed(anyhow::Error),
}

impl From<UpdateError> for Refused {
    fn from(error: UpdateError) -> Refused {
        match error {
            UpdateError::File { .. } => Refused::Failed(error.into()),
            other => Refused::Conflict(other.to_string(), other.hint()),
        }
    }
}

impl Refused {
    /// Returns the refusal that the node's state requires.
    pub fn conflict(message: &str, hint: &str) -> Refused {
        Refused::Conflict(message.to_owned(), Some(hint.to_owned()))
    }
}
