//! The care of etcd: orders that give a database room again. One at a time, on a thread of its own, since defragmenting
//! takes as long as copying the database; whoever ordered it asks for the result.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use api::{StoreCare, StoreOrder};
use config::StorageKind;

use super::program::Program;
use crate::node::Node;
use crate::thread::spawn;
use crate::upgrade::Refused;

/// Longest result that is kept.
const MAX_RESULT_CHARS: usize = 500;

/// The last order, and what came of it.
#[derive(Debug)]
pub struct Care {
    node: Arc<Node>,
    last: Arc<Mutex<StoreCare>>,
}

impl Care {
    /// The care of a node's store; nothing was ordered yet.
    pub fn new(node: Arc<Node>) -> Care {
        Care { node, last: Arc::default() }
    }

    /// Returns the last order and its result.
    pub fn status(&self) -> StoreCare {
        lock(&self.last).clone()
    }

    /// Begins to carry an order out.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if the store is not etcd, was not started yet, or the last order is not done.
    pub fn begin(&self, order: StoreOrder) -> Result<StoreCare, Refused> {
        if self.node.documents.cluster.spec.storage.kind != StorageKind::Etcd {
            let hint = "kine gives room back by itself when it starts";
            return Err(Refused::conflict("the store of this node is kine, which has no such order", hint));
        }
        let mut last = lock(&self.last);
        if last.running {
            return Err(Refused::conflict("another order is being carried out", "wait for it"));
        }
        let program = Program::of(&self.node).ok_or_else(|| {
            Refused::conflict(
                "the store was not started yet",
                "the status of the node shows what it waits for",
            )
        })?;
        *last = StoreCare { order: Some(order), running: true, ..StoreCare::default() };
        let done = Arc::clone(&self.last);
        let started = spawn("store-care", move || finish(&done, run(&program, order)));
        if let Err(e) = started {
            last.running = false;
            return Err(Refused::Failed(e));
        }
        Ok(last.clone())
    }
}

/// Records what came of an order.
fn finish(last: &Mutex<StoreCare>, result: Result<String>) {
    let mut last = lock(last);
    last.running = false;
    match result {
        Ok(text) => last.result = Some(text),
        Err(error) => {
            let told = api::one_line(error.chain().map(ToString::to_string));
            eprintln!("noded: {told}");
            last.error = Some(told);
        }
    }
}

/// Carries an order out; returns its result, one line.
fn run(program: &Program, order: StoreOrder) -> Result<String> {
    let name = match order {
        StoreOrder::Defrag => "defrag",
        StoreOrder::Disarm => "disarm",
    };
    let text = String::from_utf8(program.run(name, &[])?)
        .with_context(|| format!("reading the result of {name}"))?;
    Ok(text.trim().chars().take(MAX_RESULT_CHARS).collect())
}

fn lock(last: &Mutex<StoreCare>) -> MutexGuard<'_, StoreCare> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}
