//! The mounts of the root, and the trees that are copied or linked into them.

use std::path::Path;

use sys::MountFlags;

use super::files;
use crate::base::Base;

/// Where `/etc` is put together before it is moved over the image's.
const NEW_ETC: &str = "/run/etc";
/// CNI plugins of the image, and where the runtime looks for them.
const CNI_IMAGE: &str = "/usr/libexec/cni";
const CNI_PLACE: &str = "/opt/cni/bin";

/// A mount: type, place, flags, options.
type Entry = (&'static str, &'static str, MountFlags, &'static str);

/// Returns the mounts in their order.
fn entries() -> [Entry; 9] {
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let files = MountFlags::NOSUID | MountFlags::NODEV;
    let terminals = MountFlags::NOSUID | MountFlags::NOEXEC;
    [
        ("tmpfs", "/tmp", files, "mode=1777,size=20%"),
        ("tmpfs", CNI_PLACE, files, "mode=0755,size=64m"),
        ("tmpfs", "/usr/libexec/kubernetes/kubelet-plugins", files, "mode=0755,size=64m"),
        ("devpts", "/dev/pts", terminals, "gid=5,mode=0620,ptmxmode=0666"),
        ("tmpfs", "/dev/shm", files, "mode=1777"),
        ("mqueue", "/dev/mqueue", safe, ""),
        ("cgroup2", "/sys/fs/cgroup", safe, "nsdelegate,memory_recursiveprot"),
        ("bpf", "/sys/fs/bpf", safe, "mode=0700"),
        ("securityfs", "/sys/kernel/security", safe, ""),
    ]
}

/// Makes all mounts, then shares the whole tree: what containers mount must be seen by the kubelet.
pub(super) fn mount_all(base: &mut Base) {
    let etc = mount_etc();
    base.say(etc);
    for (fstype, target, flags, data) in entries() {
        // Below /dev and /sys the directory may have to be made; on the root the image has it.
        drop(std::fs::create_dir(target));
        base.say(sys::mount((fstype, fstype), Path::new(target), flags, data));
    }
    // A node that runs no pods has none.
    if Path::new(CNI_IMAGE).is_dir() {
        base.say(files::link_all(Path::new(CNI_IMAGE), Path::new(CNI_PLACE)));
    }
    base.say(sys::share(Path::new("/")));
}

/// Makes `/etc` writable: a copy of the image's in memory.
fn mount_etc() -> anyhow::Result<()> {
    let new = Path::new(NEW_ETC);
    std::fs::create_dir_all(new)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    sys::mount(("tmpfs", "etc"), new, flags, "mode=0755,size=16m")?;
    files::copy_tree(Path::new("/etc"), new)?;
    sys::move_mount(new, Path::new("/etc"))?;
    Ok(std::fs::remove_dir(new)?)
}
