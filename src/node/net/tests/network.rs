//! The node's network against a real kernel and a real DHCP server: a machine of its own made of namespaces,
//! with dnsmasq at the other end of a veth pair. `ip` says what the kernel was told.
//!
//! Each test runs itself again inside new namespaces, where /etc and /run are its own, so that nothing of
//! the machine it runs on is touched and nothing is left behind. Left out: renewal, which takes minutes with
//! a real server (`dhcp::lease` tests it with a clock of its own).
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use config::{Cidr, Ethernet, NodeNetwork, Route};
use net::{Network, NetworkState};

/// Set inside the namespaces.
const INSIDE: &str = "NET_TEST_INSIDE";
/// How long a hang is waited out; no test passes or fails by it otherwise.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the test `name` of this file again in namespaces of its own, and returns whether this is that run.
fn isolated(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !judges::present(&["unshare", "mount", "ip", "dnsmasq"]) {
        return false;
    }
    let unshare = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--uts", "--mount", "--pid", "--fork", "--kill-child"]).args(command);
        unshare.env(INSIDE, "yes").output().unwrap()
    };
    if !unshare(&["true"]).status.success() {
        judges::missing("root, or the right to make namespaces,");
        return false;
    }
    let script = r#"mount -t tmpfs etc /etc && mount -t tmpfs run /run && exec "$@""#;
    let me = std::env::current_exe().unwrap();
    let test = [me.to_str().unwrap(), "--exact", name, "--nocapture"];
    let ran = unshare(&[&["sh", "-c", script, "sh"], &test[..]].concat());
    let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Runs `ip` with the words of `line`; returns what it said.
fn ip(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    judges::find("ip").unwrap().agrees(&words)
}

/// Makes the link eth0. At its other end, in the namespace `far`, is the link `server` with 10.9.0.1.
fn link_to_a_server() {
    ip("netns add far");
    ip("link add eth0 address 02:00:00:00:00:01 type veth peer name server netns far");
    ip("-n far address add 10.9.0.1/24 dev server");
    ip("-n far link set server up");
}

/// Starts dnsmasq in the namespace `far`. It ends with the namespaces, with the first process in them.
fn serve(options: &[&str]) -> Child {
    fs::write("/etc/passwd", "root:x:0:0::/:/bin/sh\n").unwrap();
    let fixed = [
        "--keep-in-foreground",
        "--user=root",
        "--conf-file=/dev/null",
        "--pid-file=/run/dnsmasq.pid",
        "--dhcp-leasefile=/run/dnsmasq.leases",
        "--log-facility=-",
        "--port=0",
        "--interface=server",
        "--dhcp-authoritative",
        "--dhcp-range=10.9.0.50,10.9.0.99,255.255.255.0,1h",
    ];
    let mut command = judges::find("ip").unwrap().command();
    command.args(["netns", "exec", "far", "dnsmasq"]).args(fixed).args(options).spawn().unwrap()
}

/// Stops what [`serve`] started.
fn stop(server: &mut Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Waits until `reached` says so; returns the state then.
fn wait_until(network: &Network, reached: impl Fn(&NetworkState) -> bool) -> NetworkState {
    let began = Instant::now();
    let mut seen = 0;
    loop {
        let state = network.state();
        if reached(&state) {
            return state;
        }
        assert!(began.elapsed() < LIMIT, "still {state:?}");
        seen = network.wait(seen, Duration::from_secs(5));
    }
}

/// A config with one link.
fn only(name: &str, link: Ethernet) -> NodeNetwork {
    NodeNetwork { ethernets: [(name.to_owned(), link)].into() }
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

/// Asserts that `text` has a line that begins with `start`.
#[track_caller]
fn has_line(text: &str, start: &str) {
    assert!(text.lines().any(|l| l.trim_start().starts_with(start)), "no line {start:?} in:\n{text}");
}

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
    has_line(&ip("-4 route show default"), "default via 10.9.0.1 dev eth0 metric ");
    let lease = fs::read_to_string("/run/dnsmasq.leases").unwrap();
    assert!(lease.contains(" 02:00:00:00:00:01 10.9.0.77 node1 01:02:00:00:00:00:01"), "{lease}");
    let names = "nameserver 10.9.0.53\nnameserver 10.9.0.54\nsearch lab.example\n";
    assert_eq!(fs::read_to_string("/etc/resolv.conf").unwrap(), names);
    has_line(&fs::read_to_string("/etc/hosts").unwrap(), "10.9.0.77 node1");
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
    has_line(&routes, "default via 172.16.3.4 dev eth0 metric ");
    has_line(&routes, "192.168.7.0/24 via 10.9.0.8 dev eth0 metric ");
    has_line(&routes, "172.16.3.4 dev eth0 scope link metric ");
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
        routes: vec![Route { to: cidr("192.168.0.0/16"), via: Ipv4Addr::new(10, 1, 1, 1) }],
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
