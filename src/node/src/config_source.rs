//! Which config the node runs: the one it is given, else the last one it has accepted.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::ConfigFacts;
use config::{MAX_BYTES, NodeDocuments, parse_node_documents};

use crate::console;

/// Where QEMU hands over the config.
const FW_CFG: &str = "/sys/firmware/qemu_fw_cfg/by_name/opt/ironhull/config/raw";
/// The last accepted config.
const ACCEPTED: &str = "/state/config/accepted.yaml";
/// Between two looks for a config while there is none.
const PAUSE: Duration = Duration::from_secs(5);

/// A config that can be run.
#[derive(Debug)]
pub struct Accepted {
    /// The documents.
    pub documents: NodeDocuments,
    /// Where they came from, and what was refused.
    pub facts: ConfigFacts,
}

/// Looks for a config until there is one. Without any the node is in maintenance: it has no operator CA,
/// so it can't serve its API either, and says so where a person can read it.
pub fn wait() -> Accepted {
    let mut told = String::new();
    loop {
        match look(Path::new(FW_CFG), Path::new(ACCEPTED)) {
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
        thread::sleep(PAUSE);
    }
}

/// Looks once. A good config is kept for the next boot.
fn look(given: &Path, kept: &Path) -> Result<Accepted> {
    let errors = match read(given)? {
        None => Vec::new(),
        Some(text) => match parse_node_documents("fw_cfg opt/ironhull/config", &text) {
            Ok(documents) => {
                keep(kept, &text).with_context(|| format!("keeping the config as {}", kept.display()))?;
                let facts = ConfigFacts { source: Some("fw-cfg".into()), errors: Vec::new() };
                return Ok(Accepted { documents, facts });
            }
            Err(diagnostics) => vec![diagnostics.to_string()],
        },
    };
    let Some(text) = read(kept)? else {
        ensure!(errors.is_empty(), "{}", errors.join("\n"));
        anyhow::bail!("no config found\nhint: in QEMU: -fw_cfg name=opt/ironhull/config,file=FILE");
    };
    let documents = parse_node_documents(&kept.display().to_string(), &text)?;
    for error in &errors {
        console::announce(&format!("ironhull: the new config is refused, the last good one runs\n{error}"));
    }
    Ok(Accepted { documents, facts: ConfigFacts { source: Some("last-accepted".into()), errors } })
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
