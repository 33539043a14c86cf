//! The node's network against a real kernel and a real DHCP server: dnsmasq at the other end of a veth pair. `ip` says
//! what the kernel was told. Here what is set up; `changes` has what changes afterwards.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod lab;

use std::fs;
use std::net::Ipv4Addr;

use config::{Ethernet, Route};
use lab::{cidr, has_line, ip, isolated, link_to_a_server, only, serve, stop, wait_until};
use net::Network;

#[test]
fn takes_address_route_and_names_from_a_real_dhcp_server() {
    if !isolated("takes_address_route_and_names_from_a_real_dhcp_server") {
        return;
    }
    link_to_a_server();
    let mut server = serve(&[
        "--dhcp-host=02:00:00:00:00:01,10.9.0.77",
        "--dhcp-option=option:router,10.9.0.1",
        "--dhcp-option=option:dns-server,10.9.0.53,10.9.0.54",
        "--dhcp-option=option:ntp-server,10.9.0.123",
        "--domain=lab.example",
    ]);
    let dhcp = Ethernet { dhcp4: true, ..Ethernet::default() };
    let network = Network::start("node1", &only("eth0", dhcp)).unwrap();
    let state = wait_until(&network, |s| s.complete);

    assert_eq!(state.addresses, [cidr("10.9.0.77/24")]);
    assert_eq!(state.ntp_servers, [Ipv4Addr::new(10, 9, 0, 123)]);
    assert!(state.has_default_route && state.problems.is_empty(), "{state:?}");
    has_line(&ip("-4 address show dev eth0"), "inet 10.9.0.77/24 brd 10.9.0.255 scope global eth0");
    has_line(&ip("-4 address show dev lo"), "inet 127.0.0.1/8");
    has_line(&ip("-4 route show default"), "default via 10.9.0.1 dev eth0 proto 73 metric ");
    let lease = fs::read_to_string("/run/dnsmasq.leases").unwrap();
    assert!(lease.contains(" 02:00:00:00:00:01 10.9.0.77 node1 01:02:00:00:00:00:01"), "{lease}");
    let names = "nameserver 10.9.0.53\nnameserver 10.9.0.54\nsearch lab.example\n";
    assert_eq!(fs::read_to_string("/etc/resolv.conf").unwrap(), names);
    has_line(&fs::read_to_string("/etc/hosts").unwrap(), "10.9.0.77 node1");
    stop(&mut server);
}

#[test]
fn a_node_without_a_name_learns_it_from_a_real_dhcp_server() {
    if !isolated("a_node_without_a_name_learns_it_from_a_real_dhcp_server") {
        return;
    }
    link_to_a_server();
    let mut server = serve(&["--dhcp-host=02:00:00:00:00:01,10.9.0.77,web7"]);
    let dhcp = Ethernet { dhcp4: true, ..Ethernet::default() };
    let network = Network::start(net::UNNAMED, &only("eth0", dhcp)).unwrap();
    let state = wait_until(&network, |s| s.complete);
    assert_eq!(state.hostname.as_deref(), Some("web7"));
    // The server was not told the placeholder as a name.
    let lease = fs::read_to_string("/run/dnsmasq.leases").unwrap();
    assert!(lease.contains(" 10.9.0.77 web7 "), "{lease}");
    stop(&mut server);
}

#[test]
fn classless_routes_of_a_real_server_replace_its_router() {
    if !isolated("classless_routes_of_a_real_server_replace_its_router") {
        return;
    }
    link_to_a_server();
    let mut server = serve(&[
        "--dhcp-option=option:router,10.9.0.1",
        // The second gateway is reached only through the route that comes last.
        "--dhcp-option=121,192.168.7.0/24,10.9.0.8,0.0.0.0/0,172.16.3.4,172.16.3.4/32,0.0.0.0",
    ]);
    let dhcp = Ethernet { dhcp4: true, ..Ethernet::default() };
    let network = Network::start("node1", &only("eth0", dhcp)).unwrap();
    wait_until(&network, |s| s.complete);

    let routes = ip("-4 route show");
    has_line(&routes, "default via 172.16.3.4 dev eth0 proto 73 metric ");
    has_line(&routes, "192.168.7.0/24 via 10.9.0.8 dev eth0 proto 73 metric ");
    has_line(&routes, "172.16.3.4 dev eth0 proto 73 scope link metric ");
    assert!(!routes.contains("10.9.0.1 "), "the router of option 3 is used too:\n{routes}");
    stop(&mut server);
}

#[test]
fn a_link_is_set_up_when_it_comes_and_forgotten_when_it_goes() {
    if !isolated("a_link_is_set_up_when_it_comes_and_forgotten_when_it_goes") {
        return;
    }
    let link = Ethernet {
        addresses: vec![cidr("10.1.1.5/24"), cidr("10.1.2.5/32")],
        routes: vec![Route { to: cidr("192.168.0.0/16"), via: Ipv4Addr::new(10, 1, 1, 1), metric: 0 }],
        mtu: Some(1400),
        ..Ethernet::default()
    };
    let network = Network::start("node1", &only("lan0", link)).unwrap();
    let state = wait_until(&network, |s| !s.problems.is_empty());
    assert_eq!(state.problems, ["network.ethernets.lan0: no link fits"]);

    // Under another name it is not ours yet. It has addresses that the config does not know, and the kernel
    // removes with the first one all that lie in the same network.
    ip("link add new0 type veth peer name other0");
    ip("link set other0 up");
    ip("address add 10.1.1.99/24 dev new0");
    ip("address add 10.1.1.98/24 dev new0");
    ip("link set new0 name lan0");
    let state = wait_until(&network, |s| s.complete);
    assert_eq!(state.addresses, [cidr("10.1.1.5/24"), cidr("10.1.2.5/32")]);
    let addresses = ip("-4 address show dev lan0");
    has_line(&addresses, "inet 10.1.1.5/24 brd 10.1.1.255 scope global lan0");
    has_line(&addresses, "inet 10.1.2.5/32 scope global lan0");
    assert!(!addresses.contains("10.1.1.9"), "{addresses}");
    assert!(addresses.contains("UP") && addresses.contains("mtu 1400"), "{addresses}");
    has_line(&ip("-4 route show"), "192.168.0.0/16 via 10.1.1.1 dev lan0");

    ip("link delete lan0");
    let state = wait_until(&network, |s| s.addresses.is_empty());
    assert_eq!(state.problems, ["network.ethernets.lan0: no link fits"]);
}
