//! The result of a search.

use config::user_data::{Beside, Seed};

/// User-data, and the source it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Name of the source, such as `nocloud`.
    pub source: &'static str,
    /// Whether the source is a disk, which others than the machine's owner may be able to write.
    pub on_disk: bool,
    /// What the source has.
    pub seed: Seed,
}

/// A source that has nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Name of the source.
    pub source: &'static str,
    /// What was looked for, and what was there instead.
    pub reason: String,
}

/// The result of a search without an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The user-data; `None` if no source has any.
    pub found: Option<Found>,
    /// What the first disk that has something has beside user-data, if it has no user-data itself.
    pub beside: Option<Beside>,
    /// The sources that were asked before, or all if there is no user-data; in the order in which they were asked.
    pub passed_over: Vec<PassedOver>,
}
