//! Followers that never read, and connections that only stand, keep no operator out.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Child, Stdio};

use e2e::lab::Lab;
use e2e::node::Node;

/// The port of the node API.
const API: u64 = 9443;
/// How many of each.
const FOLLOWERS: usize = 40;
const IDLE: usize = 400;
const HALF: usize = 40;

/// Shows it.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let followers: Vec<Follower> = (0..FOLLOWERS).map(|_| Follower::start(node)).collect();
    let connect = |_| TcpStream::connect(("127.0.0.1", node.port(API))).unwrap();
    let idle: Vec<TcpStream> = (0..IDLE).map(connect).collect();
    let half: Vec<TcpStream> = (0..HALF).map(connect).collect();
    // The head of a TLS record that announces a handshake, and no more.
    half.iter().for_each(|stream| (&*stream).write_all(b"\x16\x03\x01\x02\x00\x01").unwrap());
    for _ in 0..3 {
        assert!(node.ask(&["status"])["uptimeMs"].is_u64());
        assert!(node.ask(&["services"]).to_string().contains("kubelet"));
    }
    drop((followers, idle, half));
}

/// A command that follows a log whose lines nobody takes.
struct Follower(Child);

impl Follower {
    fn start(node: &Node) -> Follower {
        let mut command = node.ironhull();
        command.args(["node", "e2e", "logs", "kubelet", "--follow"]);
        Follower(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // One that has ended by itself needs no killing.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
