//! Sources that need a network: a URL that the machine was given, and the metadata services of platforms.
//!
//! The firmware says on which platform the machine is, so only the service of that one is asked: an address that nobody
//! answers at would cost its time limit. A source that does not answer is passed over with the reason, and asked again
//! at the next search; user-data that can't be used ends the search, as elsewhere.

mod seed_url;
mod service;
#[cfg(test)]
mod tests;

use config::user_data::Part;

use crate::error::Error;
use crate::found::Search;
use crate::machine::Machine;
use crate::sources::Answer;
use crate::web::{Ask, Web};

/// Searches the sources that need a network, in order; a machine without one has nothing.
///
/// # Errors
/// [`Error`] if a source has something that can't be user-data. A server that does not answer is no error.
pub fn find_online(machine: &Machine) -> Result<Search, Error> {
    let mut search = Search::default();
    let Some(web) = machine.web() else { return Ok(search) };
    for find in [seed_url::find, service::find] {
        let Some((source, answer)) = find(machine, web)? else { continue };
        let answer = match answer {
            Err(e @ Error::Web { .. }) => Answer::Nothing(e.to_string()),
            other => other?,
        };
        if search.take((source, false), answer) {
            break;
        }
    }
    Ok(search)
}

/// Asks for one part of a seed; `None` if the server has none, or only white space.
fn part(web: &Web, ask: &Ask<'_>) -> Result<Option<Part>, Error> {
    let bytes = web.ask(ask)?.filter(|bytes| !bytes.iter().all(u8::is_ascii_whitespace));
    Ok(bytes.map(|bytes| Part { label: ask.url.to_string(), bytes }))
}

/// What one source answers: its name, and what it has; `None` if the machine does not have it.
type Asked = Result<Option<(&'static str, Result<Answer, Error>)>, Error>;
