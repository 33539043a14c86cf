//! The facts about a certificate for the node's status.

use std::fmt;

/// A certificate in the node's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Name, such as `apiserver/server`.
    pub name: String,
    /// End of its validity, in seconds since 1970.
    pub not_after_secs: u64,
    /// When it will be renewed, in seconds since 1970; an authority keeps its key then.
    pub renew_at_secs: u64,
    /// Why it was renewed just now; `None` if it was kept.
    pub issued: Option<Reason>,
}

/// Why a certificate was renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There was none, or it could not be parsed.
    Missing,
    /// It did not belong to its key.
    Key,
    /// It was issued by another authority.
    Authority,
    /// Its subject, names, addresses or usage had changed.
    Contents,
    /// Two thirds of its validity were over.
    Age,
    /// It was not valid yet, or ended too late: the clock was set back.
    Clock,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Missing => "there was none",
            Reason::Key => "its key did not match",
            Reason::Authority => "its authority changed",
            Reason::Contents => "names or addresses changed",
            Reason::Age => "two thirds of its life were over",
            Reason::Clock => "the clock was ahead when it was made",
        })
    }
}
