//! The same image takes its config from a CD and from a USB stick: QEMU's fw_cfg has none.

use std::fs;
use std::path::Path;

use e2e::lab::Lab;
use e2e::{image, tool};

/// A CD drive and a stick, each with the file `$seed`.
const CD: &str =
    "-drive if=none,id=seed,format=raw,readonly=on,media=cdrom,file=$seed -device ide-cd,drive=seed";
const STICK: &str = "-drive if=none,id=seed,format=raw,readonly=on,file=$seed -device qemu-xhci -device usb-storage,drive=seed";

/// Shows it.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let dir = lab.dir().join("volumes");
    let made =
        tool::output(lab.other_node("volumes").ironhull().args(["config", "init", "--cloud-init"]).arg(&dir));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    configured(lab, &dir, CD, (&dir.join("seed.iso"), "sr0:user-data"));

    let stick = dir.join("stick");
    tool::run("mkfs.vfat", &["-n", "CIDATA", "-C", text(&stick), "2048"]);
    let packed = dir.join("user-data");
    fs::copy(dir.join("seed/user-data"), &packed).unwrap();
    tool::run("gzip", &["-n", text(&packed)]);
    let packed = packed.with_extension("gz");
    tool::run("mcopy", &["-i", text(&stick), text(&packed), "::user-data"]);
    configured(lab, &dir, STICK, (&stick, "sda:user-data"));
}

/// Runs a machine until its cluster is up, with a volume instead of the entry of fw_cfg.
fn configured(lab: &Lab, dir: &Path, device: &str, (seed, found_at): (&Path, &str)) {
    let node = lab.other_node(found_at.split(':').next().unwrap());
    let change = format!(
        "seed='{}'; n=$#; while [ $n -gt 0 ]; do a=$1; shift; n=$((n - 1)); case $a in \
         -fw_cfg) shift; n=$((n - 1)); set -- \"$@\" {device};; *) set -- \"$@\" \"$a\";; esac; done",
        seed.display()
    );
    let (config, credentials) = (dir.join("node.yaml"), text(dir));
    node.run_changed(&image::qcow2(), &["--user-data", text(&config), "--credentials", credentials], &change);
    let status = node.ask(&["--credentials", credentials, "status"]);
    let config = &status["config"];
    assert_eq!((&config["source"], &config["foundAt"]), (&"nocloud".into(), &found_at.into()), "{status}");
    assert_eq!(status["nodeName"], "node-1");
    let line =
        fs::read(format!("/proc/{}/cmdline", fs::read_to_string(node.file("pid")).unwrap().trim())).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains("fw_cfg"), "the machine has another source");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
