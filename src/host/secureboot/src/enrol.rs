//! Enrols keys in the variable store of a virtual machine's firmware.

use std::fs;
use std::path::Path;

use formats::efivar::{Update, add_to_store};

use crate::{Error, NAMES, Result};

/// Returns `variables`, an OVMF variable store without keys, with the keys in `dir` enrolled: what their
/// `.auth` files set. Their signatures are not checked, as in setup mode.
///
/// # Errors
/// [`Error::File`] if an `.auth` file can't be read, [`Error::Read`] if it is malformed, [`Error::Store`] if
/// `variables` is not a variable store, or already has keys.
pub fn enrol(dir: &Path, variables: &[u8]) -> Result<Vec<u8>> {
    let read = |name: &str| {
        let path = dir.join(format!("{name}.auth"));
        fs::read(&path).map_err(|source| Error::File { doing: "reading", path, source })
    };
    let files = NAMES.iter().map(|name| read(name)).collect::<Result<Vec<_>>>()?;
    let updates = NAMES.iter().zip(&files).map(|(name, file)| {
        Update::parse(name, file).ok_or_else(|| Error::Read {
            what: "signed update",
            path: dir.join(format!("{name}.auth")),
            reason: "expected a time, a signature and what it signs".into(),
        })
    });
    let updates = updates.collect::<Result<Vec<_>>>()?;
    let mut variables = variables.to_vec();
    add_to_store(&mut variables, &updates)?;
    Ok(variables)
}
