//! PID 1 of the guest in which the real kernel makes a bond with a virtual LAN over it, as a config says: prints what the
//! kernel then has of them, takes both out of the config, prints again, powers off.
//!
//! Errors are printed as `BOND-FAILED`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use config::{Bond, Ethernet, NodeNetwork, Vlan};
use e2e::guest;
use net::{Network, NetworkState};
use sys::MountFlags;

/// How often the network may report a change before what is waited for is there.
const MAX_CHANGES: usize = 20;
/// How long a change is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() {
    guest::end("BOND", &run());
}

/// Makes both, shows them, removes them.
fn run() -> Result<()> {
    for kind in ["proc", "sysfs"] {
        let at = Path::new("/").join(kind.trim_end_matches("fs"));
        sys::mount((kind, kind), &at, MountFlags::empty(), "")?;
    }
    let without = NodeNetwork {
        ethernets: ["eth0", "eth1"].map(|name| (name.to_owned(), Ethernet::default())).into(),
        ..NodeNetwork::default()
    };
    let mut config = without.clone();
    let interfaces = vec!["eth0".to_owned(), "eth1".to_owned()];
    config.bonds.insert("bond0".into(), Bond { interfaces, ..Bond::default() });
    let link = Ethernet {
        addresses: vec!["10.5.0.5/24".parse().ok().context("an address")?],
        ..Ethernet::default()
    };
    config.vlans.insert("lan5".into(), Vlan { id: 5, below: "bond0".into(), link });

    let network = Network::start("node1", &config)?;
    let state = wait(&network, |state| state.complete)?;
    let addresses: Vec<_> = state.addresses.iter().map(ToString::to_string).collect();
    println!("made addresses: {}", addresses.join(" "));
    for file in ["mode", "miimon", "slaves"] {
        println!("made {file}: {}", read(&Path::new("/sys/class/net/bond0/bonding").join(file))?);
    }
    // Two lines of titles, then `lan5 | 5 | bond0`.
    let lans = read(Path::new("/proc/net/vlan/config"))?;
    let words: Vec<_> =
        lans.lines().skip(2).flat_map(|l| l.split(['|', ' '])).filter(|w| !w.is_empty()).collect();
    println!("made vlan: {}", words.join(" "));

    network.apply(&without);
    wait(&network, |_| links().is_ok_and(|links| !links.contains(&"bond0".to_owned())))?;
    let ours: Vec<_> = links()?
        .into_iter()
        .filter(|link| ["bond", "lan", "eth"].iter().any(|own| link.starts_with(own)))
        .collect();
    println!("gone links: {}", ours.join(" "));
    let master = Path::new("/sys/class/net/eth0/master");
    println!(
        "gone eth0/master: {}",
        fs::read_link(master).map_or("none".into(), |to| to.display().to_string())
    );
    Ok(())
}

/// Waits until `reached` says so.
fn wait(network: &Network, reached: impl Fn(&NetworkState) -> bool) -> Result<NetworkState> {
    let mut seen = 0;
    for _ in 0..MAX_CHANGES {
        let state = network.state();
        if reached(&state) {
            return Ok(state);
        }
        seen = network.wait(seen, PATIENCE);
    }
    let state = network.state();
    ensure!(reached(&state), "still {state:?}");
    Ok(state)
}

/// The names of the links that the kernel has, sorted.
fn links() -> Result<Vec<String>> {
    let entries = fs::read_dir("/sys/class/net")?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Reads a file of the kernel, without the end of its last line.
fn read(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.trim_end().to_owned())
}
