//! Which steps from one version of Kubernetes to another are allowed. Pure.
//!
//! By the version skew policy of Kubernetes: an API server is upgraded one minor version at a time and never
//! downgraded (the older one may be unable to read the stored objects); patch versions may go either way; a kubelet is
//! never newer than the API server it talks to and at most three minor versions older.

use std::fmt;

/// Maximum number of minor versions by which a kubelet may be older than its API server.
const MAX_KUBELET_AGE: u32 = 3;

/// Major and minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor {
    major: u32,
    minor: u32,
}

/// Why the version skew policy forbids a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skew {
    /// Not a version.
    #[error("Kubernetes version {0:?}: expected one such as 1.36.3")]
    Malformed(String),
    /// A downgrade to an older minor version.
    #[error("the bundle has Kubernetes {to}, the node runs {from}: a control plane is never downgraded")]
    Down {
        /// The running version.
        from: String,
        /// The version in the bundle.
        to: String,
    },
    /// An upgrade that skips a minor version.
    #[error(
        "the bundle has Kubernetes {to}, the node runs {from}: a control plane is upgraded one minor version at a time"
    )]
    Skips {
        /// The running version.
        from: String,
        /// The version in the bundle.
        to: String,
    },
    /// A kubelet newer than the API server.
    #[error("the bundle has Kubernetes {to}, the API server runs {server}: a kubelet must not be newer")]
    KubeletNewer {
        /// Version of the API server.
        server: String,
        /// Version in the bundle.
        to: String,
    },
    /// A kubelet too old for the API server.
    #[error(
        "the bundle has Kubernetes {to}, the API server runs {server}: a kubelet is at most 3 minor versions older"
    )]
    KubeletOlder {
        /// Version of the API server.
        server: String,
        /// Version in the bundle.
        to: String,
    },
}

impl Skew {
    /// Returns the remedy.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Skew::Malformed(_) => "the bundle was made by something else than `ironhull bundle create`",
            Skew::Down { .. } => "to go back, use rollback while the older generation is in the other slot",
            Skew::Skips { .. } => "upgrade to a release with the minor version in between first",
            Skew::KubeletNewer { .. } => "upgrade the controllers first",
            Skew::KubeletOlder { .. } => "use a newer release",
        }
    }
}

impl Minor {
    /// Parses a version such as `1.36.3`, with or without a leading `v`. Everything after the minor version
    /// is ignored.
    ///
    /// # Errors
    /// [`Skew::Malformed`] if major or minor version is missing or not a number.
    pub fn parse(version: &str) -> Result<Minor, Skew> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() <= 4);
        let mut parts = version.strip_prefix('v').unwrap_or(version).splitn(3, '.').map(number);
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) => Ok(Minor { major, minor }),
            _ => Err(Skew::Malformed(version.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Checks an upgrade of a control plane from version `from` to version `to`.
///
/// # Errors
/// [`Skew::Down`] if the minor version is older, [`Skew::Skips`] if it is more than one newer or the major
/// version differs, [`Skew::Malformed`] if one of the two can't be parsed.
pub fn check_control_plane(from: &str, to: &str) -> Result<(), Skew> {
    let (old, new) = (Minor::parse(from)?, Minor::parse(to)?);
    let both = || (from.to_owned(), to.to_owned());
    if new < old {
        let (from, to) = both();
        return Err(Skew::Down { from, to });
    }
    if new.major != old.major || new.minor > old.minor + 1 {
        let (from, to) = both();
        return Err(Skew::Skips { from, to });
    }
    Ok(())
}

/// Checks a kubelet of version `to` against its API server of version `server`.
///
/// # Errors
/// [`Skew::KubeletNewer`] if the kubelet has a newer minor version, [`Skew::KubeletOlder`] if one that is
/// more than three older, [`Skew::Malformed`] if one of the two can't be parsed.
pub fn check_kubelet(server: &str, to: &str) -> Result<(), Skew> {
    let (of_server, new) = (Minor::parse(server)?, Minor::parse(to)?);
    let (server, to) = (server.to_owned(), to.to_owned());
    if new > of_server {
        return Err(Skew::KubeletNewer { server, to });
    }
    if new.major != of_server.major || new.minor + MAX_KUBELET_AGE < of_server.minor {
        return Err(Skew::KubeletOlder { server, to });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_plane_goes_up_one_minor_version_at_a_time() {
        for (from, to) in
            [("1.36.3", "1.36.4"), ("1.36.3", "1.36.1"), ("v1.36.3", "1.37.0"), ("1.36.3", "1.36.3")]
        {
            assert_eq!(check_control_plane(from, to), Ok(()), "{from} to {to}");
        }
        assert!(matches!(check_control_plane("1.36.3", "1.35.9"), Err(Skew::Down { .. })));
        assert!(matches!(check_control_plane("1.36.3", "1.38.0"), Err(Skew::Skips { .. })));
        assert!(matches!(check_control_plane("1.36.3", "2.0.0"), Err(Skew::Skips { .. })));
    }

    #[test]
    fn a_kubelet_is_between_its_server_and_three_versions_before() {
        for to in ["1.36.9", "1.35.0", "1.33.0"] {
            assert_eq!(check_kubelet("1.36.3", to), Ok(()), "{to}");
        }
        assert!(matches!(check_kubelet("1.36.3", "1.37.0"), Err(Skew::KubeletNewer { .. })));
        assert!(matches!(check_kubelet("1.36.3", "1.32.9"), Err(Skew::KubeletOlder { .. })));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for bad in ["", "1", "1.", "a.b.c", "1.36x", "1.99999.0", "-1.2.3"] {
            assert!(matches!(Minor::parse(bad), Err(Skew::Malformed(_))), "{bad}");
        }
        assert_eq!(Minor::parse("v1.36.3-rc.0+x").unwrap().to_string(), "1.36");
    }
}
