//! A booted single node is a cluster: the node is Ready, and a pod from the image's own store answers.

use std::io::{Read, Write};
use std::net::TcpStream;

use e2e::lab::Lab;
use e2e::node::Node;
use e2e::tool;

/// The test.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let nodes = node.kubectl(&["get", "nodes", "--no-headers"]);
    assert!(nodes.contains(" Ready ") && nodes.contains("v1.37.2"), "{nodes}");
    assert!(nodes.contains(" control-plane "), "{nodes}");
    let answer = get(node.port(30080));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("hello from hello"), "{answer}");

    first_objects_were_there_before(node);
    documents_are_there(node);
    time_zones_are_known(node);

    let status = node.ask(&["status"]);
    let stages: Vec<&str> =
        status["stages"].as_array().unwrap().iter().filter_map(|s| s["name"].as_str()).collect();
    for stage in ["init", "root", "state", "noded", "network", "node-api", "apiserver", "node-ready", "pod"] {
        assert!(stages.contains(&stage), "{stage} is not among {stages:?}");
    }

    let mut fetch = node.ironhull();
    let fetched = tool::output(fetch.args(["kubeconfig", node.name(), "--ttl", "1h"]));
    let text = String::from_utf8_lossy(&fetched.stdout);
    assert!(text.contains("client-certificate-data"), "{text}{}", String::from_utf8_lossy(&fetched.stderr));

    // Negative test: without the operator's certificate there is no response.
    let mut stranger = std::process::Command::new("curl");
    let address = format!("https://127.0.0.1:{}/v1/status", node.port(9443));
    stranger.args(["-sk", "-o", "/dev/null", "-w", "%{http_code}", &address]);
    let refused = tool::output(&mut stranger);
    assert_eq!(String::from_utf8_lossy(&refused.stdout), "000", "a stranger got an answer");
}

/// The objects that Kubernetes creates for itself were in the store before its API server looked for them,
/// and it had nothing to correct: otherwise it would appear in an object's managed fields. On a slow disk a
/// few may have come too late.
pub fn first_objects_were_there_before(node: &Node) {
    let hands = [r#""manager":"kube-apiserver""#, "config-producer"];
    let roles = "clusterroles,clusterrolebindings,roles,rolebindings";
    let others = "namespaces,priorityclasses,prioritylevelconfigurations,flowschemas";
    for (kinds, label, at_least) in
        [(roles, "kubernetes.io/bootstrapping=rbac-defaults", 120), (others, "", 20)]
    {
        let words = ["get", kinds, "-A", "--selector", label, "--show-managed-fields", "-o", "json"];
        let found: serde_json::Value = serde_json::from_str(&node.kubectl(&words)).unwrap();
        let found = found["items"].as_array().unwrap();
        assert!(found.len() >= at_least, "{} of {kinds}", found.len());
        let metadata = found.iter().map(|object| object["metadata"].to_string());
        let touched: Vec<String> = metadata.filter(|m| hands.iter().any(|h| m.contains(h))).collect();
        assert!(touched.len() * 10 <= found.len(), "{} of {}: {touched:?}", touched.len(), found.len());
    }
}

/// The API's OpenAPI documents: version 2, the list of version 3, one at its listed URL and at one with
/// another hash, which upstream redirects to the right one.
fn documents_are_there(node: &Node) {
    let document = |address: &str| -> serde_json::Value {
        serde_json::from_str(&node.kubectl(&["get", "--raw", address])).unwrap()
    };
    assert!(document("/openapi/v2")["paths"]["/api/v1/nodes"].is_object());
    let list = document("/openapi/v3");
    for (version, path) in [("api/v1", "/api/v1/nodes"), ("apis/apps/v1", "/apis/apps/v1/deployments")] {
        let listed = list["paths"][version]["serverRelativeURL"].as_str().unwrap();
        let (address, hash) = listed.split_once("?hash=").unwrap();
        assert!(hash.len() >= 32, "{listed}");
        for address in [listed, &format!("{address}?hash=OLD"), address] {
            assert!(document(address)["paths"][path].is_object(), "{address}");
        }
    }
    let custom = "apis/apiextensions.k8s.io/v1";
    assert!(list["paths"][custom].is_object(), "that of another server of the chain: {list}");
    let explained = node.kubectl(&["explain", "deployment.spec.replicas"]);
    assert!(explained.contains("Number of desired pods"), "{explained}");
}

/// A CronJob can use a time zone, although the root has no time zone files.
fn time_zones_are_known(node: &Node) {
    let job = [
        "create",
        "cronjob",
        "zoned",
        "--image=none",
        "--schedule=0 5 * * *",
        "--dry-run=client",
        "-o",
        "json",
    ];
    let mut job: serde_json::Value = serde_json::from_str(&node.kubectl(&job)).unwrap();
    job["spec"]["timeZone"] = "Europe/Berlin".into();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), job.to_string()).unwrap();
    let made =
        node.kubectl(&["create", "--dry-run=server", "-o", "name", "-f", &file.path().display().to_string()]);
    assert_eq!(made.trim(), "cronjob.batch/zoned");
}

/// Fetches `/` by plain HTTP.
pub fn get(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
