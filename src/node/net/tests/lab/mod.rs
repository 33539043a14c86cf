//! A machine of its own made of namespaces for each test: a link, and a DHCP server at its other end.
//!
//! A test runs itself again inside new namespaces, where /etc and /run are its own, so that nothing of the machine it
//! runs on is touched and nothing is left behind.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use config::{Cidr, Ethernet, NodeNetwork};
use net::{Network, NetworkState};

/// Set inside the namespaces.
const INSIDE: &str = "NET_TEST_INSIDE";
/// How long a hang is waited out; no test passes or fails by it otherwise.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs the test `name` of this file again in namespaces of its own, and returns whether this is that run.
pub fn isolated(name: &str) -> bool {
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
pub fn ip(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    judges::find("ip").unwrap().agrees(&words)
}

/// Makes the link eth0. At its other end, in the namespace `far`, is the link `server` with 10.9.0.1.
pub fn link_to_a_server() {
    ip("netns add far");
    ip("link add eth0 address 02:00:00:00:00:01 type veth peer name server netns far");
    ip("-n far address add 10.9.0.1/24 dev server");
    ip("-n far link set server up");
}

/// Starts dnsmasq in the namespace `far`. It ends with the namespaces, with the first process in them.
pub fn serve(options: &[&str]) -> Child {
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
        "--no-ping",
    ];
    let mut command = judges::find("ip").unwrap().command();
    command.args(["netns", "exec", "far", "dnsmasq"]).args(fixed).args(options).spawn().unwrap()
}

/// Stops what [`serve`] started.
pub fn stop(server: &mut Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Waits until `reached` says so; returns the state then.
pub fn wait_until(network: &Network, reached: impl Fn(&NetworkState) -> bool) -> NetworkState {
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
pub fn only(name: &str, link: Ethernet) -> NodeNetwork {
    NodeNetwork { ethernets: [(name.to_owned(), link)].into(), ..NodeNetwork::default() }
}

pub fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

/// Asserts that `text` has a line that begins with `start`.
#[track_caller]
pub fn has_line(text: &str, start: &str) {
    assert!(text.lines().any(|l| l.trim_start().starts_with(start)), "no line {start:?} in:\n{text}");
}
