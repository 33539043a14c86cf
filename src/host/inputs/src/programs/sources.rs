//! Which sources a program is made from, according to `Cargo.lock` alone: asking cargo takes longer than all
//! other checks of a warm build together.

use std::collections::{BTreeMap, BTreeSet};

/// One package of the lock.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    /// Whether it comes from a registry.
    foreign: bool,
    /// `name`, or `name version` if the name alone is ambiguous.
    dependencies: Vec<&'a str>,
    /// All its lines in the lock.
    text: String,
}

/// The sources of a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sources<'a> {
    /// Crates of the workspace, by name.
    pub(super) ours: BTreeSet<&'a str>,
    /// The lock's entries of all other crates, including their pins.
    pub(super) foreign: BTreeSet<String>,
}

/// Returns the sources of the workspace's package `name`; `None` if it is not in the lock. Dependencies of
/// tests are included, since the lock does not distinguish them.
pub(super) fn of<'a>(lock: &'a str, name: &str) -> Option<Sources<'a>> {
    let packages = parse(lock);
    let mut by_name: BTreeMap<&str, Vec<&Package<'a>>> = BTreeMap::new();
    for package in &packages {
        by_name.entry(package.name).or_default().push(package);
    }
    let root = packages.iter().find(|p| p.name == name && !p.foreign)?;
    let mut sources = Sources { ours: BTreeSet::new(), foreign: BTreeSet::new() };
    let mut seen = BTreeSet::new();
    let mut waiting = vec![root];
    while let Some(package) = waiting.pop() {
        if !seen.insert((package.name, package.version)) {
            continue;
        }
        if package.foreign {
            sources.foreign.insert(package.text.clone());
        } else {
            sources.ours.insert(package.name);
        }
        for dependency in &package.dependencies {
            let mut words = dependency.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            let found = by_name.get(name).into_iter().flatten();
            waiting.extend(found.filter(|p| version.is_none_or(|v| v == p.version)));
        }
    }
    Some(sources)
}

/// Parses the packages of a lock; cargo writes one key a line.
fn parse(lock: &str) -> Vec<Package<'_>> {
    let mut packages = Vec::new();
    for block in lock.split("[[package]]").skip(1) {
        let mut package = Package { text: block.trim().to_owned(), ..Package::default() };
        for line in block.lines() {
            let quoted = |key: &str| line.strip_prefix(key).map(|v| v.trim_matches('"'));
            if let Some(name) = quoted("name = ") {
                package.name = name;
            } else if let Some(version) = quoted("version = ") {
                package.version = version;
            } else if quoted("source = ").is_some() {
                package.foreign = true;
            } else if let Some(dependency) = line.strip_prefix(" \"") {
                package.dependencies.push(dependency.trim_end_matches(['"', ',']));
            }
        }
        packages.push(package);
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "init"
version = "0.1.0"
dependencies = [
 "libc",
 "rustix 1.1.6",
 "sys",
]

[[package]]
name = "libc"
version = "0.2.1"
source = "registry"
checksum = "aa"

[[package]]
name = "rustix"
version = "0.38.0"
source = "registry"

[[package]]
name = "rustix"
version = "1.1.6"
source = "registry"

[[package]]
name = "sys"
version = "0.1.0"

[[package]]
name = "image"
version = "0.1.0"
"#;

    #[test]
    fn takes_only_what_the_program_needs() {
        let sources = of(LOCK, "init").unwrap();
        assert_eq!(sources.ours, ["init", "sys"].into());
        let versions: Vec<_> = sources.foreign.iter().filter_map(|t| t.lines().nth(1)).collect();
        assert_eq!(versions, [r#"version = "0.2.1""#, r#"version = "1.1.6""#]);
        assert_eq!(of(LOCK, "absent"), None);
    }

    #[test]
    fn knows_the_shipped_programs() {
        let lock =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../Cargo.lock")).unwrap();
        for program in super::super::PROGRAMS {
            assert!(of(&lock, program.package).unwrap().ours.contains(program.package));
        }
    }
}
