//! A bridge made of another link against a real kernel, over a veth pair. `ip` says what the kernel was told. Bonds and
//! virtual LANs, which few kernels of test machines have, are made in a guest of our own kernel (`tests/e2e/bond.rs`).
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod lab;

use config::{Bridge, BridgeParameters, Ethernet, NodeNetwork};
use lab::{cidr, has_line, ip, isolated, link_to_a_server, only, serve, stop, wait_until};
use net::Network;

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
    if !isolated("a_bridge_gets_an_address_through_its_port_and_goes_with_the_config") {
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
    if !isolated("a_name_that_another_program_has_taken_is_told") {
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
