//! Relations between packages, as in `Depends` (Policy 7.1): groups of alternatives, each optionally with a
//! version and a list of architectures.

use std::cmp::Ordering;

use super::version;
use crate::error::{Error, Result};

/// One alternative: `libc6 (>= 2.38)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relation<'a> {
    pub(crate) name: &'a str,
    /// Operator and version.
    bound: Option<(&'a str, &'a str)>,
}

impl Relation<'_> {
    /// Returns whether a package of this version satisfies it.
    pub(crate) fn allows(&self, found: &str) -> bool {
        let Some((operator, wanted)) = self.bound else { return true };
        let order = version::compare(found, wanted);
        match operator {
            "<<" => order == Ordering::Less,
            "<=" => order != Ordering::Greater,
            "=" => order == Ordering::Equal,
            ">=" => order != Ordering::Less,
            _ => order == Ordering::Greater,
        }
    }

    /// Returns whether it has no version: only then can a package that provides the name without a version
    /// satisfy it.
    pub(crate) fn unversioned(&self) -> bool {
        self.bound.is_none()
    }
}

/// Parses a relation field into groups of alternatives, with the text of each group. Alternatives for other
/// architectures are left out.
pub(crate) fn parse<'a>(
    file: &str,
    line: usize,
    field: &'a str,
) -> Result<Vec<(&'a str, Vec<Relation<'a>>)>> {
    let groups = field.split(',').map(str::trim).filter(|g| !g.is_empty());
    groups
        .map(|group| {
            let alternatives: Option<Vec<_>> = group.split('|').map(|a| one(a.trim())).collect();
            let alternatives = alternatives.ok_or_else(|| Error::Syntax {
                file: file.to_owned(),
                line,
                message: format!("expected relations like `name (>= version)`, found {group:?}"),
            })?;
            Ok((group, alternatives.into_iter().flatten().collect()))
        })
        .collect()
}

/// Parses one alternative; `Some(None)` if it is only for another architecture.
fn one(text: &str) -> Option<Option<Relation<'_>>> {
    let (text, here) = match text.split_once('[') {
        Some((text, list)) => (text, for_amd64(list.strip_suffix(']')?)),
        None => (text, true),
    };
    let (name, bound) = match text.split_once('(') {
        Some((name, bound)) => (name, Some(parse_bound(bound.trim_end().strip_suffix(')')?)?)),
        None => (text, None),
    };
    // `name:any` accepts the package of any architecture.
    let name = name.trim().split(':').next()?;
    let sound = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (!name.is_empty() && name.chars().all(sound)).then_some(here.then_some(Relation { name, bound }))
}

/// Splits `>= 1.0` into operator and version.
fn parse_bound(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|c| !"<=>".contains(c))?;
    let (operator, version) = text.split_at(end);
    ["<<", "<=", "=", ">=", ">>"].contains(&operator).then_some((operator, version.trim()))
}

/// Returns whether an architecture list contains amd64, or excludes only others.
fn for_amd64(list: &str) -> bool {
    let named = |name: &str| ["amd64", "linux-any", "any-amd64", "any"].contains(&name);
    let mut negated = false;
    for word in list.split_whitespace() {
        match word.strip_prefix('!') {
            Some(name) if named(name) => return false,
            Some(_) => negated = true,
            None if named(word) => return true,
            None => {}
        }
    }
    negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_alternatives_versions_and_architectures() {
        let groups =
            parse("f", 1, "libc6 (>= 2.38), a:any | b (<< 1~), c [arm64], d [!arm64 !i386], e [amd64]")
                .unwrap();
        let names: Vec<Vec<_>> = groups.iter().map(|(_, g)| g.iter().map(|r| r.name).collect()).collect();
        assert_eq!(names, [vec!["libc6"], vec!["a", "b"], vec![], vec!["d"], vec!["e"]]);
        assert_eq!(groups[0].0, "libc6 (>= 2.38)");
        assert!(groups[1].1[0].unversioned());
        for (found, ok) in [("2.41-12", true), ("2.38", true), ("2.37", false), ("1:0", true)] {
            assert_eq!(groups[0].1[0].allows(found), ok, "{found}");
        }
        let exact = &parse("f", 1, "x1 (= 1.0), x2 (>> 1), x3 (<= 1)").unwrap();
        assert!(exact[0].1[0].allows("1.0") && !exact[0].1[0].allows("1.0-1"));
        assert!(exact[1].1[0].allows("2") && !exact[1].1[0].allows("1"));
        assert!(exact[2].1[0].allows("1") && !exact[2].1[0].allows("2"));
    }

    #[test]
    fn refuses_nonsense() {
        for bad in ["a(", "x (1.0)", "x (>< 1)", "x [amd64", "é", "x | | y"] {
            assert!(matches!(parse("f", 3, bad), Err(Error::Syntax { line: 3, .. })), "{bad:?}");
        }
    }
}
