//! Which config the node runs: the one it is given, else the last one it has accepted.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use api::ConfigFacts;
use config::{MAX_BYTES, NodeDocuments, parse_node_documents};

use crate::console;

/// The last accepted config.
const ACCEPTED: &str = "state/config/accepted.yaml";
/// Said where there is neither a config nor one from before.
const NOTHING_FOUND: &str = "no config found\nhint: in QEMU: -fw_cfg name=opt/ironhull/config,file=FILE";
/// Between two looks for a config while there is none.
const PAUSE: Duration = Duration::from_secs(5);

/// A config that can be run.
#[derive(Debug)]
pub struct Accepted<T> {
    /// The documents.
    pub documents: NodeDocuments,
    /// What the check made of them.
    pub checked: T,
    /// Where they came from, and what was refused.
    pub facts: ConfigFacts,
}

/// Looks for a config until there is one. Without any the node is in maintenance: it has no operator CA,
/// so it can't serve its API either, and says so where a person can read it. `check` may refuse what is
/// well-formed, such as a key that is not the certificate's; `waiting` is called after each look in vain.
pub fn wait<T>(check: impl Fn(&NodeDocuments) -> Result<T>, waiting: impl Fn()) -> Accepted<T> {
    let mut told = String::new();
    loop {
        match look(Path::new("/"), &check) {
            Ok(accepted) => return accepted,
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

/// Looks once, on the machine whose file system begins at `root`. A good config is kept for the next
/// boot; a bad one is told, and the last good one runs.
fn look<T>(root: &Path, check: &dyn Fn(&NodeDocuments) -> Result<T>) -> Result<Accepted<T>> {
    let kept = root.join(ACCEPTED);
    let refused = match userdata::find(root) {
        Ok(None) => None,
        Err(e) => Some(e.to_string()),
        Ok(Some(found)) => match parse(&found.label, &found.text, check) {
            Err(e) => Some(format!("{e:#}")),
            Ok((documents, checked)) => {
                // A full disk is no reason to refuse a good config.
                if let Err(e) = keep(&kept, &found.text) {
                    console::announce(&format!("ironhull: keeping the config as {}: {e:#}", kept.display()));
                }
                let facts = ConfigFacts { source: Some(found.source.to_owned()), errors: Vec::new() };
                return Ok(Accepted { documents, checked, facts });
            }
        },
    };
    let Some(text) = read(&kept)? else {
        bail!("{}", refused.unwrap_or_else(|| NOTHING_FOUND.to_owned()));
    };
    let (documents, checked) = parse(&kept.display().to_string(), &text, check)
        .map_err(|e| anyhow!("{}{e:#}", refused.as_ref().map_or(String::new(), |r| format!("{r}\n"))))?;
    if let Some(text) = &refused {
        console::announce(&format!("ironhull: the new config is refused, the last good one runs\n{text}"));
    }
    let errors = refused.iter().flat_map(|t| t.lines()).map(str::to_owned).collect();
    Ok(Accepted { documents, checked, facts: ConfigFacts { source: Some("last-accepted".into()), errors } })
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

/// Reads a config; `None` when there is none.
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

/// Writes a config, which holds a key, for root alone and in one step; not at all when it is there.
fn keep(path: &Path, text: &str) -> Result<()> {
    if read(path)?.is_some_and(|there| there == text) {
        return Ok(());
    }
    let folder = path.parent().context("path has a folder")?;
    fs::DirBuilder::new().recursive(true).create(folder)?;
    let draft = path.with_extension("new");
    if draft.exists() {
        fs::remove_file(&draft)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    Ok(fs::File::open(folder)?.sync_all()?)
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

    /// A check that refuses one name.
    fn check(documents: &NodeDocuments) -> Result<()> {
        ensure!(documents.node.hostname != "refused", "this one is refused");
        Ok(())
    }

    fn give(root: &Path, text: &str) {
        let path = root.join(GIVEN);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn keeps_what_it_accepts_and_falls_back_to_it() {
        let root = tempfile::tempdir().unwrap();
        give(root.path(), &good("a"));
        let first = look(root.path(), &check).unwrap();
        assert_eq!(first.documents.node.hostname, "a");
        assert!(first.facts.errors.is_empty());
        let mode = fs::metadata(root.path().join(ACCEPTED)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        give(root.path(), "kind: Nonsense\n");
        let second = look(root.path(), &check).unwrap();
        assert_eq!(second.documents.node.hostname, "a");
        assert_eq!(second.facts.source.as_deref(), Some("last-accepted"));
        assert!(!second.facts.errors.is_empty());
        give(root.path(), &good("refused"));
        let third = look(root.path(), &check).unwrap();
        assert_eq!(third.documents.node.hostname, "a");
        assert!(third.facts.errors[0].contains("this one is refused"));
        fs::remove_file(root.path().join(GIVEN)).unwrap();
        assert!(look(root.path(), &check).unwrap().facts.errors.is_empty());
        give(root.path(), &good("b"));
        assert_eq!(look(root.path(), &check).unwrap().documents.node.hostname, "b");
    }

    #[test]
    fn says_what_is_missing_or_wrong() {
        let root = tempfile::tempdir().unwrap();
        assert!(look(root.path(), &check).unwrap_err().to_string().starts_with("no config found"));
        give(root.path(), "kind: Nonsense\n");
        let error = look(root.path(), &check).unwrap_err().to_string();
        assert!(error.contains("Nonsense"), "{error}");
        assert!(!root.path().join(ACCEPTED).exists());
    }
}
