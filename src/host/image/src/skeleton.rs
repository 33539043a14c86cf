//! The parts of a root that do not depend on the profile: mount points, links, and the names of its programs.
//!
//! Directories are listed here because git keeps no empty ones; files with fixed content are in
//! `rootfs/overlay`.

/// Directories, with path and mode.
pub const DIRECTORIES: &[(&str, u16)] = &[
    // `init` mounts a file system here.
    ("dev", 0o755),
    ("etc", 0o755),
    ("opt/cni/bin", 0o755),
    ("proc", 0o555),
    ("run", 0o755),
    ("state", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr/libexec/kubernetes/kubelet-plugins", 0o755),
    ("var", 0o755),
    // Some programs expect it; empty.
    ("mnt", 0o755),
    ("root", 0o700),
];

/// Mount points on a node, where files of the image would be hidden. `etc` is one too, but its content is
/// copied to the mounted file system.
pub const MOUNTED: &[&str] = &[
    "dev",
    "opt/cni/bin",
    "proc",
    "run",
    "state",
    "sys",
    "tmp",
    "usr/libexec/kubernetes/kubelet-plugins",
    "var",
];

/// Symbolic links, with path and target. `/usr` is merged, as in Debian.
pub const LINKS: &[(&str, &str)] = &[
    ("bin", "usr/bin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
    ("sbin", "usr/sbin"),
    ("etc/mtab", "../proc/self/mounts"),
    ("etc/os-release", "../usr/lib/os-release"),
    // In Debian, maintainer scripts create these at installation; they are never run here.
    ("usr/sbin/ip6tables", "ip6tables-nft"),
    ("usr/sbin/ip6tables-restore", "ip6tables-nft-restore"),
    ("usr/sbin/ip6tables-save", "ip6tables-nft-save"),
    ("usr/sbin/iptables", "iptables-nft"),
    ("usr/sbin/iptables-restore", "iptables-nft-restore"),
    ("usr/sbin/iptables-save", "iptables-nft-save"),
];

/// Binaries that behave differently by the name they are called with, and their other names.
pub const MULTI_CALL: &[(&str, &[&str])] = &[
    ("calico", &["calico-ipam"]),
    ("containerd", &["ctr"]),
    (
        "kube",
        &["kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"],
    ),
];

/// Paths in Debian packages that a node has no use for: documentation, translations, completion, and files
/// for a package manager or another init. Certificates are in the image as one file; licences are kept.
///
/// Of the C library, the parts that no program of the root is linked with are removed: debugging tools,
/// vector mathematics, obsolete name services. Of iptables, the legacy binary, which nothing calls, and
/// scripts, since there is no shell.
pub const UNWANTED: &[&str] = &[
    "etc/alternatives",
    "etc/cron.daily",
    "etc/default",
    "etc/init.d",
    "etc/pam.d",
    "usr/bin/iptables-xml",
    "usr/lib/systemd",
    "usr/lib/tmpfiles.d",
    "usr/lib/x86_64-linux-gnu/libBrokenLocale.so.1",
    "usr/lib/x86_64-linux-gnu/libc_malloc_debug.so.0",
    "usr/lib/x86_64-linux-gnu/libip4tc.so.2",
    "usr/lib/x86_64-linux-gnu/libip4tc.so.2.0.0",
    "usr/lib/x86_64-linux-gnu/libip6tc.so.2",
    "usr/lib/x86_64-linux-gnu/libip6tc.so.2.0.0",
    "usr/lib/x86_64-linux-gnu/libmemusage.so",
    "usr/lib/x86_64-linux-gnu/libmvec.so.1",
    "usr/lib/x86_64-linux-gnu/libnsl.so.1",
    "usr/lib/x86_64-linux-gnu/libnss_compat.so.2",
    "usr/lib/x86_64-linux-gnu/libnss_hesiod.so.2",
    "usr/lib/x86_64-linux-gnu/libpcprofile.so",
    "usr/lib/x86_64-linux-gnu/libthread_db.so.1",
    "usr/sbin/ip6tables-apply",
    "usr/sbin/ip6tables-legacy",
    "usr/sbin/ip6tables-legacy-restore",
    "usr/sbin/ip6tables-legacy-save",
    "usr/sbin/iptables-apply",
    "usr/sbin/iptables-legacy",
    "usr/sbin/iptables-legacy-restore",
    "usr/sbin/iptables-legacy-save",
    "usr/sbin/swapoff",
    "usr/sbin/swapon",
    "usr/sbin/update-ca-certificates",
    "usr/sbin/xtables-legacy-multi",
    "usr/share/apport",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/ca-certificates",
    "usr/share/doc-base",
    "usr/share/info",
    "usr/share/initramfs-tools",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/menu",
    "var/cache",
    "var/lib",
];
