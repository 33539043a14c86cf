//! Which Debian mirror: the one this host already uses, whatever its own suite, or the one named.

use std::fs;
use std::path::{Path, PathBuf};

use weburl::WebUrl;

use super::control;
use crate::error::{Error, Result};

/// Base address of a mirror, without a slash at its end: `dists/` and `pool/` are below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror(WebUrl);

impl Mirror {
    /// Returns the mirror at an address.
    #[must_use]
    pub fn at(address: &str) -> Mirror {
        Mirror(WebUrl::new(address.trim_end_matches('/')))
    }

    /// Returns the address of a file below the mirror.
    #[must_use]
    pub fn url(&self, path: &str) -> WebUrl {
        WebUrl::new(format!("{}/{path}", self.0.secret()))
    }

    /// Finds the mirror in the apt sources of this host.
    ///
    /// # Errors
    /// [`Error::NoMirror`] with the files that were read.
    pub fn of_host() -> Result<Mirror> {
        Mirror::find(Path::new("/etc/apt"))
    }

    /// Finds the mirror in the apt sources below `etc`. A file that can't be read or parsed is skipped:
    /// it is the host's business, and another may do.
    fn find(etc: &Path) -> Result<Mirror> {
        let mut files = vec![etc.join("sources.list")];
        let mut parts: Vec<PathBuf> = fs::read_dir(etc.join("sources.list.d"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect();
        parts.sort();
        files.extend(parts);
        for file in &files {
            let Ok(text) = fs::read_to_string(file) else { continue };
            let found = match file.extension().and_then(|e| e.to_str()) {
                Some("sources") => in_sources(&text),
                Some("list") => in_list(&text),
                _ => None,
            };
            if let Some(mirror) = found {
                return Ok(mirror);
            }
        }
        Err(Error::NoMirror { looked_at: files.iter().map(|f| f.display().to_string()).collect() })
    }
}

/// Finds the first Debian entry of a one-line-style file.
fn in_list(text: &str) -> Option<Mirror> {
    text.lines().find_map(|line| {
        let line = line.split('#').next()?.trim();
        let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        debian(uri, [suite], words)
    })
}

/// Finds the first Debian entry of a deb822-style file.
fn in_sources(text: &str) -> Option<Mirror> {
    let stanzas = control::parse("sources", text).ok()?;
    stanzas.iter().find_map(|stanza| {
        let words = |name: &str| stanza.get(name).unwrap_or_default().split_whitespace();
        if !words("Types").any(|t| t == "deb") || words("Enabled").any(|e| e.eq_ignore_ascii_case("no")) {
            return None;
        }
        words("URIs").find_map(|uri| debian(uri, words("Suites"), words("Components")))
    })
}

/// Returns the mirror if the entry is Debian's own archive: component `main`, a suite that Debian has,
/// over http or https. Security and foreign archives have another layout and are passed over.
fn debian<'a>(
    uri: &str,
    suites: impl IntoIterator<Item = &'a str>,
    mut components: impl Iterator<Item = &'a str>,
) -> Option<Mirror> {
    const SUITES: &[&str] = &[
        "buster",
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "duke",
        "sid",
        "oldoldstable",
        "oldstable",
        "stable",
        "testing",
        "unstable",
    ];
    let web = uri.starts_with("http://") || uri.starts_with("https://");
    let ours = suites.into_iter().any(|s| SUITES.contains(&s));
    (web && ours && components.any(|c| c == "main")).then(|| Mirror::at(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_archive_among_the_hosts_sources() {
        let list = |text: &str| in_list(text).map(|m| m.0.secret().to_owned());
        let sources = |text: &str| in_sources(text).map(|m| m.0.secret().to_owned());
        let a = Some("http://a.example/debian".to_owned());
        for (found, expected) in [
            (list("deb http://a.example/debian/ bookworm main contrib\n"), a.clone()),
            (
                list(
                    "# deb http://b.example/ trixie main\ndeb [arch=amd64 signed-by=/x] http://a.example/debian sid main",
                ),
                a.clone(),
            ),
            (list("deb-src http://b.example/debian bookworm main"), None),
            (list("deb http://b.example/apt cloud-sdk main"), None),
            (list("deb http://b.example/debian-security bookworm-security main"), None),
            (list("deb cdrom:[x]/ bookworm main"), None),
            (list("deb http://b.example/debian bookworm contrib # main"), None),
            (list("deb"), None),
            (
                sources(
                    "Types: deb deb-src\nURIs: http://a.example/debian/\nSuites: bookworm bookworm-updates\nComponents: main\n",
                ),
                a.clone(),
            ),
            (
                sources(
                    "Types: deb\n# c\nURIs: http://b.example/s\nSuites: bookworm-security\nComponents: main\n\nTypes: deb\nURIs: file:/x http://a.example/debian\nSuites: trixie\nComponents: main\n",
                ),
                a.clone(),
            ),
            (
                sources(
                    "Types: deb\nEnabled: no\nURIs: http://b.example/debian\nSuites: trixie\nComponents: main\n",
                ),
                None,
            ),
            (sources("Types: deb\nURIs: https://b.example/node\nSuites: nodistro\nComponents: main\n"), None),
            (sources("garbage"), None),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn names_the_files_it_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sources.list.d")).unwrap();
        fs::write(dir.path().join("sources.list.d/x.list"), "deb http://b.example/ foo main").unwrap();
        let text = Mirror::find(dir.path()).unwrap_err().to_string();
        assert!(
            text.contains("sources.list, ") && text.contains("x.list\nhint: give one with --mirror"),
            "{text}"
        );
        fs::write(dir.path().join("sources.list"), "deb http://a.example/debian trixie main").unwrap();
        assert_eq!(Mirror::find(dir.path()).unwrap().url("dists").secret(), "http://a.example/debian/dists");
    }
}
