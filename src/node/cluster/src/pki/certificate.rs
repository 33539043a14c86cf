//! The facts about a certificate that are reported.

use std::fmt;

/// One certificate, for the node's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Name, such as `apiserver/server`.
    pub name: String,
    /// Seconds since 1970 when it ends.
    pub not_after_secs: u64,
    /// Seconds since 1970 when it is due for renewal; an authority keeps its key.
    pub renew_at_secs: u64,
    /// Why it was just renewed; `None` if it was kept.
    pub issued: Option<Reason>,
}

/// Why a certificate was renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There was none, or none that could be read.
    Missing,
    /// Its key was not its key.
    Key,
    /// Another authority had issued it.
    Authority,
    /// Its subject, names, addresses or usage had changed.
    Contents,
    /// Two thirds of its life were over.
    Age,
    /// It was not valid yet, or ended too late: the clock went back.
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
