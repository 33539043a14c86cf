//! Texts as the tools of platforms write them.

use super::*;
use crate::{Cidr, Ethernet};

/// As Proxmox VE 8 writes it for a machine with `ipconfig0: ip=192.168.1.10/24,gw=192.168.1.1,ip6=auto`,
/// `ipconfig1: ip=dhcp`, a name server and a search domain.
const PROXMOX: &str = "\
version: 1
config:
    - type: physical
      name: eth0
      mac_address: 'bc:24:11:2f:5a:01'
      subnets:
      - type: static
        address: '192.168.1.10'
        netmask: '255.255.255.0'
        gateway: '192.168.1.1'
      - type: ipv6_slaac
    - type: physical
      name: eth1
      mac_address: 'bc:24:11:2f:5a:02'
      subnets:
      - type: dhcp4
    - type: nameserver
      address:
      - '192.168.1.1'
      - 'fd00::1'
      search:
      - 'example.org'
";
/// As written by hand for `cloud-localds --network-config`, and by netplan's users.
const NETPLAN: &str = "\
network:
  version: 2
  renderer: networkd
  ethernets:
    uplink:
      match: { macaddress: \"52:54:00:12:34:56\" }
      set-name: lan0
      dhcp4: no
      dhcp6: no
      accept-ra: false
      addresses: [10.0.2.40/24, \"fd00::40/64\"]
      gateway4: 10.0.2.2
      nameservers: { addresses: [10.0.2.3, \"fd00::3\"], search: [lab.example.org] }
      routes:
        - { to: 10.7.0.0/16, via: 10.0.2.9, metric: 50, on-link: true }
        - { to: \"::/0\", via: \"fe80::1\" }
      mtu: 1400
      optional: true
    spare: { match: { driver: [virtio_net, \"e1000*\"] }, dhcp4: yes }
";
/// As Nova writes it, in one line.
const OPENSTACK: &str = r#"{"links": [{"id": "tap3cd9a1b2-4f", "vif_id": "3cd9a1b2-4f10-41ff-9f87-f1e1b1e1a001", "type": "ovs", "mtu": 1442, "ethernet_mac_address": "fa:16:3e:01:02:03"}], "networks": [{"id": "network0", "type": "ipv4", "link": "tap3cd9a1b2-4f", "ip_address": "10.20.0.17", "netmask": "255.255.255.0", "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.20.0.1"}, {"network": "169.254.169.254", "netmask": "255.255.255.255", "gateway": "10.20.0.2"}], "network_id": "5f0e", "services": []}], "services": [{"type": "dns", "address": "10.20.0.2"}]}"#;

fn good(text: &str) -> (NodeNetwork, String) {
    let read = read("n", text).unwrap_or_else(|e| panic!("{e}"));
    (read.network, read.warnings.concat())
}

fn errors(text: &str) -> String {
    read("n", text).expect_err("the text is wrong").to_string()
}

fn cidrs(ethernet: &Ethernet) -> Vec<String> {
    ethernet.addresses.iter().map(ToString::to_string).collect()
}

fn routes(ethernet: &Ethernet) -> Vec<String> {
    ethernet.routes.iter().map(|r| format!("{} {} {}", r.to, r.via, r.metric)).collect()
}

#[test]
fn version_1_as_proxmox_writes_it() {
    let (network, warnings) = good(PROXMOX);
    let [eth0, eth1] = ["eth0", "eth1"].map(|name| &network.ethernets[name]);
    assert_eq!(eth0.matches.as_ref().unwrap().macaddress.as_deref(), Some("bc:24:11:2f:5a:01"));
    assert_eq!((cidrs(eth0), eth0.dhcp4), (vec!["192.168.1.10/24".to_owned()], false));
    assert_eq!(routes(eth0), ["0.0.0.0/0 192.168.1.1 0"]);
    assert!(eth1.dhcp4 && eth1.addresses.is_empty());
    for link in [eth0, eth1] {
        let servers: Vec<String> = link.nameservers.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(
            (servers.join(" "), link.nameservers.search.join(" ")),
            ("192.168.1.1".into(), "example.org".into())
        );
    }
    assert!(warnings.contains("--> n:11:") && warnings.contains("IPv6 is not supported yet"), "{warnings}");
}

#[test]
fn version_2_as_netplan_has_it() {
    for text in [NETPLAN.to_owned(), NETPLAN.lines().skip(1).map(|l| format!("{}\n", &l[2..])).collect()] {
        let (network, warnings) = good(&text);
        let uplink = &network.ethernets["uplink"];
        assert_eq!((cidrs(uplink), uplink.dhcp4), (vec!["10.0.2.40/24".to_owned()], false));
        assert_eq!(routes(uplink), ["0.0.0.0/0 10.0.2.2 0", "10.7.0.0/16 10.0.2.9 50"]);
        assert_eq!((uplink.mtu, uplink.optional), (Some(1400), true));
        assert_eq!(uplink.nameservers.addresses.len(), 1);
        let spare = &network.ethernets["spare"];
        assert!(spare.dhcp4);
        assert_eq!(spare.matches.as_ref().unwrap().driver, ["virtio_net", "e1000*"]);
        assert!(warnings.contains("ethernets.uplink: set-name has no effect"), "{warnings}");
        assert_eq!(warnings.matches("IPv6 is not supported yet").count(), 3, "{warnings}");
    }
}

#[test]
fn openstack_as_nova_writes_it() {
    let (network, warnings) = good(OPENSTACK);
    let link = &network.ethernets["tap3cd9a1b2-4f"];
    assert_eq!(link.matches.as_ref().unwrap().macaddress.as_deref(), Some("fa:16:3e:01:02:03"));
    assert_eq!((cidrs(link), link.mtu), (vec!["10.20.0.17/24".to_owned()], Some(1442)));
    assert_eq!(routes(link), ["0.0.0.0/0 10.20.0.1 0", "169.254.169.254/32 10.20.0.2 0"]);
    assert_eq!(link.nameservers.addresses, ["10.20.0.2".parse::<std::net::Ipv4Addr>().unwrap()]);
    assert_eq!(warnings, "");
    let dhcp = OPENSTACK
        .replace("\"type\": \"ipv4\"", "\"type\": \"ipv4_dhcp\"")
        .replace("\"ip_address\": \"10.20.0.17\", ", "");
    assert!(good(&dhcp).0.ethernets["tap3cd9a1b2-4f"].dhcp4);
}

#[test]
fn all_forms_have_bonds_virtual_lans_and_bridges() {
    let v2 = "\
version: 2
ethernets:
  port0: { match: { macaddress: \"52:54:00:00:00:01\" } }
  port1: { match: { macaddress: \"52:54:00:00:00:02\" } }
  port2: { match: { macaddress: \"52:54:00:00:00:03\" } }
bonds:
  bond0:
    interfaces: [port0, port1]
    parameters: { mode: 802.3ad, lacp-rate: fast, mii-monitor-interval: 50, transmit-hash-policy: layer3+4 }
vlans:
  lan5: { id: 5, link: bond0, dhcp4: true }
bridges:
  br0: { interfaces: [port2], parameters: { stp: off, forward-delay: 4 }, addresses: [10.0.0.5/24] }
";
    let v1 = "\
version: 1
config:
- { type: physical, name: port0, mac_address: '52:54:00:00:00:01' }
- { type: physical, name: port1, mac_address: '52:54:00:00:00:02' }
- { type: physical, name: port2, mac_address: '52:54:00:00:00:03' }
- type: bond
  name: bond0
  bond_interfaces: [port0, port1]
  params: { bond-mode: 4, bond_miimon: '50', bond-lacp-rate: fast, bond-xmit-hash-policy: layer3+4 }
- { type: vlan, name: lan5, vlan_link: bond0, vlan_id: 5, subnets: [{ type: dhcp4 }] }
- type: bridge
  name: br0
  bridge_interfaces: [port2]
  params: { bridge_stp: 'off', bridge_fd: 4 }
  subnets: [{ type: static, address: 10.0.0.5/24 }]
"
    .replace("'off'", "off");
    let (network, warnings) = good(v2);
    assert_eq!(warnings, "");
    let bond = &network.bonds["bond0"];
    assert_eq!(bond.interfaces, ["port0", "port1"]);
    assert_eq!((bond.parameters.mode, bond.parameters.mii_monitor_interval), (crate::BondMode::Lacp, 50));
    assert_eq!((network.vlans["lan5"].id, &*network.vlans["lan5"].below), (5, "bond0"));
    assert!(network.vlans["lan5"].link.dhcp4 && !network.bridges["br0"].parameters.stp);
    assert_eq!(good(&v1).0, network);

    let nova = r#"{"links": [
{"id": "interface0", "type": "phy", "ethernet_mac_address": "52:54:00:00:00:01"},
{"id": "interface1", "type": "phy", "ethernet_mac_address": "52:54:00:00:00:02"},
{"id": "bond-of-the-rack-7", "type": "bond", "bond_links": ["interface0", "interface1"], "bond_mode": "active-backup", "bond_miimon": 100},
{"id": "vlan-storage", "type": "vlan", "vlan_link": "bond-of-the-rack-7", "vlan_id": 101, "vlan_mac_address": "52:54:00:00:00:01"}],
"networks": [{"id": "n", "type": "ipv4_dhcp", "link": "vlan-storage"}]}"#;
    let network = good(nova).0;
    assert_eq!(network.bonds["bond0"].interfaces, ["interface0", "interface1"]);
    assert_eq!((&*network.vlans["vlan101"].below, network.vlans["vlan101"].link.dhcp4), ("bond0", true));
}

#[test]
fn entries_that_contradict_each_other_are_told() {
    let network = |rest: &str| {
        errors(&format!("version: 2\nethernets: {{ eth0: {{ dhcp4: true }}, eth1: {{}} }}\n{rest}"))
    };
    for (rest, expected) in [
        (
            "bonds: { b: { interfaces: [eth0] } }\n",
            "bonds.b.interfaces: \"eth0\" is a port, and can't have addresses",
        ),
        ("bonds: { b: { interfaces: [eth9] } }\n", "there is no entry \"eth9\" in ethernets"),
        ("bonds: { b: { interfaces: [eth1] }, c: { interfaces: [eth1] } }\n", "\"eth1\" is a port already"),
        ("bonds: { eth1: { interfaces: [] } }\n", "bonds.eth1: ethernets has an entry of this name"),
        ("vlans: { v: { id: 5, link: eth9 } }\n", "vlans.v.link: there is no entry \"eth9\""),
        ("vlans: { v: { id: 4095, link: eth1 } }\n", "expected a number from 1 to 4094"),
        ("vlans: { v: { id: 5, link: eth1 }, w: { id: 6, link: v } }\n", "vlans.w.link"),
        ("vlans: { a-name-too-long-for-it: { id: 5, link: eth1 } }\n", "the name of a link"),
        ("bonds: { b: { interfaces: [], parameters: { mode: balance-rr } } }\n", "\"balance-rr\" is planned"),
        ("bridges: { b: { interfaces: [eth1], match: {} } }\n", "unknown key \"match\""),
    ] {
        let told = network(rest);
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn what_a_node_does_not_do_is_an_error_at_its_line() {
    let v2 = |rest: &str| format!("version: 2\nethernets:\n  eth0:\n    dhcp4: true\n{rest}");
    let v1 = |rest: &str| format!("version: 1\nconfig:\n- type: physical\n  name: eth0\n{rest}");
    let cases = [
        (v2("wifis: {}\n"), "unknown key \"wifis\"", ":5:"),
        (v2("    dhcp4-overrides: { use-dns: false }\n"), "\"dhcp4-overrides\" is planned", ":5:"),
        (v2("    macaddres: x\n"), "unknown key \"macaddres\"", ":5:"),
        (v2("    routes: [{ to: default, via: 10.0.0.1, table: 7 }]\n"), "\"table\" is planned", ":5:"),
        (
            v2("    routes: [{ to: default, via: 10.0.0.1, type: blackhole }]\n"),
            "unknown key \"type\"",
            ":5:",
        ),
        (v2("    addresses: [10.0.0.1]\n"), "IPv4 address with prefix length", ":5:"),
        ("version: 3\nethernets: {}\n".into(), "expected 1 or 2", ":1:"),
        ("ethernets: {}\n".into(), "key \"version\" is missing", ":1:"),
        ("version: 2\n".into(), "no link is described", ":1:"),
        ("network: { config: disabled }\n".into(), "key \"version\" is missing", ":1:"),
        ("network: { version: 1, config: disabled }\n".into(), "expected a list of links", ":1:"),
        (v1("- type: wifi\n"), "expected physical", ":5:"),
        (v1("- type: physical\n  name: eth0\n"), "\"eth0\" is repeated", ":5:"),
        (v1("  subnets: [{ type: static, address: 10.0.0.1 }]\n"), "expected a prefix length", ":5:"),
        (
            v1("  subnets: [{ type: static, address: 10.0.0.1, netmask: 255.0.255.0 }]\n"),
            "expected a mask",
            ":5:",
        ),
        (v1("  subnets: [{ type: dhcp, metric: 3 }]\n"), "unknown key \"metric\"", ":5:"),
        (v1("  subnets: [{ type: dhcp4, control: manual }]\n"), "expected auto", ":5:"),
        (OPENSTACK.replace("\"link\": \"tap", "\"link\": \"tip"), "there is no link", ":1:"),
        (OPENSTACK.replace("ethernet_mac_address", "mac"), "ethernet_mac_address", ":1:"),
    ];
    for (text, message, place) in cases {
        let errors = errors(&text);
        assert!(errors.contains(message) && errors.contains(&format!("n{place}")), "{message}: {errors}");
    }
    let six = "version: 2\nethernets: { eth0: { dhcp6: true } }\n";
    assert!(good(six).1.contains("IPv6"));
}

#[test]
fn masks() {
    let v1 = |mask: &str| {
        format!(
            "version: 1\nconfig: [{{ type: physical, name: e, subnets: [{{ type: static, address: 10.0.0.9, netmask: {mask} }}] }}]\n"
        )
    };
    for (mask, length) in
        [("24", 24), ("'24'", 24), ("255.255.255.255", 32), ("255.255.254.0", 23), ("0.0.0.0", 0)]
    {
        let expected: Cidr = format!("10.0.0.9/{length}").parse().unwrap();
        assert_eq!(good(&v1(mask)).0.ethernets["e"].addresses, [expected], "{mask}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_understood_is_understood_again_as_our_own_key(
        n in 1u8..250,
        length in 1u8..33,
        metric in 0u32..3000,
        dhcp in proptest::bool::ANY,
    ) {
        let text = format!(
            "version: 2\nethernets:\n  e{n}:\n    addresses: [10.0.{n}.1/{length}, \"fd00::{n}/64\"]\n    dhcp4: {dhcp}\n    \
             gateway4: 10.0.{n}.254\n    routes: [{{ to: 192.168.{n}.0/24, via: 10.0.0.3, metric: {metric} }}]\n"
        );
        let first = read("n", &text).unwrap();
        let again = crate::json::value(&first.tree).to_string().replacen('{', "{\"version\": 2, ", 1);
        let second = read("n", &again).unwrap();
        proptest::prop_assert_eq!(&first.network, &second.network);
        proptest::prop_assert!(second.warnings.is_empty());
    }

    #[test]
    fn never_panics(text in "(version: [12]\n)?((config|ethernets|links|networks|addresses|routes|to|via|type|- |  |\n|: |[a-z0-9./:{}\\[\\],]){0,3}){0,60}") {
        let _ = read("n", &text);
        let _ = super::super::meta_data::hostname("m", &text);
    }
}
