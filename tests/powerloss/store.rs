//! Opens the store of a disk with the image's own etcd, on the host.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use e2e::node::wait;
use e2e::{loopback, tool};
use serde_json::Value;

use crate::record;

/// Where Kubernetes keeps config maps of the default namespace, and the end of that range.
const RANGE: [&str; 2] = ["/registry/configmaps/default/", "/registry/configmaps/default0"];

/// Checks that the store on the file system `state` has the first `expected` objects; copies it to `dir`.
pub fn holds(etcd: &Path, (state, dir): (&Path, &Path), expected: usize) {
    let copied = dir.join("etcd");
    let _ = fs::remove_dir_all(&copied);
    let dump = format!("rdump /etcd {}", dir.display());
    tool::run("debugfs", &["-R", &dump, &state.display().to_string()]);
    if !copied.join("member").is_dir() {
        assert_eq!(expected, 0, "the store is gone");
        return;
    }
    let server = Server::start(etcd, &copied, dir);
    record::all_are_in(&server.keys(), expected);
}

/// A running etcd.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(etcd: &Path, data: &Path, dir: &Path) -> Server {
        let url = format!("http://{}:2379", loopback::address());
        let peers = url.replace("2379", "2380");
        let log = fs::File::create(dir.join("etcd.log")).unwrap();
        let data = data.display().to_string();
        let child = Command::new(etcd)
            .args(["--data-dir", &data, "--listen-client-urls", &url, "--advertise-client-urls", &url])
            // As on the node: it is the only member. With `--force-new-cluster` etcd would give up its last entry, which it
            // has acknowledged but not noted as committed.
            .args(["--listen-peer-urls", &peers])
            .stderr(Stdio::from(log.try_clone().unwrap()))
            .stdout(log)
            .spawn()
            .unwrap();
        let mut server = Server { child, url };
        wait("etcd answers", || {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "etcd: {}", fs::read_to_string(dir.join("etcd.log")).unwrap());
            server.ask("health", "{}").is_some_and(|answer| answer["health"] == "true")
        });
        server
    }

    /// Asks etcd's JSON gateway; `None` if there is no answer.
    fn ask(&self, path: &str, body: &str) -> Option<Value> {
        let mut command = Command::new("curl");
        let url = format!("{}/{path}", self.url);
        command.args(["--silent", "--noproxy", "*", "--max-time", "10"]);
        match path {
            "health" => command.arg(&url),
            _ => command.args(["--data", body, &url]),
        };
        serde_json::from_slice(&tool::output(&mut command).stdout).ok()
    }

    /// Returns the keys of the range, one a line.
    fn keys(&self) -> String {
        let [from, to] = RANGE.map(|key| data_encoding::BASE64.encode(key.as_bytes()));
        let body = format!(r#"{{"key":"{from}","range_end":"{to}","keys_only":true}}"#);
        let answer = self.ask("v3/kv/range", &body).unwrap();
        let keys = answer["kvs"].as_array().cloned().unwrap_or_default();
        let text = |key: &Value| data_encoding::BASE64.decode(key["key"].as_str()?.as_bytes()).ok();
        keys.iter().filter_map(text).map(|k| String::from_utf8_lossy(&k).into_owned() + "\n").collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
