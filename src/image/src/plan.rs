//! What goes where in the root: profile in, list of paths out. Pure.
//!
//! Left out are the two trees that come as trees: Debian's packages, laid under the plan, and
//! `rootfs/overlay`, laid over it.

use std::collections::BTreeMap;
use std::fmt;

use config::{Component, ImageProfile};

use crate::skeleton::{DIRECTORIES, KUBE_NAMES, LINKS};

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
        if name == "kube" {
            for other in KUBE_NAMES {
                self.add(&format!("{directory}/{other}"), Entry::Link(name.to_owned()));
            }
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
