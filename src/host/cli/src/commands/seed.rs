//! A seed: the files and the CD by which hypervisors hand a config to a node, as cloud-init's NoCloud defines them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use files::{Access, NewFile};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The label by which a node finds the volume.
const LABEL: &str = "cidata";
/// Characters of the digest of the user-data that identify an instance.
const DIGEST_CHARS: usize = 12;

/// Where the parts of a seed are, below a directory.
pub struct Seed {
    /// The folder with the files `user-data`, `meta-data` and, if given, `network-config`.
    pub folder: PathBuf,
    /// The same files as an ISO 9660 image.
    pub iso: PathBuf,
}

impl Seed {
    /// Returns the paths of a seed in a directory; nothing is written.
    pub fn named(dir: &Path, name: &str) -> Seed {
        Seed { folder: dir.join(name), iso: dir.join(format!("{name}.iso")) }
    }

    /// Returns an error if something is there already.
    pub fn check_absent(&self) -> Result<()> {
        Ok(files::check_absent(&[self.folder.clone(), self.iso.clone()])?)
    }

    /// Writes the seed with a config, which contains a private key, and the description of a network. The same config gives the same bytes.
    pub fn write(&self, hostname: &str, config: &str, network: Option<&str>) -> Result<()> {
        let files = content(hostname, config, network);
        let iso = formats::iso9660::write(LABEL, &files).context("making the seed's image")?;
        fs::create_dir(&self.folder)
            .with_context(|| format!("making directory {}", self.folder.display()))?;
        let private = |path, bytes| NewFile { path, access: Access::Private, bytes };
        let files = files.into_iter().map(|(name, bytes)| private(self.folder.join(name), bytes));
        let all: Vec<NewFile> = files.chain([private(self.iso.clone(), iso)]).collect();
        files::create_new(&all).inspect_err(|_| drop(fs::remove_dir(&self.folder)))?;
        Ok(())
    }
}

/// Returns the files of a seed by name. The instance-id changes with the config, so that cloud-init's rules call it a
/// new instance.
fn content(hostname: &str, config: &str, network: Option<&str>) -> BTreeMap<String, Vec<u8>> {
    let digest: String = Sha256::digest(config).iter().map(|byte| format!("{byte:02x}")).collect();
    let instance = format!("{hostname}-{}", digest.get(..DIGEST_CHARS).unwrap_or_default());
    // JSON strings are YAML strings, too.
    let (instance, hostname) = (Value::from(instance), Value::from(hostname));
    let meta_data = format!("instance-id: {instance}\nlocal-hostname: {hostname}\n");
    let network = network.map(|text| ("network-config".to_owned(), text.as_bytes().to_vec()));
    let user_data = ("user-data".to_owned(), config.as_bytes().to_vec());
    [user_data, ("meta-data".to_owned(), meta_data.into_bytes())].into_iter().chain(network).collect()
}
