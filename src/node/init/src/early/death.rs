//! Why the initrd failed to reach the root, as a reason for the boot record.

use std::fmt;

use slots::Reason;

/// Why the boot ends before the root runs.
#[derive(Debug)]
pub(crate) enum Death {
    /// No partition holds the root of the command line; the text says where it was looked for.
    RootNotFound(String),
    /// The root was found, but the kernel could not verify it.
    RootNotVerified(anyhow::Error),
    /// Anything else without which `init` cannot continue.
    Failed(anyhow::Error),
}

impl Death {
    /// Returns what the boot record says of it.
    pub(crate) const fn reason(&self) -> Reason {
        match self {
            Death::RootNotFound(_) => Reason::RootNotFound,
            Death::RootNotVerified(_) => Reason::RootNotVerified,
            Death::Failed(_) => Reason::InitFailed,
        }
    }
}

impl fmt::Display for Death {
    /// Writes the whole chain of causes in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Death::RootNotFound(text) => f.write_str(text),
            Death::RootNotVerified(error) | Death::Failed(error) => write!(f, "{error:#}"),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Death {
    fn from(error: E) -> Death {
        Death::Failed(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn each_death_has_its_reason_and_its_whole_text() {
        let cause = || anyhow!("no such device").context("opening the root");
        let cases = [
            (Death::RootNotFound("looked at vda5".to_owned()), Reason::RootNotFound, "looked at vda5"),
            (Death::RootNotVerified(cause()), Reason::RootNotVerified, "opening the root: no such device"),
            (Death::from(cause()), Reason::InitFailed, "opening the root: no such device"),
        ];
        for (death, reason, text) in cases {
            assert_eq!((death.reason(), death.to_string().as_str()), (reason, text));
        }
    }
}
