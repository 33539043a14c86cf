//! Builds the kernel with the host's C compiler: defaults, fragments, a check that all options were kept,
//! bzImage.
//!
//! Build user, host, number and time are fixed, and there is no module signing key, so the same sources,
//! fragments and compiler give the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use super::fragment::{self, Wanted};
use super::source;
use crate::date::utc;
use crate::debian::Locked;
use crate::error::{Error, Result};
use crate::progress::{Progress, Step, Unit};
use crate::run::Tool;
use crate::store::{Key, KeyBuilder, Store};

/// The default configuration, to which the fragments are added.
const DEFAULTS: &str = "x86_64_defconfig";

/// Number of files in the sources, and of lines that a build prints with the shipped fragments. Only the
/// displayed progress depends on them.
const SOURCE_FILES: u64 = 93_000;
const BUILD_LINES: u64 = 4_970;

/// A built kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The kernel image.
    pub image: PathBuf,
    /// Its complete configuration.
    pub config: PathBuf,
    /// The output of `uname -r`: `6.12.107-ironhull`.
    pub release: String,
    /// Version of the source package: `6.12.107-1`.
    pub version: String,
}

/// What a kernel build needs.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    pub(crate) store: &'a Store,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) jobs: usize,
    /// The pinned source package.
    pub(crate) package: &'a Locked,
    /// Names and texts of the fragments.
    pub(crate) fragments: &'a [(String, String)],
}

/// Returns the name of the step that builds the kernel; `None` if it is in the cache.
///
/// # Errors
/// [`Error::MissingTools`] or [`Error::KernelPath`] if it must be built and can't be; for the fragments,
/// those of [`build`].
pub(crate) fn missing(builder: &Builder<'_>) -> Result<Option<String>> {
    if builder.store.has(&plan(builder)?.1) {
        return Ok(None);
    }
    check_host(builder.store)?;
    Ok(Some(step_name(builder.package)))
}

/// Checks that a kernel can be built here.
fn check_host(store: &Store) -> Result<()> {
    crate::tools::check_kernel()?;
    let path = store.root().to_string_lossy();
    // The kernel's make refuses spaces and colons; the other characters are special to make or to a shell it
    // starts.
    let takes = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "/._-+@,~=".contains(c);
    match path.chars().find(|c| !takes(*c)) {
        Some(found) => Err(Error::KernelPath { cache: store.root().to_owned(), found }),
        None => Ok(()),
    }
}

/// Returns the name of the step that builds it.
fn step_name(package: &Locked) -> String {
    format!("build kernel {}", package.version)
}

/// Reads the fragments, and hashes all inputs of the kernel.
fn plan(builder: &Builder<'_>) -> Result<(Vec<Wanted>, Key)> {
    let mut wanted = Vec::new();
    for (file, text) in builder.fragments {
        wanted.extend(fragment::parse(file, text)?);
    }
    fragment::check_agreement(&wanted)?;
    let settings: Vec<_> = wanted.iter().map(|w| format!("{}={}", w.option, w.value)).collect();
    let version = |program: &str| Tool::new(program).arg("--version").output();
    let key = KeyBuilder::new("kernel", 1, &builder.package.version)
        .with("source", builder.package.sha256.to_string())
        .with("defaults", DEFAULTS)
        .with("options", settings.join("\n"))
        .with("gcc", version("gcc")?)
        .with("ld", version("ld")?)
        // The image is compressed with the host's zstd, whose output changes with its version.
        .with("zstd", version("zstd")?)
        .finish();
    Ok((wanted, key))
}

/// Returns the kernel, built if it is not in the cache; `fetch` returns the source package.
pub(crate) fn build(builder: &Builder<'_>, fetch: impl FnOnce() -> Result<PathBuf>) -> Result<Kernel> {
    let (wanted, key) = plan(builder)?;
    let dir = builder.store.get_or_make(&key, |dir| {
        check_host(builder.store)?;
        make(builder, &wanted, &fetch()?, dir)
    })?;
    let release = dir.join("release");
    let text = fs::read_to_string(&release).map_err(Error::io("reading", &release))?;
    Ok(Kernel {
        image: dir.join("bzImage"),
        config: dir.join("config"),
        release: text.trim().to_owned(),
        version: builder.package.version.clone(),
    })
}

/// Unpacks, configures and builds beside `dir`, and leaves the results in it.
fn make(builder: &Builder<'_>, wanted: &[Wanted], deb: &Path, dir: &Path) -> Result<()> {
    let log = builder.store.new_log("kernel")?;
    let work = dir.with_file_name("work");
    let time = {
        let step = Step::start(builder.progress, "unpack kernel source", Unit::Items, Some(SOURCE_FILES));
        source::unpack(deb, &work, &step)
            .map_err(|e| e.in_package((&builder.package.name, &builder.package.version)))?
    };
    let step = Step::start(builder.progress, &step_name(builder.package), Unit::Items, Some(BUILD_LINES));
    let make = |target: &str| tool(&work, builder.jobs, time).arg(target);
    let mut lines = 0;
    configure(&work, wanted, |target| {
        lines = make(target).logged(&log, (&step, lines))?;
        Ok(())
    })?;
    make("bzImage").logged(&log, (&step, lines))?;
    let release = make("kernelrelease").arg("--silent").output()?;
    let write = |name: &str, text: &str| {
        fs::write(dir.join(name), text).map_err(Error::io("writing", dir.join(name)))
    };
    write("release", &release)?;
    for (from, to) in [("arch/x86/boot/bzImage", "bzImage"), (".config", "config")] {
        fs::copy(work.join(from), dir.join(to)).map_err(Error::io("copying", work.join(from)))?;
    }
    crate::store::remove(&work)
}

/// Makes `.config` from the defaults and the fragments, and checks that all options were kept.
fn configure(work: &Path, wanted: &[Wanted], mut make: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let path = work.join(".config");
    make(DEFAULTS)?;
    let mut config = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
    // If an option is set several times, Kconfig takes the last value.
    for Wanted { option, value, .. } in wanted {
        config.push_str(&match value.as_str() {
            "n" => format!("# {option} is not set\n"),
            _ => format!("{option}={value}\n"),
        });
    }
    fs::write(&path, config).map_err(Error::io("writing", &path))?;
    make("olddefconfig")?;
    let lost = fragment::unstuck(wanted, &fs::read_to_string(&path).map_err(Error::io("reading", &path))?);
    if lost.is_empty() { Ok(()) } else { Err(Error::Unstuck { lost }) }
}

/// Returns a `make` command in the build's environment.
fn tool(work: &Path, jobs: usize, time: u64) -> Tool {
    Tool::new("make")
        .arg("-C")
        .arg(work)
        .arg(format!("-j{}", jobs.max(1)))
        .arg("ARCH=x86_64")
        .env("KBUILD_BUILD_USER", "ironhull")
        .env("KBUILD_BUILD_HOST", "ironhull")
        .env("KBUILD_BUILD_VERSION", "1")
        .env("KBUILD_BUILD_TIMESTAMP", utc(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Mode;

    #[test]
    fn a_cache_whose_path_the_kernels_make_does_not_take_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bad) in [("a b", ' '), ("a:b", ':'), ("a'b", '\''), ("a$b", '$')] {
            let store = Store::open(dir.path().join(name), Mode::Offline).unwrap();
            let found = check_host(&store);
            assert!(
                matches!(found, Err(Error::KernelPath { found, .. }) if found == bad),
                "{name}: {found:?}"
            );
        }
        let store = Store::open(dir.path().join("plain-ü_1.0"), Mode::Offline).unwrap();
        check_host(&store).unwrap();
    }
}
