//! Damage in the inactive slot is found by scrubbing, before the slot is needed, and recorded in the boot
//! record.

use std::time::{Duration, Instant};

use e2e::lab::Lab;
use e2e::{image, tool};
use slots::{Partition, Reason};

use crate::disk::Disk;
use crate::machine::ANSWERS;
use crate::operator::Operator;

/// A block of the root.
const BLOCK: u64 = 5000;
/// A time limit against hanging; not a measurement.
const LIMIT: Duration = Duration::from_secs(300);

/// The test.
pub fn show(lab: &Lab) -> String {
    let disk = Disk::new(lab, "scrubbing");
    disk.copy_root();
    disk.install(&image::uki());
    disk.retire_b();
    let operator = Operator::without_control_plane(lab, "scrubbing-config");
    let mut running = operator.machine().start(&disk);
    running.wait_for(ANSWERS);
    assert_eq!(scrub(&operator), ("True".to_owned(), "read whole: a, b".to_owned()));
    // The running node sees the change: nothing of this block is in its page cache.
    disk.flip(Partition::RootB, BLOCK * 4096);
    let (status, message) = scrub(&operator);
    assert_eq!(status, "False");
    assert!(message.contains("slot b") && message.contains(&format!("block {BLOCK}")), "{message}");
    drop(running);
    let record = disk.record();
    assert_eq!(record.slots.b.last_failure, Reason::Rotten, "{record}");
    assert_ne!(record.slots.a.last_failure, Reason::Rotten, "{record}");
    message
}

/// Scrubs the slots; returns the resulting condition.
fn scrub(operator: &Operator) -> (String, String) {
    let ordered = tool::output(&mut operator.order(&["scrub"]));
    assert!(ordered.status.success(), "{}", String::from_utf8_lossy(&ordered.stderr));
    let end = Instant::now() + LIMIT;
    loop {
        let output = operator.order(&["status"]).output().unwrap();
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let conditions = status["conditions"].as_array().unwrap();
        let sound = conditions.iter().find(|c| c["type"] == "SlotsSound").expect("it is claimed");
        let text = |key: &str| sound[key].as_str().unwrap().to_owned();
        if text("reason") != "Reading" {
            return (text("status"), text("message"));
        }
        assert!(Instant::now() < end, "{sound}");
        std::thread::sleep(Duration::from_millis(500));
    }
}
