//! `packages.list`: the requested packages, each with its use and a reason.

use crate::error::{Error, Result};

/// What a package is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Its files are in the root file system.
    Root,
    /// The build reads files of it.
    Build,
    /// The operator's machine needs it to boot the image.
    Run,
}

impl Use {
    /// All uses, in the order of the lock.
    pub const ALL: [Use; 3] = [Use::Root, Use::Build, Use::Run];

    /// Returns its name in the list and the lock.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Use::Root => "root",
            Use::Build => "build",
            Use::Run => "run",
        }
    }

    /// Returns the use with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Use> {
        Use::ALL.into_iter().find(|u| u.name() == name)
    }
}

/// The parsed list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) packages: Vec<(Use, String)>,
    /// Packages that are never taken, even as dependencies.
    pub(crate) excluded: Vec<String>,
}

/// Parses the list; each line has a use, a name and a reason. `#` starts a comment line.
pub(crate) fn parse(file: &str, text: &str) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    for (index, line) in text.lines().enumerate() {
        let error = |message: String| Error::Syntax { file: file.to_owned(), line: index + 1, message };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        let (kind, name) = (words.next().unwrap_or_default(), words.next());
        let name = name.ok_or_else(|| error(format!("expected a package name after {kind:?}")))?.to_owned();
        if words.next().is_none() {
            return Err(error(format!("expected the reason why {name:?} is here, after its name")));
        }
        match Use::parse(kind) {
            Some(kind) => wanted.packages.push((kind, name)),
            None if kind == "not" => wanted.excluded.push(name),
            None => return Err(error(format!("expected root, build, run or not, found {kind:?}"))),
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_uses_and_exclusions() {
        let wanted = parse("f", "# c\n\nroot  iptables  rules are written with it\nnot debconf no scripts\n");
        let wanted = wanted.unwrap();
        assert_eq!(wanted.packages, [(Use::Root, "iptables".to_owned())]);
        assert_eq!(wanted.excluded, ["debconf"]);
    }

    #[test]
    fn names_the_line_and_what_it_expected() {
        for (text, message) in [
            ("root", "f:1: expected a package name after \"root\""),
            ("\nroot x", "f:2: expected the reason why \"x\" is here, after its name"),
            ("rot x y", "f:1: expected root, build, run or not, found \"rot\""),
        ] {
            assert_eq!(parse("f", text).unwrap_err().to_string(), message);
        }
    }
}
