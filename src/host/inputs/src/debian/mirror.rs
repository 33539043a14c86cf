//! Chooses the Debian mirror: the one given, or the one in the host's apt sources, whatever suite these use.
//!
//! The security archive has another path and often another host; it is found by the same rules. Of apt's
//! kinds of sources, `http`, `https` and mirror lists in a file (`mirror+file:`, as in Debian's cloud images)
//! are supported; the error names any other.

use std::fs;
use std::path::{Path, PathBuf};

use weburl::WebUrl;

use super::archive::Archive;
use super::control;
use crate::error::{Error, Result};

/// Base URLs of a mirror's archives, without a trailing slash: `dists/` and `pool/` are below them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    main: WebUrl,
    security: WebUrl,
}

impl Mirror {
    /// Returns the mirror at a URL; its security archive is beside it unless `security` is given.
    #[must_use]
    pub fn at(main: &str, security: Option<&str>) -> Mirror {
        let main = main.trim_end_matches('/');
        let security = security.map_or_else(|| beside(main), |s| s.trim_end_matches('/').to_owned());
        Mirror { main: WebUrl::new(main), security: WebUrl::new(security) }
    }

    /// Returns the URL of a file in an archive.
    #[must_use]
    pub fn url(&self, archive: Archive, path: &str) -> WebUrl {
        let base = match archive {
            Archive::Main => &self.main,
            Archive::Security => &self.security,
        };
        WebUrl::new(format!("{}/{path}", base.secret()))
    }

    /// Finds the mirror in the apt sources of this host; `security` is the URL of its security archive if the
    /// sources have none.
    ///
    /// # Errors
    /// [`Error::NoMirror`] if no source is usable, with the files that were read.
    pub fn of_host(security: Option<&str>) -> Result<Mirror> {
        Mirror::find(Path::new("/etc/apt"), security)
    }

    /// Finds the mirror in the apt sources below `etc`. A file that can't be read or parsed is skipped:
    /// fixing it is up to the host's owner, and another file may suffice.
    fn find(etc: &Path, security: Option<&str>) -> Result<Mirror> {
        let files = files(etc);
        let mut found = Found::default();
        for file in &files {
            let Ok(text) = fs::read_to_string(file) else { continue };
            let entries = match file.extension().and_then(|e| e.to_str()) {
                Some("sources") => in_sources(&text),
                Some("list") => in_list(&text),
                _ => Vec::new(),
            };
            for (archive, uri) in entries {
                found.take(archive, &uri);
            }
        }
        let Some(main) = &found.main else {
            let looked_at = files.iter().map(|f| f.display().to_string());
            let unread = found.unread.iter().map(|uri| format!("{uri} (neither http nor https)"));
            return Err(Error::NoMirror { looked_at: looked_at.chain(unread).collect() });
        };
        Ok(Mirror::at(main, security.or(found.security.as_deref())))
    }
}

/// The URLs found so far.
#[derive(Default)]
struct Found {
    main: Option<String>,
    security: Option<String>,
    /// URLs of Debian's archives that are not supported.
    unread: Vec<WebUrl>,
}

impl Found {
    /// Keeps an entry's URL, unless its archive already has one.
    fn take(&mut self, archive: Archive, uri: &str) {
        let place = match archive {
            Archive::Main => &mut self.main,
            Archive::Security => &mut self.security,
        };
        match address(uri) {
            Some(address) => drop(place.get_or_insert(address)),
            None => self.unread.push(WebUrl::new(uri)),
        }
    }
}

/// Lists the files that apt reads.
fn files(etc: &Path) -> Vec<PathBuf> {
    let parts = fs::read_dir(etc.join("sources.list.d")).into_iter().flatten().flatten();
    let mut parts: Vec<PathBuf> = parts.map(|e| e.path()).collect();
    parts.sort();
    parts.insert(0, etc.join("sources.list"));
    parts
}

/// Returns the most likely URL of the security archive: `debian-security` instead of `debian`, as on Debian's
/// own servers and most others; or the same URL, as in repositories that hold both.
fn beside(main: &str) -> String {
    let mut parts: Vec<&str> = main.split('/').collect();
    if let Some(part) = parts.iter_mut().rfind(|p| **p == "debian") {
        *part = "debian-security";
    }
    parts.join("/")
}

/// Returns the URL to download from, if there is one.
fn address(uri: &str) -> Option<String> {
    if is_web(uri) {
        return Some(uri.to_owned());
    }
    let path = uri.strip_prefix("mirror+file:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    first_of(&fs::read_to_string(path).ok()?)
}

fn is_web(uri: &str) -> bool {
    uri.starts_with("http://") || uri.starts_with("https://")
}

/// Returns the preferred URL of a mirror list: one URL a line, the one with the lowest `priority:N`. Those
/// that are restricted to certain kinds of files are left out. Spec: apt-transport-mirror(1).
fn first_of(list: &str) -> Option<String> {
    let choice = |line: &str| {
        let mut words = line.split_whitespace();
        let uri = words.next().filter(|u| is_web(u))?;
        let mut priority = u32::MAX;
        for word in words {
            match word.split_once(':')? {
                ("priority", number) => priority = number.parse().ok()?,
                ("type", _) => return None,
                _ => {}
            }
        }
        Some((priority, uri.to_owned()))
    };
    // Of equal priorities, the first one.
    list.lines().filter_map(choice).min_by_key(|(priority, _)| *priority).map(|(_, uri)| uri)
}

/// Finds the Debian entries of a one-line-style file.
fn in_list(text: &str) -> Vec<(Archive, String)> {
    let entry = |line: &str| {
        let line = line.split('#').next()?.trim();
        let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        Some((archive([suite], words)?, uri.to_owned()))
    };
    text.lines().filter_map(entry).collect()
}

/// Finds the Debian entries of a deb822-style file.
fn in_sources(text: &str) -> Vec<(Archive, String)> {
    let mut found = Vec::new();
    for stanza in control::parse("sources", text).unwrap_or_default() {
        let words = |name: &str| stanza.get(name).unwrap_or_default().split_whitespace();
        if !words("Types").any(|t| t == "deb") || words("Enabled").any(|e| e.eq_ignore_ascii_case("no")) {
            continue;
        }
        if let Some(archive) = archive(words("Suites"), words("Components")) {
            found.extend(words("URIs").map(|uri| (archive, uri.to_owned())));
        }
    }
    found
}

/// Returns the archive of Debian that an entry is for, according to component `main` and a suite of Debian;
/// `None` for other archives.
fn archive<'a>(
    suites: impl IntoIterator<Item = &'a str>,
    mut components: impl Iterator<Item = &'a str>,
) -> Option<Archive> {
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
    let of_suite = |suite: &str| {
        let security = suite.strip_suffix("-security").or_else(|| suite.strip_suffix("/updates"));
        match security {
            Some(name) => SUITES.contains(&name).then_some(Archive::Security),
            None => SUITES.contains(&suite).then_some(Archive::Main),
        }
    };
    let found = suites.into_iter().filter_map(of_suite).min()?;
    components.any(|c| c == "main" || c == "updates/main").then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the URLs of main and security archive in a file of `sources.list.d`.
    fn found(name: &str, text: &str) -> Option<(String, String)> {
        let etc = tempfile::tempdir().unwrap();
        fs::create_dir(etc.path().join("sources.list.d")).unwrap();
        fs::write(etc.path().join("sources.list.d").join(name), text).unwrap();
        let mirror = Mirror::find(etc.path(), None).ok()?;
        Some((mirror.main.secret().to_owned(), mirror.security.secret().to_owned()))
    }

    #[test]
    fn finds_the_archive_among_the_hosts_sources() {
        let list = |text: &str| found("x.list", text).map(|(main, _)| main);
        let sources = |text: &str| found("x.sources", text).map(|(main, _)| main);
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
    fn finds_the_security_archive_where_the_host_has_it_or_beside_the_other() {
        let list = |text: &str| found("x.list", text).unwrap().1;
        let main = "deb http://a.example/debian trixie main\n";
        for (security, expected) in [
            ("deb http://s.example/sec/ trixie-security main", "http://s.example/sec"),
            ("deb http://s.example/ buster/updates main", "http://s.example"),
            ("", "http://a.example/debian-security"),
        ] {
            assert_eq!(list(&format!("{main}{security}")), expected);
        }
        let at = |main: &str| Mirror::at(main, None).security.secret().to_owned();
        let snapshot = "http://s.example/archive/debian/20250520T000000Z/";
        assert_eq!(at(snapshot), "http://s.example/archive/debian-security/20250520T000000Z");
        assert_eq!(at("http://a.example:8081/both"), "http://a.example:8081/both");
        let named = Mirror::at("http://a.example/debian", Some("http://s.example/"));
        assert_eq!(named.url(Archive::Security, "dists").secret(), "http://s.example/dists");
    }

    #[test]
    fn reads_the_lists_that_cloud_images_have() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("debian.list");
        let text = format!(
            "Types: deb\nURIs: mirror+file://{}\nSuites: trixie trixie-updates\nComponents: main\n",
            path.display()
        );
        for (list, expected) in [
            ("# c\nhttps://a.example/debian\nhttps://b.example/debian\n", Some("https://a.example/debian")),
            (
                "http://b.example/debian\nhttp://c.example/debian\tpriority:2\nhttp://a.example/debian priority:1 arch:amd64\n",
                Some("http://a.example/debian"),
            ),
            ("http://b.example/i\ttype:index\nhttp://a.example/debian\n", Some("http://a.example/debian")),
            ("ftp://a.example/debian\n", None),
        ] {
            fs::write(&path, list).unwrap();
            assert_eq!(found("debian.sources", &text).map(|(main, _)| main).as_deref(), expected, "{list}");
        }
    }

    #[test]
    fn names_what_it_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sources.list.d")).unwrap();
        let text = "deb http://b.example/ foo main\ndeb mirror+https://u:s3cret@b.example/l sid main\n";
        fs::write(dir.path().join("sources.list.d/x.list"), text).unwrap();
        let text = Mirror::find(dir.path(), None).unwrap_err().to_string();
        let expected =
            "x.list, mirror+https://***@b.example/l (neither http nor https)\nhint: give one with --mirror";
        assert!(text.contains("sources.list, ") && text.contains(expected), "{text}");
        fs::write(dir.path().join("sources.list"), "deb http://a.example/debian trixie main").unwrap();
        let mirror = Mirror::find(dir.path(), None).unwrap();
        assert_eq!(mirror.url(Archive::Main, "dists").secret(), "http://a.example/debian/dists");
    }
}
