//! Links made of others against a real kernel: a bridge, and where the kernel has them a bond and a virtual LAN, over veth
//! pairs. `ip` says what the kernel was told.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod lab;

use config::{Bond, Bridge, BridgeParameters, Ethernet, NodeNetwork, Vlan};
use lab::{cidr, has_line, ip, isolated, link_to_a_server, only, serve, stop, wait_until};
use net::Network;

/// Whether this kernel makes links of a kind; says so if it does not.
fn kernel_has(kind: &str) -> bool {
    let words = ["link", "add", "trial", "type", kind];
    let words = if kind == "vlan" {
        [&words[..2], &["link", "lo"], &words[2..], &["id", "1"]].concat()
    } else {
        words.into()
    };
    let made = judges::find("ip").unwrap().command().args(words).output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    if said.contains("Unknown device type") {
        judges::missing(&format!("links of type {kind} in this kernel"));
        return false;
    }
    assert!(made.status.success(), "{said}");
    ip("link delete trial");
    true
}

fn ports(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn dhcp() -> Ethernet {
    Ethernet { dhcp4: true, ..Ethernet::default() }
}

fn only_ports(names: &[&str]) -> NodeNetwork {
    let ethernets = names.iter().map(|name| ((*name).to_owned(), Ethernet::default())).collect();
    NodeNetwork { ethernets, ..NodeNetwork::default() }
}

#[test]
fn a_bridge_gets_an_address_through_its_port_and_goes_with_the_config() {
    if !isolated("a_bridge_gets_an_address_through_its_port_and_goes_with_the_config")
        || !kernel_has("bridge")
    {
        return;
    }
    link_to_a_server();
    ip("link add cni0 type bridge");
    let mut server = serve(&[]);
    let mut config = only_ports(&["eth0"]);
    let parameters = BridgeParameters { stp: false, ..BridgeParameters::default() };
    config.bridges.insert("br0".into(), Bridge { interfaces: ports(&["eth0"]), parameters, link: dhcp() });
    let network = Network::start("node1", &config).unwrap();
    let state = wait_until(&network, |s| s.complete);
    assert!(cidr("10.9.0.0/24").contains(state.addresses[0].address()), "{state:?}");
    has_line(&ip("-4 address show dev br0"), "inet 10.9.0.");
    assert!(ip("link show dev eth0").contains("master br0"), "{}", ip("link show dev eth0"));
    assert!(ip("-d link show dev br0").contains("stp_state 0"), "{}", ip("-d link show dev br0"));

    // The same again changes nothing: the bridge keeps its number.
    let number = ip("-o link show dev br0");
    network.apply(&config);
    wait_until(&network, |s| s.complete);
    assert_eq!(number.split(':').next(), ip("-o link show dev br0").split(':').next());

    network.apply(&only("eth0", dhcp()));
    wait_until(&network, |_| ip("-4 address show dev eth0").contains("inet 10.9.0."));
    assert!(!ip("link show").contains("br0"), "{}", ip("link show"));
    assert!(ip("link show").contains("cni0"), "the bridge of another program was removed");
    stop(&mut server);
}

#[test]
fn a_name_that_another_program_has_taken_is_told() {
    if !isolated("a_name_that_another_program_has_taken_is_told") || !kernel_has("bridge") {
        return;
    }
    link_to_a_server();
    ip("link add br0 type bridge");
    let mut config = only_ports(&["eth0"]);
    config
        .bridges
        .insert("br0".into(), Bridge { interfaces: ports(&["eth0"]), link: dhcp(), ..Bridge::default() });
    let network = Network::start("node1", &config).unwrap();
    let state = wait_until(&network, |s| !s.problems.is_empty());
    assert_eq!(state.problems, ["network.bridges.br0: there is a link of this name that was not made here"]);
    ip("link delete br0");
    wait_until(&network, |s| s.problems.is_empty());
    assert!(ip("link show dev eth0").contains("master br0"));
}

#[test]
fn a_bond_of_two_links_carries_a_virtual_lan() {
    if !isolated("a_bond_of_two_links_carries_a_virtual_lan") {
        return;
    }
    if !kernel_has("bond") || !kernel_has("vlan") {
        return;
    }
    link_to_a_server();
    ip("link add eth1 type veth peer name other");
    ip("link set other up");
    let mut config = only_ports(&["eth0", "eth1"]);
    config.bonds.insert("bond0".into(), Bond { interfaces: ports(&["eth0", "eth1"]), ..Bond::default() });
    let link = Ethernet { addresses: vec![cidr("10.5.0.5/24")], ..Ethernet::default() };
    config.vlans.insert("lan5".into(), Vlan { id: 5, below: "bond0".into(), link });
    let network = Network::start("node1", &config).unwrap();
    wait_until(&network, |s| s.complete);
    let bond = ip("-d link show dev bond0");
    assert!(bond.contains("mode active-backup") && bond.contains("miimon 100"), "{bond}");
    for port in ["eth0", "eth1"] {
        assert!(ip(&format!("link show dev {port}")).contains("master bond0"));
    }
    has_line(&ip("-4 address show dev lan5"), "inet 10.5.0.5/24");
    assert!(ip("-d link show dev lan5").contains("vlan protocol 802.1Q id 5"));
    network.apply(&only_ports(&["eth0"]));
    wait_until(&network, |_| !ip("link show").contains("bond0"));
    assert!(!ip("link show").contains("lan5"));
}
