//! Which packages are needed: the requested ones and, recursively, their `Pre-Depends` and `Depends`.
//!
//! There is no solver: one release has few versions of each package and the newest is the wanted one, so the
//! first alternative that can be satisfied is taken, as a plain `apt-get install` does on an empty system.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::Archive;
use super::control::{self, Stanza};
use super::relation::{self, Relation};
use super::version;
use super::wanted::{Use, Wanted};
use crate::error::{Error, Result};

/// The package indexes of all archives, by name: the newest version of each, or the first of equal ones.
pub(crate) struct Index<'a> {
    packages: BTreeMap<&'a str, Package<'a>>,
    /// Virtual packages and their providers.
    provided: BTreeMap<&'a str, Vec<&'a str>>,
}

/// A package of an index.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    pub(crate) archive: Archive,
    pub(crate) stanza: Stanza<'a>,
}

impl Package<'_> {
    /// Returns the name of its index, for errors.
    pub(crate) fn file(&self) -> String {
        index_name(self.archive)
    }
}

fn index_name(archive: Archive) -> String {
    format!("Packages of {}", archive.suite())
}

/// One package that is needed.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) name: &'a str,
    pub(crate) uses: BTreeSet<Use>,
    pub(crate) wanted_by: BTreeSet<&'a str>,
}

/// Stands in `wanted_by` for the list itself.
pub(crate) const THE_LIST: &str = "packages.list";

impl<'a> Index<'a> {
    /// Parses the `Packages` files of archives.
    pub(crate) fn parse(texts: &'a [(Archive, String)]) -> Result<Index<'a>> {
        let mut index = Index { packages: BTreeMap::new(), provided: BTreeMap::new() };
        for (archive, text) in texts {
            index.add(*archive, text)?;
        }
        for (name, package) in &index.packages {
            for virtual_name in package.stanza.get("Provides").unwrap_or_default().split(',') {
                let virtual_name = virtual_name.split('(').next().unwrap_or_default().trim();
                index.provided.entry(virtual_name).or_default().push(name);
            }
        }
        Ok(index)
    }

    fn add(&mut self, archive: Archive, text: &'a str) -> Result<()> {
        let file = index_name(archive);
        for stanza in control::parse(&file, text)? {
            let name = stanza.need(&file, "Package")?;
            let version = stanza.need(&file, "Version")?;
            let old = self.packages.get(name).and_then(|p| p.stanza.get("Version"));
            if old.is_none_or(|old| version::compare(old, version).is_lt()) {
                self.packages.insert(name, Package { archive, stanza });
            }
        }
        Ok(())
    }

    /// Returns the package with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Package<'a>> {
        self.packages.get(name)
    }

    /// Returns a package that satisfies a relation, if there is one.
    fn find(&self, relation: &Relation<'_>) -> Option<&'a str> {
        let real = self.packages.get_key_value(relation.name);
        if let Some((name, package)) = real
            && relation.allows(package.stanza.get("Version").unwrap_or_default())
        {
            return Some(name);
        }
        let provided = self.provided.get(relation.name).filter(|_| relation.unversioned())?;
        provided.first().copied()
    }
}

/// Returns every needed package, sorted by name. Dependencies are included only for packages of use `root`:
/// of the others only single files are read.
pub(crate) fn resolve<'a>(index: &Index<'a>, wanted: &'a Wanted) -> Result<BTreeMap<&'a str, Chosen<'a>>> {
    let mut chosen: BTreeMap<&'a str, Chosen<'a>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for (kind, name) in &wanted.packages {
        let Some((&name, _)) = index.packages.get_key_value(name.as_str()) else {
            return Err(Error::Unsatisfied { relation: name.clone(), wanted_by: THE_LIST.to_owned() });
        };
        add(&mut chosen, name, *kind, THE_LIST);
        if *kind == Use::Root {
            waiting.push(name);
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if !seen.insert(name) {
            continue;
        }
        for needed in needs(index, &wanted.excluded, name)? {
            add(&mut chosen, needed, Use::Root, name);
            waiting.push(needed);
        }
    }
    Ok(chosen)
}

fn add<'a>(chosen: &mut BTreeMap<&'a str, Chosen<'a>>, name: &'a str, kind: Use, by: &'a str) {
    let new = || Chosen { name, uses: BTreeSet::new(), wanted_by: BTreeSet::new() };
    let entry = chosen.entry(name).or_insert_with(new);
    entry.uses.insert(kind);
    entry.wanted_by.insert(by);
}

/// Returns the direct dependencies of a package, without excluded ones.
fn needs<'a>(index: &Index<'a>, excluded: &[String], name: &str) -> Result<Vec<&'a str>> {
    let Some(package) = index.get(name) else { return Ok(Vec::new()) };
    let (file, stanza) = (package.file(), &package.stanza);
    let mut found = Vec::new();
    for field in ["Pre-Depends", "Depends"].into_iter().filter_map(|f| stanza.get(f)) {
        for (text, alternatives) in relation::parse(&file, stanza.line, field)? {
            if alternatives.is_empty() || alternatives.iter().any(|r| excluded.iter().any(|e| e == r.name)) {
                continue;
            }
            let best = alternatives.iter().find_map(|r| index.find(r));
            found.push(best.ok_or_else(|| Error::Unsatisfied {
                relation: text.to_owned(),
                wanted_by: name.to_owned(),
            })?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::wanted;
    use super::*;

    const INDEX: &str = "Package: a\nVersion: 1\nDepends: lib (>= 2), debconf | debconf-2.0, x | virt\n\n\
        Package: lib\nVersion: 1.9\n\nPackage: lib\nVersion: 2.0\nPre-Depends: base\n\n\
        Package: lib\nVersion: 1.0\n\nPackage: base\nVersion: 1\nDepends: lib\n\n\
        Package: real\nVersion: 1\nProvides: virt, other (= 2)\n\nPackage: src\nVersion: 1\nDepends: nothing\n\n\
        Package: broken\nVersion: 1\nDepends: lib (>= 3)\n";

    fn names(list: &str) -> Result<Vec<String>> {
        let security = "Package: base\nVersion: 1+deb13u1\nDepends: lib, fixed\n\nPackage: fixed\nVersion: 1\n\n\
            Package: lib\nVersion: 1.9+deb13u1\n\nPackage: real\nVersion: 1\n";
        let texts = [(Archive::Main, INDEX.to_owned()), (Archive::Security, security.to_owned())];
        let index = Index::parse(&texts)?;
        let wanted = wanted::parse("f", list)?;
        let chosen = resolve(&index, &wanted)?;
        let from = |name: &str| format!("{:?}", index.get(name).unwrap().archive).to_lowercase();
        let line = |c: &Chosen<'_>| format!("{} {} {:?} {:?}", from(c.name), c.name, c.uses, c.wanted_by);
        Ok(chosen.values().map(line).collect())
    }

    #[test]
    fn takes_the_closure_with_the_newest_versions_of_both_archives() {
        let found = names("root a why\nbuild src why\nnot debconf why").unwrap();
        assert_eq!(
            found,
            [
                r#"main a {Root} {"packages.list"}"#,
                r#"security base {Root} {"lib"}"#,
                r#"security fixed {Root} {"base"}"#,
                r#"main lib {Root} {"a", "base"}"#,
                r#"main real {Root} {"a"}"#,
                r#"main src {Build} {"packages.list"}"#,
            ]
        );
    }

    #[test]
    fn says_what_nothing_satisfies() {
        for (list, relation, by) in [
            ("root broken why", "lib (>= 3)", "broken"),
            ("root absent why", "absent", THE_LIST),
            ("root a why", "debconf | debconf-2.0", "a"),
        ] {
            let error = names(list).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("resolving packages: nothing satisfies {relation:?}, required by {by}")
            );
        }
    }
}
