//! A node without a config is configured over the network, with the code that its console shows: it takes its role
//! without a reboot, keeps the config, and has no maintenance any more.
//!
//! `ironhull run` gives every machine a config, so the machine is started without it.

use std::fs;
use std::path::Path;

use e2e::bare::{CODE, Machine, Setting, ironhull, text};
use e2e::image;
use e2e::lab::Lab;
use e2e::node::wait;

/// The test.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let dir = lab.dir().join("maintenance");
    fs::create_dir_all(&dir).unwrap();
    image::overlay((&image::qcow2(), "qcow2"), &dir.join("disk.qcow2"));
    let made = ironhull(&["config", "init", &dir.join("me").display().to_string(), "--hostname", "waiting"]);
    assert!(made.status.success(), "{made:?}");
    let mut machine = Machine::start(&dir, &Setting::default());
    let code = configure(&machine, &dir);
    wait("the node is ready", || machine.has("NodeReady"));
    assert_eq!(machine.status()["config"]["source"], "api");
    assert_eq!(machine.status()["nodeName"], "waiting");
    let late = machine.ask(&["status", "--code", &code]);
    assert!(!late.status.success() && text(&late).contains("configured already"), "{late:?}");
    machine.cut();

    let mut again = Machine::start(&dir, &Setting::default());
    wait("the config is found again", || again.has("ConfigAccepted"));
    assert_eq!(again.status()["config"]["source"], "last-accepted");
    assert!(!again.serial().contains(CODE), "{}", again.serial());
    again.cut();
}

/// Reads the code from the console and gives the node its config; returns the code.
fn configure(machine: &Machine, dir: &Path) -> String {
    let code = &machine.code("10.0.2.15");
    let status = machine.succeeded(&["status", "--code", code]);
    assert_eq!((&status["reason"], &status["addresses"][0]), (&"no-config".into(), &"10.0.2.15/24".into()));
    assert_eq!(machine.succeeded(&["disks", "--code", code])["disks"][0]["partitions"], 8);
    assert_eq!(machine.succeeded(&["links", "--code", code])["links"][0]["carrier"], true);
    let log = machine.ask(&["logs", "noded", "--code", code]);
    assert!(text(&log).contains("waits for a config") && !text(&log).contains(&code[15..]), "{log:?}");

    let secret = if code.ends_with("0000-0000") { "0000-0001" } else { "0000-0000" };
    let wrong = format!("{}{secret}", &code[..15]);
    let good = dir.join("me/node.yaml").display().to_string();
    let refused = machine.ask(&["apply", &good, "--code", &wrong]);
    assert!(!refused.status.success() && text(&refused).contains("not the right one"), "{refused:?}");
    assert_eq!(machine.succeeded(&["status", "--code", code])["wrongCodes"], 1);

    // Well-formed, but the key is not of the certificate: only the node tries that.
    let other = dir.join("other");
    let made = ironhull(&["config", "init", &other.display().to_string(), "--hostname", "waiting"]);
    assert!(made.status.success(), "{made:?}");
    let key = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let from = text.find("-----BEGIN PRIVATE KEY").unwrap();
        let until = text.find("-----END PRIVATE KEY").unwrap();
        (text[from..until].to_owned(), text)
    };
    let ((own, config), (foreign, _)) = (key(Path::new(&good)), key(&other.join("node.yaml")));
    let bad = dir.join("bad.yaml");
    fs::write(&bad, config.replace(&own, &foreign)).unwrap();
    let refused = machine.ask(&["apply", &bad.display().to_string(), "--code", code]);
    assert!(
        !refused.status.success() && text(&refused).contains("api.certificate with api.key"),
        "{refused:?}"
    );

    machine.succeeded(&["apply", &good, "--code", code]);
    code.to_owned()
}
