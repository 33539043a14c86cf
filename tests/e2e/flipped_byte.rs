//! One flipped byte in the root: the machine does not run it, and prints the reason.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use e2e::lab::Lab;
use e2e::node::wait;
use e2e::{image, tool};

/// The test.
pub fn show(lab: &mut Lab) {
    let disk = lab.dir().join("flipped.raw");
    tool::run("cp", &["--sparse=always", &image::raw().display().to_string(), &disk.display().to_string()]);
    flip(lab, &disk);
    let node = lab.other_node("flipped");
    let mut run = node.ironhull();
    run.arg("run").arg(&disk).args(["--name", "flipped", "--time-limit", "4m"]);
    let mut run = run.stderr(std::process::Stdio::null()).spawn().unwrap();
    wait("the kernel stops", || node.serial().contains("Kernel panic"));
    let serial = node.serial();
    node.cut_power();
    assert!(!run.wait().unwrap().success());
    assert!(serial.contains("verity") && serial.contains("corrupted"), "{serial}");
    assert!(!serial.contains("stage config"), "damaged code ran:\n{serial}");
}

/// Flips one bit in the first block of noded.
fn flip(lab: &Lab, disk: &std::path::Path) {
    let root = fs::read(lab.root()).unwrap();
    let program = fs::read(lab.unpacked().join("usr/lib/ironhull/noded")).unwrap();
    let block = &program[..4096];
    let at = root.chunks(4096).position(|b| b == block).expect("noded stands in whole blocks");
    let (start, _) = image::partition(disk, slots::Partition::RootA);
    let file = File::options().write(true).open(disk).unwrap();
    file.write_all_at(&[block[100] ^ 1], start + at as u64 * 4096 + 100).unwrap();
}
