//! The source tree with its cache, from the options.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use inputs::store::{Mode, Store};
use inputs::{Options, Workspace};

use crate::cmdline::Inputs;
use crate::hint::hinted;
use crate::progress::Shown;

/// Returns the cache root: `$IRONHULL_CACHE`, or `ironhull` in the user's cache directory.
fn cache_root() -> Result<PathBuf> {
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
    let mut options = Options {
        mirror: inputs.mirror.clone(),
        security_mirror: inputs.security_mirror.clone(),
        progress: Arc::new(Shown::default()),
        ..Options::default()
    };
    if let Some(jobs) = inputs.jobs {
        options.jobs = limited(jobs.get(), options.jobs);
    }
    open_with(source, mode, options)
}

/// Returns how many of the requested jobs are useful with this number of processors. Jobs sometimes wait for
/// files; more than two a processor only compete for memory and processor caches.
pub fn limited(asked: usize, processors: usize) -> usize {
    asked.min(processors.saturating_mul(2))
}

/// Returns the error for a cache that can't be opened, with a hint if it belongs to another user.
fn unusable(root: &Path, error: inputs::Error) -> anyhow::Error {
    use std::io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let message = format!("opening the cache {}", root.display());
    let foreign = match &error {
        inputs::Error::Io { source, .. } => {
            matches!(source.kind(), NotADirectory | PermissionDenied | ReadOnlyFilesystem)
        }
        _ => false,
    };
    match foreign {
        true => hinted(format!("{message}: {error}"), "set IRONHULL_CACHE to a writable directory"),
        false => anyhow::Error::new(error).context(message),
    }
}

/// Opens the source tree.
pub fn open_with(source: &Path, mode: Mode, options: Options) -> Result<Workspace> {
    Ok(Workspace::open(source, open_store(mode)?, options)?)
}

/// Opens the cache.
pub fn open_store(mode: Mode) -> Result<Store> {
    let root = cache_root()?;
    Store::open(&root, mode).map_err(|e| unusable(&root, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_at_most_two_a_processor() {
        for (asked, processors, given) in
            [(1, 2, 1), (4, 2, 4), (5, 2, 4), (1000, 64, 128), (usize::MAX, 1, 2)]
        {
            assert_eq!(limited(asked, processors), given, "{asked} on {processors}");
        }
    }
}
