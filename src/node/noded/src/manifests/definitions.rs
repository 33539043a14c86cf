//! The custom resource definitions of a network provider, which the image has beside its program: they belong to its
//! version.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cluster::Manifest;
use config::NetworkProvider;

/// The builder writes it into images with the component `calico`.
const CALICO: &str = "/usr/share/ironhull/calico-definitions.json";

/// Returns the definitions that `provider` needs; `None` if it needs none.
///
/// # Errors
/// If the image does not contain the provider, or its definitions can't be parsed.
pub fn definitions(provider: NetworkProvider) -> Result<Option<Manifest>> {
    match provider {
        NetworkProvider::Bridge | NetworkProvider::Custom => Ok(None),
        NetworkProvider::Calico => read(Path::new(CALICO)).map(Some),
    }
}

fn read(file: &Path) -> Result<Manifest> {
    let text = match fs::read(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => bail!(
            "network.provider is calico, which this image does not have: add calico to `components` in its profile"
        ),
        read => read.with_context(|| format!("reading {}", file.display()))?,
    };
    let objects = serde_json::from_slice(&text).with_context(|| format!("parsing {}", file.display()))?;
    Ok(Manifest { name: "ironhull-calico-definitions".to_owned(), objects })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_an_image_lacks() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("calico.json");
        let error = |file: &Path| format!("{:#}", read(file).unwrap_err());
        assert!(error(&file).contains("add calico to `components`"));
        fs::write(&file, "[").unwrap();
        assert!(error(&file).contains("parsing"), "{}", error(&file));
        fs::write(&file, r#"[{"kind": "x"}]"#).unwrap();
        assert_eq!(read(&file).unwrap().objects.len(), 1);
    }
}
