//! An exchange: other data comes in place of the store's, and the rest of the state stays. What was there becomes a
//! snapshot of the kind [`Kind::Store`], which restores the same part.
//!
//! The data that comes is made in a draft, which a cut leaves as nothing that anybody needs; from the moment it is whole
//! it is a snapshot itself, and moves as in every restore. Not here: who makes it, and that nothing uses the store
//! meanwhile.

use std::path::PathBuf;

use crate::copy::tree_bytes;
use crate::decide::{STORES, name, next_number};
use crate::error::StateError;
use crate::ledger::{Cause, Data, Facts, Kind, Ledger, Outcome, Standing};
use crate::store::{DRAFT, MAX_SNAPSHOTS, Store};

/// Data of a store in the making.
#[derive(Debug)]
pub struct Incoming {
    id: String,
    number: u32,
    part: String,
    /// The empty directory in which it is made.
    pub directory: PathBuf,
}

impl Store {
    /// Makes the directory in which data for `part`, `etcd` or `kine`, can be made. One at a time: a former one that
    /// did not come in is removed.
    ///
    /// # Errors
    /// [`StateError::Empty`]; [`StateError::Order`] if a restore is ordered or under way, or there are too many
    /// snapshots; otherwise the first failure. At most a draft is left behind.
    pub fn make_incoming(&self, part: &str) -> Result<Incoming, StateError> {
        let ledger = self.load()?.ok_or(StateError::Empty)?;
        let refused = |why: &str| Err(StateError::Order(why.to_owned()));
        if !STORES.contains(&part) {
            return refused("expected etcd or kine");
        }
        if let Some(id) = &ledger.order {
            return refused(&format!("the restore of {id} at the next boot is ordered: cancel it first"));
        }
        if ledger.moving.is_some() {
            return refused("a restore is under way");
        }
        let snapshots = self.snapshots()?;
        if snapshots.len() >= MAX_SNAPSHOTS {
            let (count, most) = (snapshots.len(), MAX_SNAPSHOTS);
            return refused(&format!(
                "there are {count} snapshots, expected fewer than {most}: remove one first"
            ));
        }
        self.clean()?;
        let number = next_number(&ledger, &snapshots);
        let id = name(ledger.data.generation, number);
        let directory = self.snapshot(&(id.clone() + DRAFT)).join(part);
        self.make_directory(&directory)?;
        Ok(Incoming { id, number, part: part.to_owned(), directory })
    }

    /// Removes `incoming`, which did not become whole.
    ///
    /// # Errors
    /// [`StateError::Disk`]; what is left then is removed by the next [`Store::prepare`].
    pub fn discard(&self, incoming: &Incoming) -> Result<(), StateError> {
        self.remove_directory(&self.snapshot(&(incoming.id.clone() + DRAFT)))
    }

    /// Exchanges the store's data for `incoming`, which is on the disk completely. Nothing may use it meanwhile.
    /// Returns the name of the snapshot that what was there became.
    ///
    /// # Errors
    /// The first failure. Either nothing has changed, or the exchange is under way: then the next
    /// [`Store::prepare`] ends it, and nothing may use the data before.
    pub fn exchange(&self, incoming: &Incoming) -> Result<String, StateError> {
        let ledger = self.load()?.ok_or(StateError::Empty)?;
        let draft = self.snapshot(&(incoming.id.clone() + DRAFT));
        let facts = Facts {
            // It may hold anything, so it is as precious as what a blessed generation wrote.
            data: Data { standing: Standing::Blessed, ..ledger.data.clone() },
            kind: Kind::Store,
            number: incoming.number,
            bytes: tree_bytes(&incoming.directory),
            directories: vec![incoming.part.clone()],
        };
        self.write_facts(&draft, &facts)?;
        self.sync(&draft)?;
        self.rename(&draft, &self.snapshot(&incoming.id))?;
        self.sync(&self.folder())?;
        self.begin_restore(&ledger, (&incoming.id, &facts, Cause::Ordered), &self.snapshots()?)?;
        let begun: Ledger = self.load()?.ok_or(StateError::Empty)?;
        match self.finish_restore(&begun)? {
            Some(Outcome::Exchanged { aside } | Outcome::Brought { aside, .. }) => Ok(aside),
            _ => Ok(String::new()),
        }
    }
}
