//! The whole update against a mirror on a local socket, with indexes signed by gpg and packages made by
//! dpkg-deb.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::*;
use crate::debian::release::gpg_tests::{Gpg, installed};
use crate::progress::Silent;

/// The time that gpg is told; signatures must not be older than the key.
const SIGNED: &str = "20250102T000000!";
const CHANGELOG: &str = "libx (1-1+deb13u1) trixie-security; urgency=medium\n\n  * Fix CVE-2026-12345.\n\n -- A  \
                         <a@example.org>\n\nlibx (1-1) unstable; urgency=medium\n\n  * CVE-2020-0001\n";

/// Responses by path: status and body; 404 for all other paths.
type Answers = Arc<Mutex<HashMap<String, (u16, Vec<u8>)>>>;

/// A mirror with both archives, `/debian` and `/debian-security`.
struct Site {
    gpg: Gpg,
    answers: Answers,
    /// The requested paths.
    asked: Arc<Mutex<Vec<String>>>,
    mirror: Mirror,
    dir: tempfile::TempDir,
}

impl Site {
    fn start() -> Site {
        let (answers, asked) = (Answers::default(), Arc::new(Mutex::new(Vec::new())));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mirror = Mirror::at(&format!("http://{}/debian", listener.local_addr().unwrap()), None);
        let (serves, notes) = (Arc::clone(&answers), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(|l| l.ok());
                let head: Vec<String> = lines.take_while(|l| !l.is_empty()).collect();
                let path = head[0].split(' ').nth(1).unwrap().to_owned();
                let (status, body) = serves.lock().unwrap().get(&path).cloned().unwrap_or((404, Vec::new()));
                notes.lock().unwrap().push(path);
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                // The client may close the connection first.
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        let gpg = Gpg::new("20250101T000000!", "never");
        Site { gpg, answers, asked, mirror, dir: tempfile::tempdir().unwrap() }
    }

    fn serve(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) {
        self.answers.lock().unwrap().insert(path.to_owned(), (status, body.into()));
    }

    /// Publishes an archive's index dated `day` September 2026, optionally with `Valid-Until`; requests for
    /// it by hash are refused.
    fn publish(&self, archive: Archive, (day, until): (u8, &str), packages: &str) {
        let base = match archive {
            Archive::Main => "/debian/dists/trixie",
            Archive::Security => "/debian-security/dists/trixie-security",
        };
        let packed = self.xz(packages);
        let (hash, size) = (Digest::of(&packed), packed.len());
        let codename = archive.suite();
        let release = format!(
            "Codename: {codename}\nVersion: 13.8\nDate: Tue, {day} Sep 2026 07:55:41 UTC\n{until}SHA256:\n {hash} \
             {size} {INDEX}\n"
        );
        self.serve(&format!("{base}/InRelease"), 200, self.gpg.sign_text(&release, SIGNED));
        self.serve(&format!("{base}/main/binary-amd64/by-hash/SHA256/{hash}"), 403, "");
        self.serve(&format!("{base}/{INDEX}"), 200, packed);
    }

    fn xz(&self, text: &str) -> Vec<u8> {
        let path = self.dir.path().join("Packages");
        fs::write(&path, text).unwrap();
        let output = Command::new("xz").arg("--stdout").arg(&path).output().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    fn update(&self, old: Option<&Lock>, age: Age) -> Result<Lock> {
        let request = Request {
            mirror: &self.mirror,
            keyring: &self.gpg.keyring(),
            list: ("packages.list", "root libx why"),
            old,
            age,
            progress: &Silent,
        };
        update(&Client::direct(), &request)
    }
}

/// Returns the stanza of a package in an index.
fn stanza(name: &str, version: &str, more: &str) -> String {
    let hash = Digest::of(version.as_bytes());
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\n{more}Filename: pool/{name}_{version}.deb\nSize: 7\n\
         SHA256: {hash}\n\n"
    )
}

/// Publishes version 1-1 of libx in the release, and 1-1+deb13u1 as a security fix.
fn with_a_fix() -> Site {
    let site = Site::start();
    let main = stanza("libx", "1-1", "Depends: liby\n") + &stanza("liby", "2", "");
    site.publish(Archive::Main, (12, ""), &main);
    site.publish(Archive::Security, (15, ""), &stanza("libx", "1-1+deb13u1", "Depends: liby\n"));
    site
}

#[test]
fn a_fix_comes_from_the_security_archive_and_the_rest_from_the_release() {
    if !installed() {
        return;
    }
    let site = with_a_fix();
    let lock = site.update(None, Age::Current).unwrap();
    let pins: Vec<_> =
        lock.packages.iter().map(|p| (p.name.as_str(), p.version.as_str(), p.archive)).collect();
    assert_eq!(pins, [("libx", "1-1+deb13u1", Archive::Security), ("liby", "2", Archive::Main)]);
    assert_eq!(lock.release.security_date.clone().unwrap().to_string(), "Tue, 15 Sep 2026 07:55:41 UTC");
    assert_eq!(Lock::parse("l", &lock.to_text()).unwrap(), lock);
    // The index was refused by hash, as an object store does, and then requested by name.
    let asked = site.asked.lock().unwrap();
    assert!(asked[1].contains("/by-hash/") && asked[2].ends_with("/Packages.xz"), "{asked:?}");
    assert!(asked[4].starts_with("/debian-security/"), "{asked:?}");
}

#[test]
fn an_older_or_expired_index_is_taken_only_on_purpose() {
    if !installed() {
        return;
    }
    let site = with_a_fix();
    let lock = site.update(None, Age::Current).unwrap();
    site.update(Some(&lock), Age::Current).unwrap();
    // An old index that Debian signed would hide the fix.
    site.publish(Archive::Security, (14, ""), "");
    let error = site.update(Some(&lock), Age::Current).unwrap_err().to_string();
    assert!(error.contains("/trixie-security/InRelease: expected one from Tue, 15 Sep 2026"), "{error}");
    assert_eq!(site.update(Some(&lock), Age::Any).unwrap().get("libx").unwrap().version, "1-1");
    site.publish(Archive::Security, (16, "Valid-Until: Tue, 22 Sep 2020 07:55:41 UTC\n"), "");
    let error = site.update(Some(&lock), Age::Current).unwrap_err().to_string();
    assert!(error.contains("expired on Tue, 22 Sep 2020") && error.contains("--allow-old"), "{error}");
    site.update(Some(&lock), Age::Any).unwrap();
}

#[test]
fn a_mirror_without_the_security_archive_is_an_error() {
    if !installed() {
        return;
    }
    let site = with_a_fix();
    site.answers.lock().unwrap().retain(|path, _| !path.starts_with("/debian-security"));
    let error = site.update(None, Age::Current).unwrap_err().to_string();
    assert!(
        error.contains("not found (HTTP 404)") && error.contains("name it with --security-mirror"),
        "{error}"
    );
}

/// Makes a .deb of libx with a changelog.
fn deb(dir: &Path) -> PathBuf {
    let docs = dir.join("libx/usr/share/doc/libx");
    fs::create_dir_all(&docs).unwrap();
    fs::create_dir(dir.join("libx/DEBIAN")).unwrap();
    let control = "Package: libx\nVersion: 1-1+deb13u1\nArchitecture: amd64\nMaintainer: A <a@example.org>\n\
                   Description: x\n";
    fs::write(dir.join("libx/DEBIAN/control"), control).unwrap();
    fs::write(docs.join("changelog.Debian"), CHANGELOG).unwrap();
    fs::write(docs.join("changelog"), "CVE-2020-9999").unwrap();
    for file in ["changelog.Debian", "changelog"] {
        assert!(Command::new("gzip").arg("-9n").arg(docs.join(file)).status().unwrap().success());
    }
    let built =
        Command::new("dpkg-deb").args(["--root-owner-group", "--build", "libx"]).current_dir(dir).output();
    assert!(built.unwrap().status.success());
    dir.join("libx.deb")
}

#[test]
fn tells_what_changed_and_which_flaws_that_closes() {
    if !installed() {
        return;
    }
    let site = with_a_fix();
    let lock = site.update(None, Age::Current).unwrap();
    let mut old = lock.clone();
    old.packages[0].version = "1-1".into();
    old.packages[0].source = "libx 1-1".into();
    old.packages[1].name = "libz".into();
    let deb = deb(site.dir.path());
    let rows = |fetch: &dyn Fn(&Locked) -> Result<PathBuf>| {
        let row = |c: Change| {
            let fixes = c.fixes.map(|f| f.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            format!("{} {} {} {fixes:?}", c.package, c.before, c.after)
        };
        Update::new(Some(&old), lock.clone(), fetch).changes.into_iter().map(row).collect::<Vec<_>>()
    };
    let others = [r#"liby  2 Ok("")"#, r#"libz 2  Ok("")"#];
    let found = rows(&|_| Ok(deb.clone()));
    assert_eq!(found[0], r#"libx 1-1 1-1+deb13u1 Ok("CVE-2026-12345")"#);
    assert_eq!(found[1..], others);
    // A package that can't be downloaded now does not make the lock invalid.
    let found = rows(&|_| Err(Error::NotFound { url: "u".into() }));
    assert_eq!(found[0], r#"libx 1-1 1-1+deb13u1 Err("fetching u: not found (HTTP 404)")"#);
    assert_eq!(found[1..], others);
}
