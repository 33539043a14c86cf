//! Sources that need a network: a URL that the machine was given, and the metadata services of platforms.
//!
//! The firmware says on which platform the machine is, so only the service of that one is asked: an address that nobody
//! answers at would cost its time limit. A source that does not answer is passed over with the reason, and asked again
//! at the next search; user-data that can't be used ends the search, as elsewhere.

mod seed_url;
mod service;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::found::{Found, PassedOver, Search};
use crate::machine::Machine;
use crate::sources::Answer;

/// Searches the sources that need a network, in order; a machine without one has nothing.
///
/// # Errors
/// [`Error`] if a source has something that can't be user-data. A server that does not answer is no error.
pub fn find_online(machine: &Machine) -> Result<Search, Error> {
    let mut search = Search { found: None, beside: None, passed_over: Vec::new() };
    let Some(web) = machine.web() else { return Ok(search) };
    for find in [seed_url::find, service::find] {
        let Some((source, answer)) = find(machine, web)? else { continue };
        let reason = match answer {
            Ok(Answer::Found(seed)) => {
                search.found = Some(Found { source, on_disk: false, seed });
                return Ok(search);
            }
            Ok(Answer::Beside(beside, reason)) => {
                search.beside.get_or_insert(beside);
                reason
            }
            Ok(Answer::Nothing(reason)) => reason,
            Err(e @ Error::Web { .. }) => e.to_string(),
            Err(e) => return Err(e),
        };
        search.passed_over.push(PassedOver { source, reason });
    }
    Ok(search)
}

/// What one source answers: its name, and what it has; `None` if the machine does not have it.
type Asked = Result<Option<(&'static str, Result<Answer, Error>)>, Error>;
