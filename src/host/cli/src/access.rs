//! How a node is reached: an address, or the name of a machine on this host.

use std::path::{Path, PathBuf};

use anyhow::Result;
use api::Client;
use vm::{Machine, MachineDir, VmError};

use crate::cmdline::Access;
use crate::credentials;
use crate::hint::hinted;

/// Port of the Kubernetes API on a node.
pub const KUBERNETES_PORT: u16 = 6443;

/// A node, with a client for it.
#[derive(Debug)]
pub struct Reached {
    /// A client of the node API.
    pub client: Client,
    /// URL of the Kubernetes API as seen from this host, if known.
    pub kubernetes: Option<String>,
}

/// Prepares a client; sends nothing yet.
pub fn reach(access: &Access) -> Result<Reached> {
    match local_machine(&access.address) {
        Some(dir) => reach_machine(&dir, access.credentials.as_deref()),
        None => {
            let dir = access.credentials.clone().unwrap_or_else(|| PathBuf::from("."));
            let credentials = credentials::load(&dir).map_err(|e| match access.credentials {
                Some(_) => e,
                None => not_a_machine(&access.address, &e),
            })?;
            let client = Client::new(&access.address, &credentials)?;
            Ok(Reached { client, kubernetes: None })
        }
    }
}

/// Adds that no machine has this name, if the user may have meant one; otherwise only missing credentials
/// would be reported.
fn not_a_machine(name: &str, why: &anyhow::Error) -> anyhow::Error {
    let machines = match MachineDir::all() {
        machines if machines.is_empty() => "there is no machine on this host".to_owned(),
        machines => format!("machines on this host: {}", machines.join(", ")),
    };
    hinted(
        format!("{name:?} is not a machine on this host, and an address needs credentials: {why}"),
        format!(
            "{machines}; for an address, --credentials takes the directory that `ironhull config init` made"
        ),
    )
}

/// Returns the address of the node API, without any credentials.
pub fn address(access: &Access) -> Result<String> {
    local_machine(&access.address).map_or_else(|| Ok(access.address.clone()), |dir| forwarded(&dir))
}

/// Returns the address of a running machine's node API.
fn forwarded(dir: &MachineDir) -> Result<String> {
    let state = dir.load()?;
    if Machine::new(dir.clone()).pid().is_none() {
        return Err(VmError::NotRunning(dir.name().to_owned()).into());
    }
    let port = state.ports.iter().find(|p| p.guest == api::PORT).map(|p| p.host);
    let port = port.ok_or_else(|| {
        hinted(format!("machine {:?} forwards no node API", dir.name()), "start it with `ironhull run`")
    })?;
    Ok(format!("127.0.0.1:{port}"))
}

/// Prepares a client for a machine on this host.
pub fn reach_machine(dir: &MachineDir, given: Option<&Path>) -> Result<Reached> {
    let address = forwarded(dir)?;
    let credentials = credentials::load(given.unwrap_or(dir.path()))?;
    let client = Client::new(&address, &credentials)?;
    let kubernetes = dir.load()?.ports.into_iter().find(|p| p.guest == KUBERNETES_PORT);
    let kubernetes = kubernetes.map(|p| format!("https://127.0.0.1:{}", p.host));
    Ok(Reached { client, kubernetes })
}

/// Returns the directory of the machine of this name, if there is one.
fn local_machine(name: &str) -> Option<MachineDir> {
    // What can't be the name of a machine is an address.
    MachineDir::named(name).ok().filter(MachineDir::exists)
}
