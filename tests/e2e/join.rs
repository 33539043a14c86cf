//! A worker joins a controller. The controller runs no pod and has no kubelet; a worker whose token was revoked says so
//! and is no node; with a good one it is, runs a pod from its own store, and stays a member without a token.
//!
//! The machines are in no common network: the worker reaches the controller through a port of the host. What goes from
//! the controller to the worker, such as `kubectl logs`, is not shown here.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::lab::Lab;
use e2e::node::{Node, wait};
use e2e::{image, tool};

/// The host, as a machine in QEMU's user network sees it.
const HOST: &str = "10.0.2.2";
/// The worker's network: all machines get one address by DHCP, and it needs one that is not the controller's.
const NETWORK: &str = "\
network:
  ethernets:
    eth0: { dhcp4: true, addresses: [10.0.2.16/24] }
";

/// The test.
pub fn show(lab: &mut Lab) {
    let (controller, worker) = (lab.other_node("founder"), lab.other_node("joiner"));
    let dir = lab.dir().join("join");
    let scene = Scene { credentials: dir.display().to_string(), dir, controller, worker };
    scene.start_controller();
    scene.a_revoked_token_is_told();
    scene.a_good_token_makes_a_node();
    scene.a_member_needs_no_token();
}

struct Scene {
    controller: Node,
    worker: Node,
    dir: PathBuf,
    credentials: String,
}

impl Scene {
    /// Runs `ironhull` and returns what it prints.
    fn ironhull(&self, words: &[&str]) -> String {
        let output = tool::output(self.controller.ironhull().args(words));
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn start_controller(&self) {
        self.ironhull(&["config", "init", &self.credentials, "--hostname", "c1"]);
        let config = self.dir.join("node.yaml");
        replace(&config, "\nspec:\n", &format!("\nspec:\n  api: {{ sans: [{HOST}] }}\n"));
        self.controller
            .run(&image::controller(), &["--user-data", &config.display().to_string(), "--memory", "1536M"]);
        assert_eq!(self.controller.kubectl(&["get", "nodes", "-o", "name"]), "");
        let services = self.controller.ask(&["--credentials", &self.credentials, "services"]);
        let services = services["services"].as_array().unwrap();
        let names: Vec<&str> = services.iter().filter_map(|s| s["name"].as_str()).collect();
        assert!(names.contains(&"kube-apiserver") && names.contains(&"etcd"), "{names:?}");
        for name in ["containerd", "kubelet", "kube-proxy"] {
            assert!(!names.contains(&name), "{name} runs on a controller");
        }
    }

    /// Makes a token and a config of the worker with it; returns the token's id.
    fn prepare_worker(&self) -> String {
        let token = self.dir.join("token").display().to_string();
        let server = format!("https://{HOST}:{}", self.controller.port(6443));
        let access = [self.controller.name(), "--credentials", &self.credentials];
        let made = [&["--json", "token", "create"], &access[..], &["--server", &server, "--output", &token]]
            .concat();
        let made: serde_json::Value = serde_json::from_str(&self.ironhull(&made)).unwrap();
        let config = self.worker_config();
        let _ = fs::remove_file(&config);
        self.ironhull(&["config", "init", &self.credentials, "--hostname", "w1", "--join-token", &token]);
        replace(&config, "\n# Without network", &format!("\n{NETWORK}# Without network"));
        made["id"].as_str().unwrap().to_owned()
    }

    fn worker_config(&self) -> PathBuf {
        self.dir.join("w1.yaml")
    }

    fn run_worker(&self) {
        let config = self.worker_config().display().to_string();
        self.worker.run(&image::worker(), &["--user-data", &config, "--memory", "1536M"]);
    }

    /// The condition `Joined` of the worker, as its reason.
    fn joined(&self) -> String {
        let status = self.worker.ask(&["--credentials", &self.credentials, "status"]);
        let conditions = status["conditions"].as_array().unwrap();
        let joined = conditions.iter().find(|c| c["type"] == "Joined");
        joined.map(|c| c["reason"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    fn a_revoked_token_is_told(&self) {
        let id = self.prepare_worker();
        let access = [self.controller.name(), "--credentials", &self.credentials];
        assert!(self.ironhull(&[&["token", "list"], &access[..]].concat()).contains(&id));
        self.ironhull(&[&["token", "revoke"], &access[..], &[&id]].concat());
        let config = self.worker_config().display().to_string();
        let mut run = self.worker.ironhull();
        run.arg("run").arg(image::worker()).args([
            "--name",
            self.worker.name(),
            "--detach",
            "--memory",
            "1536M",
        ]);
        let mut run = run.args(["--user-data", &config]).spawn().unwrap();
        wait("the worker says that its token is refused", || {
            self.worker.serial().contains(&format!("not joined: the cluster does not know token {id}"))
        });
        assert_eq!(self.joined(), "TokenRefused");
        assert_eq!(self.controller.kubectl(&["get", "nodes,csr", "-o", "name"]), "");
        // It waits for the node to be ready.
        run.kill().unwrap();
        run.wait().unwrap();
        self.worker.cut_power();
    }

    fn a_good_token_makes_a_node(&self) {
        self.prepare_worker();
        self.run_worker();
        assert_eq!(self.joined(), "Member");
        let nodes = self.controller.kubectl(&["get", "nodes", "--no-headers"]);
        assert!(nodes.starts_with("w1 ") && nodes.contains(" Ready "), "{nodes}");
        let _ = self.controller.kubectl(&["create", "deployment", "hello", "--image=ironhull.local/hello:1"]);
        let _ = self.controller.kubectl(&["rollout", "status", "deployment/hello", "--timeout=240s"]);
        let pods = self.controller.kubectl(&["get", "pods", "-o", "wide", "--no-headers"]);
        assert!(pods.contains(" Running ") && pods.contains(" w1 "), "{pods}");
        let refused = self.worker.order(&["--credentials", &self.credentials, "etcd", "kept"]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("this node is a worker"), "{refused:?}");
    }

    fn a_member_needs_no_token(&self) {
        self.worker.cut_power();
        let text = fs::read_to_string(self.worker_config()).unwrap();
        let without = text.split("# What it joins with").next().unwrap();
        fs::write(self.worker_config(), without).unwrap();
        self.run_worker();
        assert_eq!(self.joined(), "Member");
    }
}

/// Replaces a text in a file that has it once.
fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}
