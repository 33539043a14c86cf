//! The trait of a source.

use std::fmt::Debug;

use config::user_data::{Beside, Seed};

use crate::error::Error;
use crate::machine::Machine;

/// What a source answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has user-data.
    Found(Seed),
    /// It has none, but what usually is beside it; the text is as for [`Answer::Nothing`].
    Beside(Beside, String),
    /// It has none; the text says what was looked for, and what was there instead.
    Nothing(String),
}

/// A source of user-data.
pub trait Source: Debug {
    /// Name in messages and in the node's status.
    fn name(&self) -> &'static str;

    /// Whether its user-data is on a disk, which others than the machine's owner may be able to write.
    fn is_on_disk(&self) -> bool {
        false
    }

    /// Looks for user-data on a machine.
    ///
    /// # Errors
    /// [`Error`] if there is user-data that can't be read or used.
    fn find(&self, machine: &Machine) -> Result<Answer, Error>;
}
