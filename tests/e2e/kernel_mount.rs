//! The kernel sees in our root what `fsck.erofs` sees: each file's content, mode, owner and links.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use e2e::lab::Lab;
use e2e::listing::{self, MARK};
use e2e::{image, tool};
use formats::tree::{Node, Tree};

/// The test.
pub fn show(lab: &mut Lab) {
    let mut expected = Vec::new();
    listing::list(&lab.unpacked(), &mut |line| {
        expected.push(line.to_owned());
        Ok(())
    })
    .unwrap();
    let found = list_in_guest(lab.dir(), &lab.root());
    assert!(expected.len() > 300, "only {} lines", expected.len());
    for (e, f) in expected.iter().zip(&found) {
        assert_eq!(e, f);
    }
    assert_eq!(expected.len(), found.len());
}

/// Boots our kernel with the lister as its only program and `root` as its disk.
fn list_in_guest(dir: &Path, root: &Path) -> Vec<String> {
    let kernel = dir.join("kernel");
    image::extract_kernel(&kernel);
    let initrd = dir.join("initrd");
    let mut tree = Tree::new();
    tree.insert("init", Node::file(fs::read(env!("CARGO_BIN_EXE_lister")).unwrap(), 0o755)).unwrap();
    for at in ["dev", "mnt"] {
        tree.insert(at, Node::directory()).unwrap();
    }
    let console = Node::new(formats::tree::Kind::CharDevice(5, 1), 0o600);
    tree.insert("dev/console", console).unwrap();
    formats::cpio::write(&tree, 0, File::create(&initrd).unwrap()).unwrap();

    let serial = dir.join("serial");
    let mut qemu = Command::new("qemu-system-x86_64");
    // One thread for both processors: with two, QEMU sometimes executes kernel code that the other one is changing
    // (`Oops: int3`).
    qemu.args(["-accel", "tcg,thread=single", "-cpu", "max", "-m", "1024", "-smp", "2", "-no-reboot"]);
    qemu.args(["-nodefaults", "-display", "none", "-append", "console=ttyS0 quiet panic=-1"]);
    qemu.arg("-kernel").arg(&kernel).arg("-initrd").arg(&initrd);
    qemu.arg("-serial").arg(format!("file:{}", serial.display()));
    qemu.arg("-drive").arg(format!("if=virtio,format=raw,readonly=on,file={}", root.display()));
    let output = tool::output(&mut qemu);
    assert!(output.status.success(), "{qemu:?}: {output:?}");

    let text = String::from_utf8_lossy(&fs::read(&serial).unwrap()).replace('\r', "");
    assert!(text.contains("LIST-DONE"), "the guest did not finish:\n{text}");
    text.lines().filter(|l| l.starts_with(MARK)).map(str::to_owned).collect()
}
