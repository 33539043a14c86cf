//! A guest of our kernel with one program of ours and nothing else: what the kernel alone can show costs seconds so, where a boot of
//! the whole image takes a minute.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use formats::tree::{Kind, Node, Tree};

use crate::{image, tool};

/// Boots our kernel with `program`, a static one, as its only process, and `devices`, further arguments of QEMU. Returns what was written to the
/// console by the time that the program powers the guest off.
///
/// # Panics
/// If QEMU fails, or a file in `dir` can't be written.
#[must_use]
pub fn run(dir: &Path, program: &Path, devices: &[String]) -> String {
    let kernel = dir.join("kernel");
    image::extract_kernel(&kernel);
    let initrd = dir.join("initrd");
    let mut tree = Tree::new();
    let program = fs::read(program).expect("the program is built with the tests");
    let console = Node::new(Kind::CharDevice(5, 1), 0o600);
    let mut files =
        vec![("init", Node::file(program, 0o755)), ("dev", Node::directory()), ("dev/console", console)];
    files.extend(["etc", "mnt", "proc", "sys"].map(|at| (at, Node::directory())));
    for (at, node) in files {
        tree.insert(at, node).expect("each has a name of its own");
    }
    formats::cpio::write(&tree, 0, File::create(&initrd).expect("a file for the initrd"))
        .expect("writing the initrd");

    let serial = dir.join("serial");
    let mut qemu = Command::new("qemu-system-x86_64");
    // One thread for both processors: with two, QEMU sometimes executes kernel code that the other one is changing
    // (`Oops: int3`).
    qemu.args(["-accel", "tcg,thread=single", "-cpu", "max", "-m", "1024", "-smp", "2", "-no-reboot"]);
    qemu.args([
        "-nodefaults",
        "-display",
        "none",
        "-append",
        "console=ttyS0 quiet panic=-1 bonding.max_bonds=0",
    ]);
    qemu.arg("-kernel").arg(&kernel).arg("-initrd").arg(&initrd);
    qemu.arg("-serial").arg(format!("file:{}", serial.display())).args(devices);
    let output = tool::output(&mut qemu);
    assert!(output.status.success(), "{qemu:?}: {output:?}");
    String::from_utf8_lossy(&fs::read(&serial).expect("QEMU has made the file")).replace('\r', "")
}

/// Ends the guest from inside: prints `MARK-DONE`, or `MARK-FAILED` and why, and powers it off.
pub fn end(mark: &str, outcome: &anyhow::Result<()>) {
    match outcome {
        Ok(()) => println!("{mark}-DONE"),
        Err(e) => println!("{mark}-FAILED {e:#}"),
    }
    // The guest has nothing to lose, so it powers off at once.
    if let Err(e) = sys::leave(sys::Leave::PowerOff) {
        println!("{mark}-FAILED {e}");
    }
}
