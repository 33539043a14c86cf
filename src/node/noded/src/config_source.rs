//! Chooses the config that the node runs: the one in its user-data, otherwise the last accepted one.
//!
//! An accepted config is stored only after the snapshot of the state was taken ([`keep_accepted`]), since the
//! snapshot must contain the config that the previous generation accepted. That generation uses it if it
//! finds no other config that it can read.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use api::{ConfigFacts, PassedOver};
use config::user_data::parse_seed;
use config::{MAX_BYTES, NodeDocuments, parse_node_documents};
use snapshots::Store;
use userdata::{Found, Machine, Search};

use crate::console;

/// Path of the last accepted config.
const ACCEPTED: &str = "state/config/accepted.yaml";
/// Printed if there is no config at all.
const NOTHING_FOUND: &str = "no config found";
/// Printed after what was looked for.
const HINT: &str = "hint: attach a volume labelled cidata with the file user-data, or in QEMU: -fw_cfg \
                    name=opt/ironhull/config,file=FILE";
/// Pause between two searches while there is no config.
const PAUSE: Duration = Duration::from_secs(5);

/// A config that can be used.
#[derive(Debug)]
pub struct Accepted<T> {
    /// The documents.
    pub documents: NodeDocuments,
    /// The result of the check.
    pub checked: T,
    /// Where they come from, and errors of a newer config.
    pub facts: ConfigFacts,
    /// The text, if it comes from user-data: to be stored for the next boot.
    pub given: Option<String>,
}

/// Searches for a config until there is one. Without a config the node has no operator CA, so it can't serve
/// its API; it prints that on the console. `check` may refuse a well-formed config, for instance if a key
/// does not match its certificate; `waiting` is called after each search without a result.
pub fn wait<T>(check: impl Fn(&NodeDocuments) -> Result<T>, waiting: impl Fn()) -> Accepted<T> {
    let mut told = String::new();
    loop {
        match look(Path::new("/"), &check) {
            Ok(accepted) => {
                let facts = &accepted.facts;
                facts.passed_over.iter().for_each(|p| eprintln!("noded: {}: {}", p.source, p.reason));
                facts.found_at.iter().for_each(|at| eprintln!("noded: the config is {at}"));
                return accepted;
            }
            Err(e) => {
                let text = format!("{e:#}");
                if text != told {
                    console::announce(&format!(
                        "ironhull: no usable config, the node waits for one; without it there is no node API\n{text}"
                    ));
                    told = text;
                }
            }
        }
        waiting();
        thread::sleep(PAUSE);
    }
}

/// Stores a config for the next boot; a failure is logged. A full disk is no reason to refuse a valid config.
pub fn keep_accepted(text: &str) {
    let path = Path::new("/").join(ACCEPTED);
    if let Err(e) = keep(&path, text) {
        console::announce(&format!("ironhull: keeping the config as {}: {e:#}", path.display()));
    }
}

/// Searches once, on the machine whose file system begins at `root`. If the config is invalid, the errors are
/// reported and the last accepted one is used.
fn look<T>(root: &Path, check: &dyn Fn(&NodeDocuments) -> Result<T>) -> Result<Accepted<T>> {
    let searched = userdata::find(&Machine::at(root));
    let passed_over = searched.as_ref().map(passed_over).unwrap_or_default();
    let refused = match searched {
        Ok(Search { found: None, .. }) => None,
        Err(e) => Some(e.to_string()),
        Ok(Search { found: Some(found), .. }) => match accept(&found, check) {
            Err(e) => Some(format!("{e:#}")),
            Ok(accepted) => {
                let facts = ConfigFacts { passed_over, ..accepted.facts };
                return Ok(Accepted { facts, ..accepted });
            }
        },
    };
    let mut problems: Vec<String> = refused.iter().cloned().collect();
    for kept in kept_ones(root) {
        let parsed = read(&kept).and_then(|text| match text {
            Some(text) => parse(&kept.display().to_string(), &text, check).map(Some),
            None => Ok(None),
        });
        match parsed {
            Ok(None) => {}
            Ok(Some((documents, checked))) => {
                if let Some(text) = &refused {
                    console::announce(&format!(
                        "ironhull: the new config is refused, the last good one runs\n{text}"
                    ));
                }
                let errors = problems.iter().flat_map(|t| t.lines()).map(str::to_owned).collect();
                let source = Some("last-accepted".into());
                let facts = ConfigFacts { source, errors, passed_over, ..ConfigFacts::default() };
                return Ok(Accepted { documents, checked, facts, given: None });
            }
            Err(e) => problems.push(format!("{e:#}")),
        }
    }
    match problems.is_empty() {
        true => {
            let asked = passed_over.iter().map(|p| format!("{}: {}\n", p.source, p.reason));
            bail!("{NOTHING_FOUND}\n{}{HINT}", asked.collect::<String>())
        }
        false => bail!("{}", problems.join("\n")),
    }
}

/// Parses and checks what a source has.
fn accept<T>(found: &Found, check: &dyn Fn(&NodeDocuments) -> Result<T>) -> Result<Accepted<T>> {
    let label = &found.seed.user_data.label;
    let understood = parse_seed(&found.seed)?;
    let checked = check(&understood.documents).with_context(|| format!("checking {label}"))?;
    let (source, found_at) = (Some(found.source.to_owned()), Some(label.clone()));
    let facts = ConfigFacts { source, found_at, ..ConfigFacts::default() };
    Ok(Accepted { documents: understood.documents, checked, facts, given: Some(understood.text) })
}

/// Returns the sources that have nothing, as the status shows them.
fn passed_over(search: &Search) -> Vec<PassedOver> {
    let shown =
        |p: &userdata::PassedOver| PassedOver { source: p.source.to_owned(), reason: p.reason.clone() };
    search.passed_over.iter().map(shown).collect()
}

/// Returns the paths where accepted configs may be: the last one, then those in copies of the state, the newest first.
fn kept_ones(root: &Path) -> impl Iterator<Item = PathBuf> {
    let store = Store::at(&root.join("state"));
    // What can't be listed can't be read either.
    let copies = store.copies().unwrap_or_default();
    std::iter::once(root.join(ACCEPTED))
        .chain(copies.into_iter().map(|copy| copy.join("config/accepted.yaml")))
}

/// Parses and checks a text.
fn parse<T>(
    label: &str,
    text: &str,
    check: &dyn Fn(&NodeDocuments) -> Result<T>,
) -> Result<(NodeDocuments, T)> {
    let documents = parse_node_documents(label, text)?;
    let checked = check(&documents).with_context(|| format!("checking {label}"))?;
    Ok((documents, checked))
}

/// Reads a config; `None` if the file does not exist.
fn read(path: &Path) -> Result<Option<String>> {
    let reading = || format!("reading {}", path.display());
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(reading),
    };
    let mut text = String::new();
    file.take(MAX_BYTES as u64 + 1).read_to_string(&mut text).with_context(reading)?;
    ensure!(text.len() <= MAX_BYTES, "reading {}: longer than {MAX_BYTES} bytes", path.display());
    Ok(Some(text))
}

/// Writes a config, which contains a key, atomically and readable only by root; does nothing if it is there
/// already.
fn keep(path: &Path, text: &str) -> Result<()> {
    if read(path)?.is_some_and(|there| there == text) {
        return Ok(());
    }
    let folder = path.parent().context("path has a folder")?;
    fs::DirBuilder::new().recursive(true).create(folder)?;
    Ok(durable::replace(path, text.as_bytes(), 0o600)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const GIVEN: &str = "sys/firmware/qemu_fw_cfg/by_name/opt/ironhull/config/raw";

    fn good(hostname: &str) -> String {
        let certificate = "-----BEGIN CERTIFICATE-----\n      AAAA\n      -----END CERTIFICATE-----";
        let key = "-----BEGIN PRIVATE KEY-----\n      AAAA\n      -----END PRIVATE KEY-----";
        format!(
            "apiVersion: ironhull.dev/v1\nkind: NodeConfig\nhostname: {hostname}\napi:\n  \
             certificateAuthority: |\n      {certificate}\n  certificate: |\n      {certificate}\n  \
             key: |\n      {key}\n"
        )
    }

    /// A check that refuses one host name.
    fn check(documents: &NodeDocuments) -> Result<()> {
        ensure!(documents.node.hostname != "refused", "this one is refused");
        Ok(())
    }

    fn give(root: &Path, text: &str) {
        let path = root.join(GIVEN);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Searches once and stores a config from user-data.
    fn boot(root: &Path) -> Result<Accepted<()>> {
        let accepted = look(root, &check)?;
        if let Some(text) = &accepted.given {
            keep(&root.join(ACCEPTED), text)?;
        }
        Ok(accepted)
    }

    #[test]
    fn keeps_what_it_accepts_and_falls_back_to_it() {
        let root = tempfile::tempdir().unwrap();
        give(root.path(), &good("a"));
        let first = boot(root.path()).unwrap();
        assert_eq!(first.documents.node.hostname, "a");
        assert!(first.facts.errors.is_empty());
        assert_eq!(first.facts.found_at.as_deref(), Some("opt/ironhull/config"));
        assert_eq!(first.facts.passed_over[0].source, "nocloud");
        let mode = fs::metadata(root.path().join(ACCEPTED)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        give(root.path(), "kind: Nonsense\n");
        let second = boot(root.path()).unwrap();
        assert_eq!(second.documents.node.hostname, "a");
        assert_eq!(second.facts.source.as_deref(), Some("last-accepted"));
        assert!(!second.facts.errors.is_empty());
        give(root.path(), &good("refused"));
        let third = boot(root.path()).unwrap();
        assert_eq!(third.documents.node.hostname, "a");
        assert!(third.facts.errors[0].contains("this one is refused"));
        fs::remove_file(root.path().join(GIVEN)).unwrap();
        assert!(boot(root.path()).unwrap().facts.errors.is_empty());
        give(root.path(), &good("b"));
        assert_eq!(boot(root.path()).unwrap().documents.node.hostname, "b");
    }

    /// A newer generation has accepted a config that this one can't read, and has failed.
    #[test]
    fn what_a_snapshot_holds_is_better_than_nothing() {
        let root = tempfile::tempdir().unwrap();
        let copies = [("g9-1", "copy", "old"), ("g8-2", "copy", "new"), ("g11-3", "aside", "aside")];
        for (number, (id, kind, hostname)) in (1..).zip(copies) {
            let folder = root.path().join("state/snapshots").join(id);
            keep(&folder.join("config/accepted.yaml"), &good(hostname)).unwrap();
            let facts = format!(
                r#"{{"generation":1,"versions":{{}},"kind":"{kind}","number":{number},"directories":["config"]}}"#
            );
            fs::write(folder.join("versions.json"), facts).unwrap();
        }
        keep(&root.path().join(ACCEPTED), "of: the future\n").unwrap();
        give(root.path(), "of: the future\n");
        let accepted = boot(root.path()).unwrap();
        assert_eq!(accepted.documents.node.hostname, "new");
        assert!(!accepted.facts.errors.is_empty());
    }

    #[test]
    fn says_what_is_missing_or_wrong() {
        let root = tempfile::tempdir().unwrap();
        let error = boot(root.path()).unwrap_err().to_string();
        assert!(error.starts_with("no config found\nnocloud: there is no disk\nqemu-fw-cfg: "), "{error}");
        give(root.path(), "kind: Nonsense\n");
        let error = boot(root.path()).unwrap_err().to_string();
        assert!(error.contains("Nonsense"), "{error}");
        assert!(!root.path().join(ACCEPTED).exists());
    }
}
