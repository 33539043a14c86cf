//! The layout of the root: profile in, list of paths out. Pure.
//!
//! Debian's packages, which go under the plan, and `rootfs/overlay`, which goes over it, are left out.

use std::collections::BTreeMap;
use std::fmt;

use config::{Component, ImageProfile};

use crate::skeleton::{DIRECTORIES, LINKS, MULTI_CALL};

/// Everything that the plan puts into the root, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Relative paths and what stands there.
    pub entries: BTreeMap<String, Entry>,
}

/// One planned node, owned by root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directory with its mode.
    Directory(u16),
    /// A symbolic link and its target.
    Link(String),
    /// A file.
    File(Content),
}

/// Where the bytes of a planned file come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// A binary of a component.
    Component(Component, String),
    /// A program of this workspace.
    Program(&'static str),
    /// The container image of a program of this workspace.
    Archive(&'static str),
    /// A text that the builder writes.
    Text(Text),
}

/// A text that the builder writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// Certificate authorities, all in one file.
    Certificates,
    /// `os-release(5)`.
    OsRelease,
    /// What the node says of its image.
    Facts,
    /// The list of everything in the image.
    Sbom,
    /// The key set trusted for upgrade bundles.
    UpdateKeys,
}

impl Content {
    /// Returns the file's mode.
    #[must_use]
    pub fn mode(&self) -> u16 {
        match self {
            Content::Component(..) | Content::Program(_) => 0o755,
            Content::Archive(_) | Content::Text(_) => 0o644,
        }
    }
}

/// Programs of this workspace that lie on the root, by path.
const PROGRAMS: &[(&str, &str)] = &[("usr/lib/ironhull/init", "init"), ("usr/lib/ironhull/noded", "noded")];
/// Programs of this workspace that become container images.
pub const ARCHIVES: &[&str] = &["hello", "pause"];
/// Texts of the builder, by path.
const TEXTS: &[(&str, Text)] = &[
    ("etc/ssl/certs/ca-certificates.crt", Text::Certificates),
    ("usr/lib/os-release", Text::OsRelease),
    ("usr/share/ironhull/image.json", Text::Facts),
    ("usr/share/ironhull/sbom.spdx.json", Text::Sbom),
];

/// Where the key set is, if the profile names one.
const UPDATE_KEYS: &str = "usr/share/ironhull/update-keys.json";

/// Plans the root of `profile`; `binaries` are those of each component.
#[must_use]
pub fn plan(profile: &ImageProfile, binaries: &BTreeMap<Component, Vec<String>>) -> Plan {
    let mut plan = Plan::default();
    for (path, mode) in DIRECTORIES {
        plan.add(path, Entry::Directory(*mode));
    }
    for (path, target) in LINKS {
        plan.add(path, Entry::Link((*target).to_owned()));
    }
    for (path, name) in PROGRAMS {
        plan.add(path, Entry::File(Content::Program(name)));
    }
    for name in ARCHIVES {
        plan.add(&format!("usr/share/ironhull/images/{name}.tar"), Entry::File(Content::Archive(name)));
    }
    for (path, text) in TEXTS {
        plan.add(path, Entry::File(Content::Text(*text)));
    }
    if profile.update_keys.is_some() {
        plan.add(UPDATE_KEYS, Entry::File(Content::Text(Text::UpdateKeys)));
    }
    for component in &profile.components {
        for binary in binaries.get(component).into_iter().flatten() {
            plan.add_binary(*component, binary);
        }
    }
    plan
}

impl Plan {
    fn add(&mut self, path: &str, entry: Entry) {
        self.entries.insert(path.to_owned(), entry);
    }

    /// Adds a component's binary and the other names it answers to.
    fn add_binary(&mut self, component: Component, name: &str) {
        let directory = match component {
            Component::Cni => "usr/libexec/cni",
            _ => "usr/bin",
        };
        self.add(&format!("{directory}/{name}"), Entry::File(Content::Component(component, name.to_owned())));
        let others = MULTI_CALL.iter().filter(|(binary, _)| *binary == name).flat_map(|(_, others)| *others);
        for other in others {
            self.add(&format!("{directory}/{other}"), Entry::Link(name.to_owned()));
        }
    }
}

impl fmt::Display for Plan {
    /// One line an entry: mode, path, and where it comes from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, entry) in &self.entries {
            match entry {
                Entry::Directory(mode) => writeln!(f, "{mode:04o} {path}/")?,
                Entry::Link(target) => writeln!(f, "link {path} -> {target}")?,
                Entry::File(content) => writeln!(f, "{:04o} {path} = {content}", content.mode())?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Component(component, name) => write!(f, "{} {name}", component.name()),
            Content::Program(name) => write!(f, "program {name}"),
            Content::Archive(name) => write!(f, "container image of {name}"),
            Content::Text(text) => write!(f, "{text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> ImageProfile {
        let text = "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: x\nrole: single\n\
                    kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n";
        let profile = config::parse_profile("x.yaml", text).unwrap();
        ImageProfile { components: vec![Component::Kubernetes, Component::Cni], ..profile }
    }

    #[test]
    fn the_whole_plan() {
        let binaries = BTreeMap::from([
            (Component::Cni, vec!["bridge".to_owned()]),
            (Component::Etcd, vec!["etcd".to_owned()]),
            (Component::Kubernetes, vec!["kube".to_owned()]),
        ]);
        let expected = "\
link bin -> usr/bin
0755 dev/
0755 etc/
link etc/mtab -> ../proc/self/mounts
link etc/os-release -> ../usr/lib/os-release
0644 etc/ssl/certs/ca-certificates.crt = Certificates
link lib -> usr/lib
link lib64 -> usr/lib64
0755 mnt/
0755 opt/cni/bin/
0555 proc/
0700 root/
0755 run/
link sbin -> usr/sbin
0755 state/
0555 sys/
1777 tmp/
0755 usr/bin/kube = kubernetes kube
link usr/bin/kube-apiserver -> kube
link usr/bin/kube-controller-manager -> kube
link usr/bin/kube-proxy -> kube
link usr/bin/kube-scheduler -> kube
link usr/bin/kubectl -> kube
link usr/bin/kubelet -> kube
0755 usr/lib/ironhull/init = program init
0755 usr/lib/ironhull/noded = program noded
0644 usr/lib/os-release = OsRelease
0755 usr/libexec/cni/bridge = cni bridge
0755 usr/libexec/kubernetes/kubelet-plugins/
link usr/sbin/ip6tables -> ip6tables-nft
link usr/sbin/ip6tables-restore -> ip6tables-nft-restore
link usr/sbin/ip6tables-save -> ip6tables-nft-save
link usr/sbin/iptables -> iptables-nft
link usr/sbin/iptables-restore -> iptables-nft-restore
link usr/sbin/iptables-save -> iptables-nft-save
0644 usr/share/ironhull/image.json = Facts
0644 usr/share/ironhull/images/hello.tar = container image of hello
0644 usr/share/ironhull/images/pause.tar = container image of pause
0644 usr/share/ironhull/sbom.spdx.json = Sbom
0755 var/
";
        assert_eq!(plan(&profile(), &binaries).to_string(), expected);
        let updated = ImageProfile { update_keys: Some("keys.json".to_owned()), ..profile() };
        let text = plan(&updated, &binaries).to_string();
        let more = text.lines().filter(|l| !expected.contains(l)).collect::<Vec<_>>();
        assert_eq!(more, ["0644 usr/share/ironhull/update-keys.json = UpdateKeys"]);
    }
}
