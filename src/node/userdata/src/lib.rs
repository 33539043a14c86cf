//! Finds the user-data of a node: its config documents.
//!
//! Sources are asked in the order of [`sources()`]; the first that has something wins. Only bytes are found here;
//! `config` unpacks and parses them. The node decides where to keep an accepted text and what to do without one.
//! All of these sources work without a network; those that need one are asked by [`find_online`]. A search of the former
//! ends in bounded time, whatever the disks do.
#![forbid(unsafe_code)]

mod devices;
mod error;
mod found;
mod guest_info;
mod machine;
mod online;
mod reader;
mod sources;
mod web;

pub use error::Error;
pub use found::{Found, PassedOver, Search};
pub use machine::Machine;
pub use online::find_online;
pub use sources::{Answer, Source, all as sources};
pub use web::Web;

/// Maximum length in bytes of each file that is read.
pub const MAX_BYTES: usize = config::MAX_BYTES;

/// Searches all sources of a machine in order.
///
/// # Errors
/// [`Error`] of the first source whose user-data can't be read. The search ends there: what the operator
/// provided is never ignored in favour of another source.
pub fn find(machine: &Machine) -> Result<Search, Error> {
    ask(machine, sources::all().into_iter())
}

/// Like [`find`], but asks only the sources that are no disks.
///
/// # Errors
/// As of [`find`].
pub fn find_beside_disks(machine: &Machine) -> Result<Search, Error> {
    ask(machine, sources::all().into_iter().filter(|source| !source.is_on_disk()))
}

/// Asks sources in order.
fn ask(machine: &Machine, sources: impl Iterator<Item = &'static dyn Source>) -> Result<Search, Error> {
    let mut search = Search::default();
    for source in sources {
        if search.take((source.name(), source.is_on_disk()), source.find(machine)?) {
            break;
        }
    }
    search.not_searched = machine.not_searched();
    Ok(search)
}
