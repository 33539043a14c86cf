//! The result of a search.

use config::user_data::{Beside, Seed};

use crate::sources::Answer;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The user-data; `None` if no source has any.
    pub found: Option<Found>,
    /// What the first disk that has something has beside user-data, if it has no user-data itself.
    pub beside: Option<Beside>,
    /// The sources that were asked before, or all if there is no user-data; in the order in which they were asked.
    pub passed_over: Vec<PassedOver>,
    /// The devices that were not searched, as they do not answer, a line each.
    pub not_searched: Vec<String>,
}

impl Search {
    /// Takes what a source answers, and whether it is a disk; returns whether it has user-data, which ends the search.
    pub(crate) fn take(&mut self, (source, on_disk): (&'static str, bool), answer: Answer) -> bool {
        let reason = match answer {
            Answer::Found(seed) => {
                self.found = Some(Found { source, on_disk, seed });
                return true;
            }
            Answer::Beside(here, reason) => {
                self.beside.get_or_insert(here);
                reason
            }
            Answer::Nothing(reason) => reason,
        };
        self.passed_over.push(PassedOver { source, reason });
        false
    }
}
