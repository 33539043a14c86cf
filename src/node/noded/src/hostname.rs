//! The node's name: from its config, from what the machine says about itself, or from DHCP.
//!
//! The name is that of the Kubernetes node and in its certificates, so it must stay: one that DHCP gave is kept with the
//! config, and counts until the config names another one.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use config::hostname::{FALLBACK, Placeholder, fill, is_template};
use config::user_data::with_hostname;
use net::{Network, NetworkState, UNNAMED};

use crate::back_off::BackOff;
use crate::config_source::{self, Accepted};
use crate::console;

/// Where Linux shows what the firmware says.
const DMI: &str = "/sys/class/dmi/id";
/// Serial numbers of machines whose maker has given none: several have the same. In lower case.
const NO_SERIALS: [&str; 8] = [
    "0",
    "0123456789",
    "default string",
    "none",
    "not specified",
    "system serial number",
    "to be filled by o.e.m.",
    "unknown",
];
/// cloud-init's string in place of a serial number.
const CLOUD_INIT: &str = "ds=nocloud";
/// How long a name from DHCP is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The name of a machine without any link.
const LAST: &str = "node";

/// Checks that a name can be made of `template` on this machine.
///
/// # Errors
/// If the machine does not have what a placeholder stands for, or the name would be none.
pub fn check(template: &str) -> Result<()> {
    match is_template(template) {
        true => filled(template).map(drop),
        false => Ok(()),
    }
}

/// Makes the name of a config final. Without any, the network is brought up to ask DHCP, as the config wants it, and
/// returned.
pub fn settle<T>(accepted: &mut Accepted<T>, mut network: Option<Network>) -> Option<Network> {
    let own = accepted.documents.node.hostname.clone();
    let name = match own.as_str() {
        "" => config_source::kept_hostname(Path::new("/")).unwrap_or_else(|| {
            let wanted = &accepted.documents.node.network;
            let started = start(network.take(), wanted);
            let name = from_network(&started);
            network = Some(started);
            name
        }),
        // It was checked with the config.
        template => filled(template).unwrap_or_else(|_| LAST.to_owned()),
    };
    if own.is_empty() {
        console::announce(&format!("ironhull: the host name is {name}"));
        accepted.given = accepted.given.take().map(|text| with_hostname(&text, &name).unwrap_or(text));
    }
    accepted.documents.node.hostname = name;
    network
}

/// Starts the network, or makes of a provisional one what the config wants.
fn start(provisional: Option<Network>, wanted: &config::NodeNetwork) -> Network {
    let mut pauses = BackOff::new(Duration::from_millis(100), Duration::from_secs(10));
    loop {
        let started = match &provisional {
            Some(network) => network.restart(UNNAMED, wanted).map(|()| network.clone()),
            None => Network::start(UNNAMED, wanted),
        };
        match started {
            Ok(network) => return network,
            Err(e) => eprintln!("noded: starting the network to learn the host name: {e}"),
        }
        pauses.sleep();
    }
}

/// Waits for a name from DHCP; without one the name is made of a hardware address.
fn from_network(network: &Network) -> String {
    let (mut seen, began) = (0, Instant::now());
    loop {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let state = network.state();
        if let Some(name) = given(&state) {
            return name;
        }
        if state.complete || left.is_zero() {
            return filled(FALLBACK).unwrap_or_else(|_| LAST.to_owned());
        }
        seen = network.wait(seen, left);
    }
}

/// Returns the name that DHCP gives, if a node can have it: its first label, in lower case.
fn given(state: &NetworkState) -> Option<String> {
    let label = state.hostname.as_ref()?.split('.').next()?.to_ascii_lowercase();
    fill(&label, |_| None).ok().filter(|name| name != UNNAMED)
}

/// Fills in what this machine says about itself.
fn filled(template: &str) -> Result<String> {
    let value = |placeholder| match placeholder {
        Placeholder::Serial => dmi("product_serial").filter(|serial| is_serial(serial)),
        Placeholder::Uuid => dmi("product_uuid"),
        Placeholder::Mac => mac(),
    };
    fill(template, value)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("making the host name of {template:?}"))
}

fn dmi(name: &str) -> Option<String> {
    Some(fs::read_to_string(Path::new(DMI).join(name)).ok()?.trim().to_owned())
}

fn is_serial(serial: &str) -> bool {
    !serial.starts_with(CLOUD_INIT) && !NO_SERIALS.contains(&serial.to_ascii_lowercase().as_str())
}

/// Returns the hardware address of the first physical link by name.
fn mac() -> Option<String> {
    let (first, _) = net::survey().ok()?.into_iter().next()?;
    Some(first.hardware_address.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_dhcp_is_taken_if_a_node_can_have_it() {
        for (told, expected) in [
            (Some("Node7.lan"), Some("node7")),
            (Some("a_b"), None),
            (Some("localhost"), None),
            (Some(""), None),
            (None, None),
        ] {
            let state = NetworkState { hostname: told.map(str::to_owned), ..NetworkState::default() };
            assert_eq!(given(&state).as_deref(), expected, "{told:?}");
        }
    }

    #[test]
    fn what_makers_write_instead_of_a_serial_number_names_no_machine() {
        for bad in ["To be filled by O.E.M.", "Default string", "ds=nocloud;s=http://x/", "0"] {
            assert!(!is_serial(bad), "{bad}");
        }
        assert!(is_serial("VMware-56 4d 01"));
        assert!(check("node-1").is_ok());
    }
}
