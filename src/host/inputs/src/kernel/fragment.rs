//! Configuration fragments: which options they set, and whether Kconfig kept them.
//!
//! Kconfig silently drops an option when one of its dependencies is off. A kernel without a requested option must not
//! be built.

use std::collections::BTreeMap;

use super::unstuck::Unstuck;
use crate::error::{Error, Result};

/// One option in a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) option: String,
    /// As written: `y`, `256`, `"text"`; `n` for "is not set".
    pub(super) value: String,
    pub(super) file: String,
    pub(super) line: usize,
}

/// Parses a fragment. Comments other than "is not set" are ignored.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let Some((option, value)) = setting(line) else {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            return Err(Error::Syntax {
                file: file.to_owned(),
                line: index + 1,
                message: format!("expected CONFIG_X=value or `# CONFIG_X is not set`, found {line:?}"),
            });
        };
        let (option, value) = (option.to_owned(), value.to_owned());
        wanted.push(Wanted { option, value, file: file.to_owned(), line: index + 1 });
    }
    Ok(wanted)
}

/// Parses a line that sets an option.
fn setting(line: &str) -> Option<(&str, &str)> {
    if let Some(off) = line.strip_prefix("# ").and_then(|l| l.strip_suffix(" is not set")) {
        return (off.starts_with("CONFIG_") && !off.contains(' ')).then_some((off, "n"));
    }
    let (option, value) = line.split_once('=')?;
    (option.starts_with("CONFIG_") && !value.is_empty()).then_some((option, value))
}

/// Refuses fragments that set one option to different values: the result would depend on their order.
pub(super) fn check_agreement(wanted: &[Wanted]) -> Result<()> {
    let mut seen: BTreeMap<&str, &Wanted> = BTreeMap::new();
    for want in wanted {
        match seen.insert(&want.option, want) {
            Some(before) if before.value != want.value => {
                return Err(Error::Syntax {
                    file: want.file.clone(),
                    line: want.line,
                    message: format!(
                        "{}={}, but {}:{} wants {}",
                        want.option, want.value, before.file, before.line, before.value
                    ),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns each requested option that `config` sets otherwise.
pub(super) fn unstuck(wanted: &[Wanted], config: &str) -> Vec<Unstuck> {
    let found: BTreeMap<&str, &str> = config.lines().filter_map(setting).collect();
    let differs = |w: &&Wanted| found.get(w.option.as_str()).copied().unwrap_or("n") != w.value;
    let lost = wanted.iter().filter(differs).map(|w| Unstuck {
        file: w.file.clone(),
        line: w.line,
        option: w.option.clone(),
        wanted: w.value.clone(),
        found: found.get(w.option.as_str()).copied().unwrap_or("n").to_owned(),
    });
    lost.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAGMENT: &str = "# Why.\n\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_N=256\nCONFIG_S=\"-x\"\n";

    #[test]
    fn all_that_stuck_is_silent() {
        let wanted = parse("f", FRAGMENT).unwrap();
        assert_eq!(wanted.len(), 4);
        for config in ["CONFIG_A=y\nCONFIG_N=256\nCONFIG_S=\"-x\"\n", FRAGMENT] {
            assert_eq!(unstuck(&wanted, config), []);
        }
    }

    #[test]
    fn names_what_did_not_stick() {
        let wanted = parse("base.config", FRAGMENT).unwrap();
        let lost = unstuck(&wanted, "CONFIG_A=m\nCONFIG_B=y\n# CONFIG_N is not set\nCONFIG_S=\"-x\"\n");
        let error = Error::Unstuck { lost }.to_string();
        assert!(
            error.starts_with(
                "configuring the kernel: 3 options not applied:\n  base.config:3: CONFIG_A: wanted y, found m\n  \
                 base.config:4: CONFIG_B: wanted n, found y\n  base.config:5: CONFIG_N: wanted 256, found n\nhint: "
            ),
            "{error}"
        );
    }

    #[test]
    fn refuses_nonsense_and_contradiction() {
        for bad in ["CONFIG_A", "FOO=y", "CONFIG_A=", "y"] {
            assert!(matches!(parse("f", &format!("\n{bad}")), Err(Error::Syntax { line: 2, .. })), "{bad}");
        }
        let mut wanted = parse("a", "CONFIG_X=y").unwrap();
        wanted.extend(parse("b", "\nCONFIG_X=y").unwrap());
        check_agreement(&wanted).unwrap();
        wanted.extend(parse("c", "# CONFIG_X is not set").unwrap());
        assert_eq!(check_agreement(&wanted).unwrap_err().to_string(), "c:1: CONFIG_X=n, but b:2 wants y");
    }

    #[test]
    fn the_shipped_fragments_parse_and_agree() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../kernel-config");
        let mut wanted = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            wanted.extend(
                parse(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap()).unwrap(),
            );
        }
        check_agreement(&wanted).unwrap();
        assert!(wanted.len() > 100);
    }
}
