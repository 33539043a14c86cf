//! `ironhull run --cluster`: a controller and two workers on one segment are a cluster. Pods find each other across nodes
//! and by name, operators reach them through the API server, and the same command starts the stopped cluster again.

use std::fs;

use e2e::lab::Lab;
use e2e::node::{Node, wait};
use e2e::{image, tool};
use serde_json::{Value, json};

const WORKERS: [&str; 2] = ["worker-1", "worker-2"];

/// The test.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let file = lab.dir().join("cluster.yaml");
    let (controller, worker) = (image::controller(), image::worker());
    let machine = |name: &str, image: &std::path::Path, memory: &str| json!({ "name": name, "profile": image.display().to_string(), "memory": memory });
    let [first, second] = WORKERS.map(|name| machine(name, &worker, "1280M"));
    let machines = json!({ "machines": [machine("controller", &controller, "1536M"), first, second] });
    fs::write(&file, machines.to_string()).unwrap();
    // All are named, so that their power is cut when the test ends.
    let controller = lab.other_node("controller");
    let _workers = WORKERS.map(|name| lab.other_node(name));
    let run = || -> Value {
        let mut command = controller.ironhull();
        let output = tool::output(command.args(["--json", "run", "--detach", "--cluster"]).arg(&file));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };

    let outcome = run();
    let answers = outcome["demo"].as_array().unwrap();
    assert_eq!(answers.iter().filter(|a| a.as_str().unwrap().contains("hello from hello-")).count(), 2);
    all_are_ready(&controller);
    pods_reach_each_other(&controller);

    let stop = tool::output(controller.ironhull().arg("stop").args(WORKERS).arg("controller"));
    assert!(stop.status.success(), "{stop:?}");
    assert_eq!(String::from_utf8_lossy(&stop.stdout).matches("has shut down").count(), 3, "{stop:?}");
    run();
    all_are_ready(&controller);
}

fn all_are_ready(controller: &Node) {
    let nodes = controller.kubectl(&["get", "nodes", "--no-headers"]);
    let ready = WORKERS.iter().all(|w| nodes.lines().any(|l| l.starts_with(w) && l.contains(" Ready ")));
    assert!(ready && nodes.lines().count() == 2, "{nodes}");
}

/// A pod on each node asks the one on the other, by address and by the name of a service.
fn pods_reach_each_other(controller: &Node) {
    let kubectl = |words: &[&str]| controller.kubectl(words);
    for (pod, node) in ["a", "b"].iter().zip(WORKERS) {
        let place = json!({ "spec": { "nodeName": node } }).to_string();
        let image = "--image=ironhull.local/hello:1";
        let _ = kubectl(&["run", pod, image, "--image-pull-policy=Never", "--overrides", &place]);
    }
    let _ = kubectl(&["wait", "--for=condition=Ready", "pod/a", "pod/b", "--timeout=240s"]);
    let address = |pod: &str| kubectl(&["get", "pod", pod, "-o", "jsonpath={.status.podIP}"]);
    for (from, to) in [("a", "b"), ("b", "a")] {
        let answer = kubectl(&["exec", from, "--", "/hello", "ask", &format!("{}:8080", address(to))]);
        assert!(answer.ends_with(&format!("hello from {to}\n")), "{answer}");
        // CoreDNS may have to start first.
        wait("a service is found by its name", || {
            let asked = controller.try_kubectl(&["exec", from, "--", "/hello", "ask", "hello:80"]);
            asked.is_ok_and(|answer| answer.contains("hello from hello-"))
        });
    }
}
