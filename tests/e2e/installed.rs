//! An empty disk becomes a node: a machine that runs from the medium installs itself with a config, starts from its disk
//! while the medium is still there, and does not install itself twice. What can't be meant is refused, and an
//! installation that a power cut ends is repeated.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::lab::Lab;
use e2e::medium::{self, Live};
use e2e::node::wait;
use e2e::tool;
use serde_json::Value;

/// Length of the disk that is installed to, and of one that is too small.
const DISK_BYTES: u64 = 8 << 30;
const SMALL_BYTES: u64 = 1 << 30;
/// How much of it is written when the power goes: more than the file systems, less than the root.
const CUT_BYTES: u64 = 100 << 20;
/// Length of what makes a disk start.
const TABLE_BYTES: usize = 4096;
/// `st_blocks` counts in these.
const STAT_BLOCK_BYTES: u64 = 512;

/// Shows it.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let dir = lab.dir().join("installed");
    let machine = Machine::new(&dir);
    let me = dir.join("me").display().to_string();
    tool::run(tool::ironhull(), &["config", "init", &me, "--hostname", "installed"]);
    let config = format!("{me}/node.yaml");

    let live = Live::start(&dir, &machine.devices(First::Disk));
    refuses(&live);
    machine.cut_off(live);
    installs(Live::start(&dir, &machine.devices(First::Disk)), &me, &config);

    // With the medium first, and a config that orders it: once is enough.
    let order = "install: { disk: { serial: target }, wipe: true }\n";
    let user_data =
        fs::read_to_string(&config).unwrap().replacen("# labels:", &format!("{order}# labels:"), 1);
    assert!(user_data.contains(order));
    let seed = seed(&dir, user_data);
    for (first, name) in [(First::Cd, "sr0"), (First::Stick, "sda")] {
        let mut devices = machine.devices(first);
        devices.extend(seed.clone());
        let status = Live::start(&dir, &devices).status();
        assert_eq!((&status["reason"], &status["medium"]), (&"installed".into(), &name.into()), "{status}");
    }
}

/// Installs, and waits until the installed node answers.
fn installs(mut live: Live, me: &str, config: &str) {
    let done = live.ask(&["install", "--disk", "serial=target", "--config", config]);
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{told}\n{}", live.said());
    assert!(told.contains("reading back /dev/vda"), "{told}");
    // The machine resets by itself, and its firmware starts the disk first.
    live.machine.wait_for("config from api");
    let status = || {
        let words = ["--json", "node", &live.address, "--credentials", me, "status"];
        let output = tool::output(Command::new(tool::ironhull()).args(words));
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
    };
    wait("the installed node answers", || status()["nodeName"] == "installed");
    let status = status();
    let (source, slot) = (&status["config"]["source"], &status["boot"]["slot"]);
    assert_eq!((source, slot), (&"api".into(), &"a".into()), "{status}");
    live.machine.end();
}

/// Orders that nothing comes of.
fn refuses(live: &Live) {
    for (selector, expected) in [
        ("serial=none", "no disk is serial=none"),
        ("/dev/sr0", "is the installation medium itself"),
        ("size=2GiB", "no disk is size=2GiB"),
        (
            "transport=virtio",
            "/dev/vda and /dev/vdb and /dev/vdc are transport=virtio, expected exactly one disk",
        ),
        ("serial=small", "/dev/vdb has 1073741824 bytes, the image needs "),
        ("serial=data", "/dev/vdc holds data: something other than zeros in its last MiB"),
    ] {
        let refused = live.ask(&["install", "--disk", selector]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && told.contains(expected), "{selector}: {told}");
    }
}

/// Makes a CD with user-data; returns QEMU's words for it.
fn seed(dir: &Path, user_data: String) -> [String; 4] {
    let seed = dir.join("seed.iso");
    let files = BTreeMap::from([("user-data".to_owned(), user_data.into_bytes())]);
    fs::write(&seed, formats::iso9660::write("cidata", &files).unwrap()).unwrap();
    let drive = format!("if=none,id=seed,format=raw,media=cdrom,readonly=on,file={}", seed.display());
    ["-drive", &drive, "-device", "ide-cd,drive=seed,bus=ide.2"].map(str::to_owned)
}

/// What the firmware starts first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    /// The disk; the medium is a CD.
    Disk,
    /// The medium, a CD.
    Cd,
    /// The medium, a USB stick.
    Stick,
}

/// The files behind a machine: the medium, the disk that is installed to, one too small, and one that holds data.
struct Machine {
    iso: PathBuf,
    disks: [(&'static str, PathBuf); 3],
}

impl Machine {
    fn new(dir: &Path) -> Machine {
        let iso = medium::build(dir);
        let disks =
            [("target", DISK_BYTES), ("small", SMALL_BYTES), ("data", DISK_BYTES)].map(|(name, bytes)| {
                let path = dir.join(name);
                let file = File::create(&path).unwrap();
                file.set_len(bytes).unwrap();
                if name == "data" {
                    file.write_all_at(b"data", bytes - 4).unwrap();
                }
                (name, path)
            });
        Machine { iso, disks }
    }

    /// Returns QEMU's words for them.
    fn devices(&self, first: First) -> Vec<String> {
        let [medium, disk] = if first == First::Disk { [1, 0] } else { [0, 1] };
        let media = if first == First::Stick { "media=disk,readonly=on" } else { "media=cdrom,readonly=on" };
        let drive = match first {
            First::Stick => format!("usb-storage,drive=medium,bootindex={medium}"),
            _ => format!("ide-cd,drive=medium,bus=ide.1,bootindex={medium}"),
        };
        let mut words = vec!["-device".into(), "qemu-xhci".into()];
        words.extend(["-drive".into(), medium::drive(&self.iso, media), "-device".into(), drive]);
        for (number, (name, path)) in self.disks.iter().enumerate() {
            let drive = format!("if=none,id={name},format=raw,discard=unmap,file={}", path.display());
            let device = format!("virtio-blk-pci,drive={name},serial={name},bootindex={}", disk + 2 * number);
            words.extend(["-drive".into(), drive, "-device".into(), device]);
        }
        words
    }

    /// Cuts the power while the disk is written: it has no partition table then.
    fn cut_off(&self, live: Live) {
        let (_, target) = &self.disks[0];
        let begun = live.ask(&["install", "--disk", "serial=target", "--no-wait"]);
        assert!(begun.status.success(), "{}", String::from_utf8_lossy(&begun.stderr));
        wait("a part of the disk is written", || {
            fs::metadata(target).unwrap().blocks() * STAT_BLOCK_BYTES > CUT_BYTES
        });
        drop(live);
        let mut first = [1; TABLE_BYTES];
        File::open(target).unwrap().read_exact_at(&mut first, 0).unwrap();
        assert_eq!(first, [0; TABLE_BYTES], "the installation was complete before the power was cut");
    }
}
