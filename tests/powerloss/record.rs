//! Records a node's first boot and the writes of a busy minute after it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::host_disk::HostDisk;
use e2e::lab::Lab;
use e2e::log::{Event, Log};
use e2e::node::Node;
use e2e::{image, tool};

/// Name of the machine.
pub const NAME: &str = "power-loss";
/// How long objects are written.
const BUSY: Duration = Duration::from_secs(60);
/// Makes QEMU log the disk's operations: replaces its drive by one with a log. Nothing needs to be on the host's disk,
/// since the host does not lose power.
const LOGGED: &str = r#"
n=$#
while [ $n -gt 0 ]; do
    a=$1; shift; n=$((n-1))
    if [ "$a" = -drive ]; then
        b=$1; shift; n=$((n-1))
        case $b in
            *id=disk0,*)
                file=${b##*file=}
                : > "$LOG"
                set -- "$@" \
                    -blockdev "node-name=medium,driver=qcow2,discard=unmap,file.driver=file,file.filename=$file,cache.no-flush=on" \
                    -blockdev "node-name=log,driver=file,filename=$LOG,cache.no-flush=on" \
                    -blockdev "driver=blklogwrites,node-name=disk0,file=medium,log=log,log-sector-size=512,discard=unmap" ;;
            *) set -- "$@" -drive "$b" ;;
        esac
    else
        set -- "$@" "$a"
    fi
done"#;

/// What was recorded.
pub struct Recording {
    /// All operations, from power-on.
    pub log: Log<HostDisk>,
    /// The disk before.
    pub base: PathBuf,
    /// Size of the disk in bytes.
    pub bytes: u64,
    /// Length of the log when the API server had acknowledged the object of this index.
    acknowledged: Vec<u64>,
}

impl Recording {
    /// Returns how many objects were acknowledged before the power is cut after the first `events` operations.
    pub fn acknowledged_until(&self, events: usize) -> usize {
        let length = events.checked_sub(1).map_or(0, |last| self.log.ends[last]);
        self.acknowledged.partition_point(|end| *end <= length)
    }

    /// Returns what there is, in words.
    pub fn describe(&self) -> String {
        let count = |kind: fn(&Event) -> bool| self.log.events.iter().filter(|e| kind(e)).count();
        format!(
            "{} writes, {} flushes, {} discards; {} objects acknowledged",
            count(|e| matches!(e, Event::Write(_))),
            count(|e| *e == Event::Flush),
            count(|e| matches!(e, Event::Discard(_))),
            self.acknowledged.len(),
        )
    }
}

/// Boots the image for the first time and writes objects one after the other.
pub fn first_boot_and_a_busy_minute(lab: &mut Lab) -> Recording {
    let node = lab.other_node(NAME);
    let log = lab.dir().join("log");
    let logged = format!("LOG={}{LOGGED}", log.display());
    node.run_changed(&image::qcow2(), &[], &logged);
    let (mut acknowledged, begin) = (Vec::new(), Instant::now());
    while begin.elapsed() < BUSY {
        let _ = node.kubectl(&["create", "configmap", &object(acknowledged.len()), "--from-literal=a=b"]);
        // QEMU writes an operation to the log before it tells the guest that it is complete.
        acknowledged.push(fs::metadata(&log).unwrap().len());
    }
    node.cut_power();
    let bytes = virtual_bytes(&node.file("disk.qcow2"));
    let log = Log::read(HostDisk::open(&log).unwrap()).unwrap();
    Recording { log, base: image::raw(), bytes, acknowledged }
}

/// Gives the stopped machine another disk.
pub fn replace_disk(node: &Node, raw: &Path) {
    let [from, to] = [raw, &node.file("disk.qcow2")].map(|p| p.display().to_string());
    tool::run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", &from, &to]);
}

/// Name of the object with this index.
fn object(index: usize) -> String {
    format!("acknowledged-{index:04}")
}

/// Checks that a text names the first `expected` objects.
pub fn all_are_in(text: &str, expected: usize) {
    for index in 0..expected {
        assert!(
            text.contains(&object(index)),
            "{} was acknowledged, and is lost; there are\n{text}",
            object(index)
        );
    }
}

/// Size of the disk that a qcow2 holds.
fn virtual_bytes(path: &Path) -> u64 {
    let text = tool::run("qemu-img", &["info", "--output=json", &path.display().to_string()]);
    let info: serde_json::Value = serde_json::from_str(&text).unwrap();
    info["virtual-size"].as_u64().unwrap()
}
