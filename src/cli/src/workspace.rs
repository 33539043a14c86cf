//! The source tree with its cache, as the options say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use inputs::store::{Mode, Store};
use inputs::{Options, Workspace};

use crate::cmdline::Inputs;
use crate::hint::hinted;
use crate::progress::Shown;

/// Returns the cache root: `$IRONHULL_CACHE`, else `ironhull` in the user's cache directory.
pub fn cache_root() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(root) = variable("IRONHULL_CACHE") {
        return Ok(root);
    }
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|h| h.join(".cache")));
    let cache = cache.ok_or_else(|| {
        hinted(
            "finding the cache: neither XDG_CACHE_HOME nor HOME is set",
            "set IRONHULL_CACHE to a directory",
        )
    })?;
    Ok(cache.join("ironhull"))
}

/// Opens the source tree for a build.
pub fn open(source: &Path, inputs: &Inputs) -> Result<Workspace> {
    let mode = if inputs.offline { Mode::Offline } else { Mode::Online };
    let mut options =
        Options { mirror: inputs.mirror.clone(), progress: Arc::new(Shown::default()), ..Options::default() };
    if let Some(jobs) = inputs.jobs {
        options.jobs = jobs.get();
    }
    open_with(source, mode, options)
}

/// Opens the source tree.
pub fn open_with(source: &Path, mode: Mode, options: Options) -> Result<Workspace> {
    let store = Store::open(cache_root()?, mode).context("opening the cache")?;
    Ok(Workspace::open(source, store, options)?)
}
