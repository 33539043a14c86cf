//! The source tree that an image is built from, and the profiles in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cmdline::Global;
use crate::hint::hinted;

/// Files that identify the root of a source tree.
const MARKS: [&str; 2] = ["rootfs/packages.list", "kernel-config"];

/// Finds the root of the source tree: the given one, or the nearest parent of the working directory that is
/// one.
pub fn find(global: &Global) -> Result<PathBuf> {
    let here = std::env::current_dir().context("finding the current directory")?;
    if let Some(given) = &global.source {
        let root = here.join(given);
        return match is_root(&root) {
            true => Ok(root),
            false => Err(hinted(
                format!("{} is not a source tree of Ironhull: it has no {}", root.display(), MARKS[0]),
                "--source takes the directory that holds rootfs/ and kernel-config/",
            )),
        };
    }
    here.ancestors().find(|d| is_root(d)).map(Path::to_owned).ok_or_else(|| {
        hinted(
            format!("no source tree of Ironhull at or above {}", here.display()),
            "change to one, or use --source",
        )
    })
}

/// Returns whether `dir` is the root of a source tree.
fn is_root(dir: &Path) -> bool {
    MARKS.iter().all(|mark| dir.join(mark).exists())
}

/// Returns the file of a profile, given its path or its name in `image-profiles/` of the source tree.
pub fn profile_file(profile: &Path, root: &Path) -> Result<PathBuf> {
    if profile.is_file() {
        return Ok(profile.to_owned());
    }
    if let Some(name) = profile.to_str().filter(|name| !name.contains('/')) {
        let named = root.join("image-profiles").join(format!("{name}.yaml"));
        if named.is_file() {
            return Ok(named);
        }
    }
    let names = profile_names(root);
    let found =
        if profile.is_dir() { "is a directory" } else { "is neither a file nor a name in image-profiles/" };
    Err(hinted(format!("profile {profile:?} {found}"), format!("available profiles: {}", names.join(", "))))
}

/// Lists the names of the profiles in the source tree.
fn profile_names(root: &Path) -> Vec<String> {
    // A directory that can't be read has no profiles.
    let entries = std::fs::read_dir(root.join("image-profiles")).into_iter().flatten();
    let paths = entries.flatten().map(|e| e.path());
    let stem = |p: PathBuf| p.file_stem().map(|s| s.to_string_lossy().into_owned());
    let mut names: Vec<String> =
        paths.filter(|p| p.extension().is_some_and(|e| e == "yaml")).filter_map(stem).collect();
    names.sort();
    names
}

/// Loads and checks a profile. Paths in it are relative to its directory; in the result they are relative to
/// the working directory.
pub fn load_profile(file: &Path) -> Result<config::ImageProfile> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading profile {}", file.display()))?;
    let mut profile = config::parse_profile(&file.display().to_string(), &text)?;
    let dir = file.parent().unwrap_or(Path::new(""));
    let signing = profile.secure_boot.iter_mut().flat_map(|s| [&mut s.key, &mut s.certificate]);
    for name in signing.chain(&mut profile.update_keys).chain(&mut profile.overlay) {
        *name = dir.join(&name).into_os_string().into_string().map_err(|path| {
            hinted(
                format!("profile {}: expected paths in UTF-8, found {path:?}", file.display()),
                "move the profile and the files that it names to such a directory",
            )
        })?;
    }
    Ok(profile)
}
