//! The config that a machine boots with: the given one, or a new one with the demo.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use config::user_data::{Part, Seed, parse_seed};
use config::{NodeDocuments, Role};
use vm::MachineDir;

use super::hello;
use crate::cmdline::Run;
use crate::commands::config::make;
use crate::credentials;
use crate::hint::hinted;

/// A config, and what it implies.
#[derive(Debug)]
pub struct UserData {
    /// The file passed to the guest.
    pub file: PathBuf,
    /// Directory with the operator credentials for it.
    pub credentials: PathBuf,
    /// Whether it contains manifests, so that there are pods to wait for.
    pub has_manifests: bool,
    /// Whether it contains our demo.
    pub has_demo: bool,
}

/// Checks the given config, or creates one in the machine's directory.
pub fn prepare(options: &Run, dir: &MachineDir, role: Role) -> Result<UserData> {
    match (&options.user_data, role) {
        (Some(file), _) => given(file, options.credentials.as_deref()),
        (None, Role::Worker) => Err(hinted(
            "a worker joins a cluster with a token, which is in its config",
            "name the config with --user-data",
        )),
        (None, Role::Single) => own(dir, options.fresh, Demo::With),
        // Nothing can run the demo's pod yet.
        (None, Role::Controller) => own(dir, options.fresh, Demo::Without),
    }
}

/// Whether a new config has our demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demo {
    With,
    Without,
}

/// Validates a config as the node will.
fn given(file: &Path, credentials: Option<&Path>) -> Result<UserData> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let user_data = Part { label: file.display().to_string(), bytes };
    let documents = parse_seed(&Seed::alone(user_data))?.documents;
    let file = file.canonicalize().with_context(|| format!("finding {}", file.display()))?;
    let beside = file.parent().unwrap_or(Path::new(".")).to_owned();
    let credentials = credentials.map_or(beside, Path::to_owned);
    check_credentials(&file, &documents, &credentials)?;
    Ok(UserData {
        credentials,
        has_manifests: !documents.cluster.spec.extensions.manifests.is_empty(),
        has_demo: false,
        file,
    })
}

/// Checks that the node will accept these credentials; otherwise the machine would boot and nobody could talk
/// to it.
fn check_credentials(file: &Path, documents: &NodeDocuments, dir: &Path) -> Result<()> {
    let ca = credentials::load(dir)?.ca;
    match documents.node.api.certificate_authority.contains(ca.trim()) {
        true => Ok(()),
        false => Err(hinted(
            format!(
                "checking credentials: {} trusts a different CA than {}",
                file.display(),
                dir.join("operator-ca.crt").display()
            ),
            "--credentials takes the directory whose operator-ca.crt is in the config, as `config init` made it",
        )),
    }
}

/// Returns the machine's own config, created at its first start.
fn own(dir: &MachineDir, fresh: bool, demo: Demo) -> Result<UserData> {
    let has_demo = demo == Demo::With;
    if !is_kept(dir, fresh)? {
        dir.create()?;
        let objects = if has_demo { demo_objects()? } else { String::new() };
        write(dir, &(make(dir.path(), dir.name(), dir.name())? + &objects))?;
    }
    let (file, credentials) = (file(dir), dir.path().to_owned());
    Ok(UserData { file, credentials, has_manifests: has_demo, has_demo })
}

/// Returns the path of a machine's own config.
pub(super) fn file(dir: &MachineDir) -> PathBuf {
    dir.file("node.yaml")
}

/// Returns whether the machine has a config that is kept; `fresh` removes it.
pub(super) fn is_kept(dir: &MachineDir, fresh: bool) -> Result<bool> {
    let file = file(dir);
    if fresh && file.exists() {
        fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
    }
    Ok(file.exists())
}

/// Writes the config of a new machine, if the node will accept it.
pub(super) fn write(dir: &MachineDir, text: &str) -> Result<()> {
    let file = file(dir);
    config::parse_node_documents(&file.display().to_string(), text)?;
    credentials::write_config(&file, text)
}

/// Returns the demo as the last part of a cluster config's `spec`. JSON is valid YAML.
pub(super) fn demo_objects() -> Result<String> {
    let mut text = "  extensions:\n    manifests:\n      - name: hello\n        manifest: |\n".to_owned();
    for object in hello::objects() {
        writeln!(text, "          ---")?;
        for line in serde_json::to_string_pretty(&object)?.lines() {
            writeln!(text, "          {line}")?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_machine_gets_a_valid_config_with_the_demo_and_keeps_it() {
        let root = tempfile::tempdir().unwrap();
        let dir = MachineDir::below(root.path(), "m").unwrap();
        let first = own(&dir, false, Demo::With).unwrap();
        let text = fs::read_to_string(&first.file).unwrap();
        let documents = config::parse_node_documents("node.yaml", &text).unwrap();
        assert_eq!(documents.node.hostname, "m");
        assert_eq!(documents.cluster.spec.extensions.manifests[0].name, "hello");
        own(&dir, false, Demo::With).unwrap();
        assert_eq!(fs::read_to_string(&first.file).unwrap(), text);
        own(&dir, true, Demo::With).unwrap();
        assert_ne!(fs::read_to_string(&first.file).unwrap(), text);
    }

    #[test]
    fn a_given_config_needs_the_credentials_that_it_trusts() {
        let root = tempfile::tempdir().unwrap();
        let [mine, other] = ["mine", "other"].map(|d| root.path().join(d));
        for dir in [&mine, &other] {
            let text = make(dir, "node-1", "home").unwrap();
            credentials::write_config(&dir.join("node.yaml"), &text).unwrap();
        }
        let file = mine.join("node.yaml");
        assert_eq!(given(&file, None).unwrap().credentials, mine.canonicalize().unwrap());
        let error = given(&file, Some(&other)).unwrap_err().to_string();
        assert!(error.contains("trusts a different CA than"), "{error}");
        let error = given(&file, Some(root.path())).unwrap_err().to_string();
        assert!(error.starts_with("reading operator credentials "), "{error}");
    }
}
