//! Which mounts to unmount before the machine stops, and in which order.

/// Trees that hold nothing and are needed to the end.
const KEPT: [&str; 4] = ["/proc", "/sys", "/dev", "/run"];

/// Returns the places to unmount, the last mounted first, out of `/proc/self/mountinfo`.
///
/// Everything goes but the root and the trees in [`KEPT`] themselves. Of what is below those, only
/// containers' file systems in `/run` go: they hold the data partition.
pub(super) fn to_leave(mountinfo: &str) -> Vec<String> {
    let places = mountinfo.lines().filter_map(|l| l.split(' ').nth(4)).map(unescape);
    let mut leaving: Vec<String> = places.filter(|p| leaves(p)).collect();
    leaving.reverse();
    leaving
}

/// Returns whether a place has to be unmounted.
fn leaves(place: &str) -> bool {
    let below = |tree: &str| place.strip_prefix(tree).is_some_and(|rest| rest.starts_with('/'));
    place != "/" && !KEPT.contains(&place) && !["/proc", "/sys", "/dev"].into_iter().any(below)
}

/// Undoes the kernel's escapes of blanks: `\040` and its like.
fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = tail.get(..3).and_then(|d| std::str::from_utf8(d).ok());
        let value = escape.filter(|_| *first == b'\\').and_then(|d| u8::from_str_radix(d, 8).ok());
        out.push(value.unwrap_or(*first));
        rest = if value.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_and_disks_go_and_the_kernels_trees_stay() {
        let info = "\
20 1 254:0 / / ro - erofs /dev/dm-0 ro
21 20 0:5 / /proc rw - proc proc rw
22 20 0:6 / /sys rw - sysfs sysfs rw
23 22 0:7 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
24 20 0:8 / /run rw - tmpfs tmpfs rw
25 20 254:7 / /state rw - ext4 /dev/vda7 rw
26 20 254:8 / /var rw - ext4 /dev/vda8 rw
27 24 0:40 / /run/containerd/x/rootfs rw - overlay overlay rw
28 26 0:41 / /var/lib/kubelet/a\\040b rw - tmpfs tmpfs rw
";
        let expected = ["/var/lib/kubelet/a b", "/run/containerd/x/rootfs", "/var", "/state"];
        assert_eq!(to_leave(info), expected);
    }

    #[test]
    fn nonsense_is_nothing_to_unmount() {
        assert!(to_leave("").is_empty());
        assert!(to_leave("a b c\n").is_empty());
        assert_eq!(unescape("\\04"), "\\04");
    }
}
