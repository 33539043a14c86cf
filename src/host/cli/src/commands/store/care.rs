//! `ironhull node ADDRESS etcd defrag|disarm`: orders that give etcd room again, which may take minutes.

use std::thread::sleep;

use anyhow::{Result, bail};
use api::{Client, StoreOrder};

use crate::cmdline::Global;
use crate::commands::upgrade::PAUSE;
use crate::output;

/// Gives the order and waits for its result.
pub(super) fn run(global: &Global, client: &Client, order: StoreOrder) -> Result<()> {
    let mut care = client.care_for_store(order)?;
    while care.running {
        sleep(PAUSE);
        care = client.store_care()?;
    }
    if care.order != Some(order) {
        bail!("the node has lost the order: it was restarted meanwhile, or somebody else gave another one");
    }
    if let Some(error) = &care.error {
        bail!("{error}");
    }
    output::result(global.json, &care, |c| c.result.clone().unwrap_or_default() + "\n")
}
