//! A network that changes under a running node, against a real kernel and a real DHCP server: nothing of it needs a
//! restart.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod lab;

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};

use config::{Ethernet, NodeNetwork, Route};
use lab::{cidr, has_line, ip, isolated, link_to_a_server, only, serve, stop, wait_until};
use net::Network;

/// The address that the server keeps for the link at first.
const FIRST: &str = "--dhcp-host=02:00:00:00:00:01,10.9.0.77";
/// The one that it keeps later.
const SECOND: &str = "--dhcp-host=02:00:00:00:00:01,10.9.0.78";
/// Renew after three seconds, not after half an hour.
const SOON: &str = "--dhcp-option=option:T1,3";

fn dhcp() -> Ethernet {
    Ethernet { dhcp4: true, ..Ethernet::default() }
}

#[test]
fn a_server_that_refuses_the_renewal_gives_another_address_and_other_routes() {
    if !isolated("a_server_that_refuses_the_renewal_gives_another_address_and_other_routes") {
        return;
    }
    link_to_a_server();
    let routes = "--dhcp-option=121,192.168.7.0/24,10.9.0.8,0.0.0.0/0,10.9.0.1";
    let mut server = serve(&[FIRST, SOON, routes, "--dhcp-option=26,1400"]);
    let network = Network::start("node1", &only("eth0", dhcp())).unwrap();
    let state = wait_until(&network, |s| s.complete);
    assert_eq!(state.addresses, [cidr("10.9.0.77/24")]);
    has_line(&ip("-4 route show"), "192.168.7.0/24 via 10.9.0.8 dev eth0");
    assert!(ip("link show dev eth0").contains("mtu 1400"));

    stop(&mut server);
    fs::remove_file("/run/dnsmasq.leases").unwrap();
    let mut server = serve(&[SECOND, "--dhcp-option=121,0.0.0.0/0,10.9.0.2"]);
    let state = wait_until(&network, |s| s.complete && s.addresses == [cidr("10.9.0.78/24")]);
    assert!(state.problems.is_empty(), "{state:?}");
    let addresses = ip("-4 address show dev eth0");
    assert!(!addresses.contains("10.9.0.77"), "{addresses}");
    let routes = ip("-4 route show");
    has_line(&routes, "default via 10.9.0.2 dev eth0");
    assert!(!routes.contains("192.168.7.0/24") && !routes.contains("default via 10.9.0.1 "), "{routes}");
    assert!(ip("link show dev eth0").contains("mtu 1500"), "the size of before DHCP comes back");
    has_line(&fs::read_to_string("/etc/hosts").unwrap(), "10.9.0.78 node1");
    stop(&mut server);
}

#[test]
fn a_carrier_that_comes_back_on_another_network_leads_to_its_address_at_once() {
    if !isolated("a_carrier_that_comes_back_on_another_network_leads_to_its_address_at_once") {
        return;
    }
    link_to_a_server();
    let mut server = serve(&[FIRST, "--dhcp-option=option:router,10.9.0.1"]);
    let network = Network::start("node1", &only("eth0", dhcp())).unwrap();
    wait_until(&network, |s| s.complete);

    ip("-n far link set server down");
    let state = wait_until(&network, |s| !s.complete);
    assert_eq!(state.waits, ["no link has a carrier and an address"]);
    assert_eq!(state.remarks, ["link eth0: no carrier"]);
    assert_eq!(state.addresses, [cidr("10.9.0.77/24")], "a cable that is pulled costs no address");
    // The same network: the lease is confirmed, nothing changes. It is not due for renewal for half an hour.
    ip("-n far link set server up");
    wait_until(&network, |s| s.complete);

    ip("-n far link set server down");
    wait_until(&network, |s| !s.complete);
    stop(&mut server);
    fs::remove_file("/run/dnsmasq.leases").unwrap();
    ip("-n far link set server up");
    let mut server = serve(&[SECOND, "--dhcp-option=option:router,10.9.0.1"]);
    wait_until(&network, |s| s.addresses == [cidr("10.9.0.77/24")]);
    // The server was late: asked again when the carrier comes once more.
    ip("-n far link set server down");
    wait_until(&network, |s| !s.complete);
    ip("-n far link set server up");
    wait_until(&network, |s| s.complete && s.addresses == [cidr("10.9.0.78/24")]);
    has_line(&ip("-4 route show"), "default via 10.9.0.1 dev eth0");
    stop(&mut server);
}

#[test]
fn a_client_whose_socket_fails_goes_on_once_it_can() {
    if !isolated("a_client_whose_socket_fails_goes_on_once_it_can") {
        return;
    }
    link_to_a_server();
    let mut server = serve(&[FIRST]);
    let in_the_way = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 68)).unwrap();
    let network = Network::start("node1", &only("eth0", dhcp())).unwrap();
    let state = wait_until(&network, |s| !s.problems.is_empty());
    let expected = "link eth0: opening a DHCP socket on link eth0: Address already in use";
    assert!(state.problems[0].starts_with(expected), "{state:?}");
    drop(in_the_way);
    let state = wait_until(&network, |s| s.complete);
    assert_eq!((state.addresses, state.problems), (vec![cidr("10.9.0.77/24")], vec![]));
    stop(&mut server);
}

#[test]
fn what_the_kernel_refuses_is_tried_again_until_it_does_not() {
    if !isolated("what_the_kernel_refuses_is_tried_again_until_it_does_not") {
        return;
    }
    // A gateway can't be what the kernel takes for a broadcast address.
    ip("link add lan0 type veth peer name other0");
    ip("link set other0 up");
    ip("link set lan0 up");
    ip("route add broadcast 10.1.1.1 dev lan0 table local");
    let link = Ethernet {
        addresses: vec![cidr("10.1.1.5/24")],
        routes: vec![Route { to: cidr("0.0.0.0/0"), via: Ipv4Addr::new(10, 1, 1, 1), metric: 0 }],
        ..Ethernet::default()
    };
    let network = Network::start("node1", &only("lan0", link)).unwrap();
    let state = wait_until(&network, |s| !s.problems.is_empty());
    assert_eq!(state.problems, ["link lan0: adding a route (refused): Invalid argument (os error 22)"]);
    // Nothing tells of this; it is tried again.
    ip("route delete broadcast 10.1.1.1 dev lan0 table local");
    let state = wait_until(&network, |s| s.complete);
    assert_eq!((state.has_default_route, state.problems), (true, vec![]));
}

#[test]
fn a_route_that_two_links_want_goes_to_the_second_when_the_first_goes() {
    if !isolated("a_route_that_two_links_want_goes_to_the_second_when_the_first_goes") {
        return;
    }
    ip("link add lan0 type veth peer name far0");
    ip("link add lan1 type veth peer name far1");
    let link = |net: u8| Ethernet {
        addresses: vec![cidr(&format!("10.1.{net}.5/24"))],
        routes: vec![Route { to: cidr("0.0.0.0/0"), via: Ipv4Addr::new(10, 1, net, 1), metric: 0 }],
        ..Ethernet::default()
    };
    let both = NodeNetwork {
        ethernets: [("lan0".to_owned(), link(0)), ("lan1".to_owned(), link(1))].into(),
        ..NodeNetwork::default()
    };
    let network = Network::start("node1", &both).unwrap();
    let conflict = "link lan1: route to 0.0.0.0/0: another link has one already";
    wait_until(&network, |s| s.problems == [conflict] && s.addresses.len() == 2);
    has_line(&ip("-4 route show"), "default via 10.1.0.1 dev lan0");
    ip("link delete lan0");
    let gone = "network.ethernets.lan0: no link fits";
    wait_until(&network, |s| s.problems == [gone] && s.has_default_route);
    has_line(&ip("-4 route show"), "default via 10.1.1.1 dev lan1");
}

#[test]
fn a_config_that_changes_changes_what_differs_both_ways() {
    if !isolated("a_config_that_changes_changes_what_differs_both_ways") {
        return;
    }
    link_to_a_server();
    let route = |to: &str, via: &str| Route { to: cidr(to), via: via.parse().unwrap(), metric: 0 };
    let link = Ethernet {
        addresses: vec![cidr("192.0.2.7/32"), cidr("10.1.1.5/24")],
        // The gateway of the first route lies in no network of the link.
        routes: vec![route("0.0.0.0/0", "172.31.1.1"), route("192.168.0.0/16", "10.1.1.1")],
        mtu: Some(1400),
        ..Ethernet::default()
    };
    let network = Network::start("node1", &only("eth0", link.clone())).unwrap();
    let state = wait_until(&network, |s| s.complete);
    assert_eq!(state.addresses, [cidr("192.0.2.7/32"), cidr("10.1.1.5/24")]);
    has_line(&ip("-4 route show"), "default via 172.31.1.1 dev eth0 proto 73 onlink");

    // As on a node. Another program's route stays whatever happens to ours.
    fs::write("/proc/sys/net/ipv4/conf/all/promote_secondaries", "1").unwrap();
    ip("route add 203.0.113.0/24 dev eth0");
    let changed = Ethernet {
        addresses: vec![cidr("10.1.1.6/24")],
        routes: vec![route("192.168.0.0/16", "10.1.1.2")],
        mtu: None,
        ..link
    };
    network.apply(&only("eth0", changed));
    wait_until(&network, |s| s.complete && s.addresses == [cidr("10.1.1.6/24")]);
    let routes = ip("-4 route show");
    has_line(&routes, "192.168.0.0/16 via 10.1.1.2 dev eth0");
    has_line(&routes, "203.0.113.0/24 dev eth0");
    assert!(!routes.contains("default") && !routes.contains("10.1.1.1 "), "{routes}");
    assert!(ip("link show dev eth0").contains("mtu 1500"));

    network.apply(&only("eth9", Ethernet::default()));
    wait_until(&network, |s| s.addresses.is_empty());
    assert_eq!(ip("-4 route show"), "", "what is not wanted any more is gone");
}

/// A node that waits for its config has an address of DHCP on every link, and shall keep nothing of that.
#[test]
fn a_config_that_comes_late_leaves_nothing_of_the_time_before() {
    if !isolated("a_config_that_comes_late_leaves_nothing_of_the_time_before") {
        return;
    }
    link_to_a_server();
    let mut server = serve(&[FIRST, "--dhcp-option=option:router,10.9.0.1", "--dhcp-option=26,1400"]);
    let network = Network::start("localhost", &only("eth0", dhcp())).unwrap();
    let state = wait_until(&network, |s| s.complete);
    assert_eq!(state.addresses, [cidr("10.9.0.77/24")]);

    let fixed = Ethernet { addresses: vec![cidr("10.9.0.20/24")], ..Ethernet::default() };
    network.restart("node7", &only("eth0", fixed)).unwrap();
    assert!(!network.addresses().contains(&"10.9.0.77".parse().unwrap()), "nobody takes it for the new one");
    let state = wait_until(&network, |s| s.complete);
    assert_eq!((state.addresses, state.has_default_route), (vec![cidr("10.9.0.20/24")], false));
    assert!(!ip("-4 address show dev eth0").contains("10.9.0.77"));
    assert!(!ip("-4 route show").contains("default"));
    assert!(ip("link show dev eth0").contains("mtu 1500"));
    has_line(&fs::read_to_string("/etc/hosts").unwrap(), "10.9.0.20 node7");
    assert_eq!(fs::read_to_string("/etc/hostname").unwrap(), "node7\n");

    // The same addresses as before are news as well: whoever waits is told.
    network.restart("node8", &only("eth0", dhcp())).unwrap();
    let state = wait_until(&network, |s| s.complete);
    assert_eq!(state.addresses, [cidr("10.9.0.77/24")]);
    network.restart("node8", &only("eth0", dhcp())).unwrap();
    let seen = network.wait(0, std::time::Duration::ZERO);
    if network.addresses().is_empty() {
        assert!(network.wait(seen, std::time::Duration::from_secs(10)) > seen);
    }
    assert_eq!(network.addresses().len(), 1);
    stop(&mut server);
}

#[test]
fn a_second_link_without_a_server_holds_nothing_up() {
    if !isolated("a_second_link_without_a_server_holds_nothing_up") {
        return;
    }
    link_to_a_server();
    ip("link add eth1 type veth peer name deaf");
    ip("link set deaf up");
    let mut server = serve(&[FIRST]);
    let both = |optional| NodeNetwork {
        ethernets: [("eth0".to_owned(), dhcp()), ("eth1".to_owned(), Ethernet { optional, ..dhcp() })].into(),
        ..NodeNetwork::default()
    };
    let network = Network::start("node1", &both(false)).unwrap();
    let state = wait_until(&network, |s| !s.addresses.is_empty() && s.remarks.is_empty());
    assert!(!state.complete, "the config names it");
    wait_until(&network, |s| s.waits == ["link eth1: no answer from DHCP"]);
    network.apply(&both(true));
    let state = wait_until(&network, |s| s.complete);
    assert_eq!(state.remarks, ["link eth1: no answer from DHCP"]);
    // Pulled and plugged in where there is a server: it gets its address.
    ip("link set eth1 netns far");
    wait_until(&network, |s| s.remarks == ["network.ethernets.eth1: no link fits"]);
    assert!(network.state().complete);
    stop(&mut server);
}
