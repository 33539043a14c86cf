//! Which packages are needed: the closure of what is wanted over `Pre-Depends` and `Depends`.
//!
//! No solver: in one release every package has few versions and the newest is the wanted one, so the first
//! alternative that can be satisfied is taken, as a plain `apt-get install` does on an empty system.

use std::collections::{BTreeMap, BTreeSet};

use super::control::{self, Stanza};
use super::relation::{self, Relation};
use super::version;
use super::wanted::{Use, Wanted};
use crate::error::{Error, Result};

/// A package index, by name; of several versions the newest.
pub(crate) struct Index<'a> {
    file: String,
    packages: BTreeMap<&'a str, Stanza<'a>>,
    /// Virtual names and who provides them.
    provided: BTreeMap<&'a str, Vec<&'a str>>,
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
    /// Parses a `Packages` file.
    pub(crate) fn parse(file: &str, text: &'a str) -> Result<Index<'a>> {
        let mut index = Index { file: file.to_owned(), packages: BTreeMap::new(), provided: BTreeMap::new() };
        for stanza in control::parse(file, text)? {
            let name = stanza.need(file, "Package")?;
            let version = stanza.need(file, "Version")?;
            let old = index.packages.get(name).and_then(|s| s.get("Version"));
            if old.is_some_and(|old| version::compare(old, version).is_ge()) {
                continue;
            }
            index.packages.insert(name, stanza);
        }
        for (name, stanza) in &index.packages {
            for virtual_name in stanza.get("Provides").unwrap_or_default().split(',') {
                let virtual_name = virtual_name.split('(').next().unwrap_or_default().trim();
                index.provided.entry(virtual_name).or_default().push(name);
            }
        }
        Ok(index)
    }

    /// Returns a package's stanza.
    pub(crate) fn get(&self, name: &str) -> Option<&Stanza<'a>> {
        self.packages.get(name)
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Returns the package that satisfies a relation, if one does.
    fn find(&self, relation: &Relation<'_>) -> Option<&'a str> {
        let real = self.packages.get_key_value(relation.name);
        if let Some((name, stanza)) = real
            && relation.allows(stanza.get("Version").unwrap_or_default())
        {
            return Some(name);
        }
        let provided = self.provided.get(relation.name).filter(|_| relation.unversioned())?;
        provided.first().copied()
    }
}

/// Returns every package that is needed, by name. Only `root` packages bring what they depend on: of the
/// others single files are read.
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

/// Returns what one package needs itself, without what is excluded.
fn needs<'a>(index: &Index<'a>, excluded: &[String], name: &str) -> Result<Vec<&'a str>> {
    let Some(stanza) = index.get(name) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for field in ["Pre-Depends", "Depends"].into_iter().filter_map(|f| stanza.get(f)) {
        for (text, alternatives) in relation::parse(&index.file, stanza.line, field)? {
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
        let index = Index::parse("Packages", INDEX)?;
        let wanted = wanted::parse("f", list)?;
        let chosen = resolve(&index, &wanted)?;
        Ok(chosen.values().map(|c| format!("{} {:?} {:?}", c.name, c.uses, c.wanted_by)).collect())
    }

    #[test]
    fn takes_the_closure_with_the_newest_versions() {
        let found = names("root a why\nbuild src why\nnot debconf why").unwrap();
        assert_eq!(
            found,
            [
                r#"a {Root} {"packages.list"}"#,
                r#"base {Root} {"lib"}"#,
                r#"lib {Root} {"a", "base"}"#,
                r#"real {Root} {"a"}"#,
                r#"src {Build} {"packages.list"}"#,
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
            assert_eq!(error, format!("resolving packages: nothing satisfies {relation:?}, wanted by {by}"));
        }
    }
}
