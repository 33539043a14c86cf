//! The error of every call: the attempted action, its object, and the kernel's answer.

use std::fmt;
use std::io;

/// Why a system call failed.
#[derive(Debug, thiserror::Error)]
pub enum SysError {
    /// The kernel refused the call.
    #[error("{action} {object}: {reason}")]
    Call {
        /// The attempted action, as a gerund.
        action: &'static str,
        /// The object, such as a path.
        object: String,
        /// The kernel's answer. It is part of the message, so it is not a source, which would repeat it.
        reason: io::Error,
    },
    /// A value can't be passed to the kernel: a zero byte in a text, a number out of range.
    #[error("{action} {object}: the value is out of the kernel's range")]
    Value {
        /// The attempted action, as a gerund.
        action: &'static str,
        /// The value.
        object: String,
    },
}

impl SysError {
    /// Returns the kernel's error number, if it was the kernel that refused.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            SysError::Call { reason, .. } => reason.raw_os_error(),
            SysError::Value { .. } => None,
        }
    }

    /// Returns the error for a value that can't be passed to the kernel.
    pub(crate) fn value(action: &'static str, object: impl fmt::Display) -> SysError {
        SysError::Value { action, object: object.to_string() }
    }

    /// Returns the error for the call that has just set `errno`.
    pub(crate) fn last(action: &'static str, object: impl fmt::Display) -> SysError {
        SysError::Call { action, object: object.to_string(), reason: io::Error::last_os_error() }
    }
}

/// Adds action and object to the error of a call.
pub(crate) trait During<T> {
    /// Turns the error into a [`SysError::Call`]; `action` is a gerund.
    fn during(self, action: &'static str, object: impl fmt::Display) -> Result<T, SysError>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, action: &'static str, object: impl fmt::Display) -> Result<T, SysError> {
        self.map_err(|e| SysError::Call { action, object: object.to_string(), reason: e.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_readable_line() {
        let denied: Result<(), _> = Err(io::Error::from_raw_os_error(libc::EPERM));
        let error = denied.during("mounting", "/state").unwrap_err();
        assert_eq!(error.to_string(), "mounting /state: Operation not permitted (os error 1)");
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    }
}
