//! The entry point of this crate: a checkout, a cache and methods to obtain each input.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use files::{Access, Output};

use crate::components::{self, BuiltComponent, Component};
use crate::debian::{self, Age, Keep, Lock, Locked, Mirror, Unpacked, Update};
use crate::error::{Error, Result};
use crate::http::Client;
use crate::kernel::{self, Kernel};
use crate::programs::{self, BuiltProgram, PROBE, PROGRAMS, Program};
use crate::progress::{Progress, Silent};
use crate::run::temporary_directory;
use crate::store::{Key, Memo, Store};

/// Debian's keyring, where its package installs it.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// How to obtain inputs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of jobs that a tool may run at once.
    pub jobs: usize,
    /// URL of a Debian mirror; `None` for the host's own.
    pub mirror: Option<String>,
    /// URL of its security archive; `None` for the host's own, or the one beside the mirror.
    pub security_mirror: Option<String>,
    /// Keyring with the keys that may sign a Debian release.
    pub keyring: PathBuf,
    /// Receives progress and messages.
    pub progress: Arc<dyn Progress>,
}

impl Default for Options {
    fn default() -> Options {
        let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Options {
            jobs,
            mirror: None,
            security_mirror: None,
            keyring: KEYRING.into(),
            progress: Arc::new(Silent),
        }
    }
}

/// A checkout of this project with a cache: all inputs of an image come from here.
#[derive(Debug)]
pub struct Workspace {
    source: PathBuf,
    store: Store,
    options: Options,
    memo: Mutex<Memo>,
    compiler: OnceLock<String>,
}

impl Workspace {
    /// Opens the checkout at `source` with a cache.
    ///
    /// # Errors
    /// [`Error::Io`] if the checkout or the directory for temporary files does not exist; [`Error::NotUtf8`]
    /// if the path of the checkout or the cache is not UTF-8, which cargo requires.
    pub fn open(source: &Path, store: Store, options: Options) -> Result<Workspace> {
        let source = source.canonicalize().map_err(Error::io("opening the source tree", source))?;
        for (what, path) in [("source tree", source.as_path()), ("cache", store.root())] {
            if path.to_str().is_none() {
                return Err(Error::NotUtf8 { what, path: path.to_owned() });
            }
        }
        if let Some(dir) = temporary_directory() {
            fs::read_dir(&dir)
                .map_err(Error::io("opening TMPDIR, the directory for temporary files,", dir))?;
        }
        let memo = Mutex::new(Memo::load(&store));
        let store = store.telling(Arc::clone(&options.progress));
        Ok(Workspace { source, store, options, memo, compiler: OnceLock::new() })
    }

    /// Returns the root of the checkout.
    #[must_use]
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Returns the cache.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the receiver of progress.
    #[must_use]
    pub fn progress(&self) -> &dyn Progress {
        self.options.progress.as_ref()
    }

    /// Returns the number of jobs that may run at once.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.options.jobs
    }

    /// Calls `with` with the cached hashes of files, and writes them back.
    ///
    /// # Errors
    /// Any error of `with`; [`Error::Io`] if the hashes can't be written, which loses no result but time.
    pub fn with_memo<T>(&self, with: impl FnOnce(&mut Memo) -> Result<T>) -> Result<T> {
        // A panic in another thread can't leave the memo inconsistent.
        let mut memo = self.memo.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let done = with(&mut memo)?;
        memo.save()?;
        Ok(done)
    }

    /// Loads the package lock.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read; [`Error::Syntax`] if it is malformed, with the line.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.lock_path();
        let text = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
        Lock::parse("rootfs/packages.lock", &text)
    }

    /// Resolves packages.list against the newest indexes of the release and its security archive, and writes
    /// the package lock. Changed packages are downloaded to read their changelogs; the next build needs them
    /// anyway.
    ///
    /// # Errors
    /// [`Error::Signature`], [`Error::Checksum`] or [`Error::Fetch`] if an index can't be downloaded or
    /// verified; [`Error::Expired`] or [`Error::Older`] if `age` forbids it; [`Error::Unsatisfied`] or
    /// [`Error::Syntax`] if packages.list can't be satisfied or parsed; [`Error::Offline`] if the mode is
    /// offline; [`Error::MissingTools`] if gpgv is not installed; [`Error::Files`] if the lock can't be
    /// written. The lock is unchanged then.
    pub fn update_lock(&self, age: Age) -> Result<Update> {
        if self.store.mode() == crate::store::Mode::Offline {
            let what = "the index of Debian packages".to_owned();
            return Err(Error::Offline { what, command: crate::LOCK_COMMAND });
        }
        crate::tools::check_lock()?;
        let output = Output::at(&self.lock_path(), Access::Public)?;
        let list = self.source.join("rootfs/packages.list");
        let text = fs::read_to_string(&list).map_err(Error::io("reading", &list))?;
        // A lock that can't be read is replaced; that is what an update is for.
        let old = self.lock().ok();
        let mirror = self.mirror()?;
        let request = debian::Request {
            mirror: &mirror,
            keyring: &self.options.keyring,
            list: ("rootfs/packages.list", &text),
            old: old.as_ref(),
            age,
            progress: self.progress(),
        };
        let lock = debian::update(&Client::new(), &request)?;
        output.write_all(lock.to_text().as_bytes())?;
        let fetch = |p: &Locked| debian::fetch(&self.store, || Ok(mirror.clone()), p, self.progress());
        Ok(Update::new(old.as_ref(), lock, fetch))
    }

    /// Returns a package's files; downloads and unpacks it if it is not in the cache.
    ///
    /// # Errors
    /// [`Error::Fetch`], [`Error::NotFound`], [`Error::Checksum`], [`Error::Offline`] or [`Error::NoMirror`]
    /// if it can't be downloaded; [`Error::Package`] if it can't be unpacked. The cache then has no entry for
    /// it.
    pub fn package(&self, package: &Locked, keep: Keep) -> Result<Unpacked> {
        debian::fetch_unpacked(&self.store, || self.mirror(), (package, keep), self.progress())
    }

    /// Returns the path of one file of a pinned package.
    ///
    /// # Errors
    /// [`Error::NotLocked`] if the lock does not have the package; [`Error::NoSuchFile`] if the package does
    /// not have the file; those of [`Workspace::package`].
    pub fn package_file(&self, lock: &Lock, package: &str, path: &str) -> Result<PathBuf> {
        let unpacked = self.package(self.locked(lock, package)?, Keep::All)?;
        Ok(unpacked.file(path)?.to_owned())
    }

    /// Returns a component, built if it is not in the cache.
    ///
    /// # Errors
    /// Those of [`Workspace::prepare`] and [`Prepared::build`].
    pub fn component(&self, name: &str) -> Result<BuiltComponent> {
        self.prepare(name)?.build()
    }

    /// Reads and checks a component's recipe, and hashes the inputs of its build.
    ///
    /// # Errors
    /// [`Error::NoRecipe`] if there is none, [`Error::Recipe`] if it is malformed, [`Error::MissingTools`] if
    /// Go, the C compiler or a static library is not installed, [`Error::Io`] if an input can't be read.
    /// Nothing is built.
    pub fn prepare<'a>(&'a self, name: &'a str) -> Result<Prepared<'a>> {
        let folder = self.source.join("rootfs/components");
        // The memo is not locked during the build, which takes minutes.
        let (component, key) = self.with_memo(|memo| components::prepare(&folder, memo, name))?;
        Ok(Prepared { workspace: self, component, key })
    }

    /// Reports as ahead those of these parts of an image, and of the [`PROGRAMS`], that are not in the cache.
    ///
    /// # Errors
    /// [`Error::MissingTools`] or [`Error::KernelPath`] if the kernel must be built and can't be; otherwise
    /// those of [`Workspace::kernel`] and [`Workspace::program`] about their sources. Nothing is built.
    pub fn announce(&self, lock: &Lock, fragments: &[String], components: &[&Prepared<'_>]) -> Result<()> {
        let mut steps = Vec::new();
        for program in PROGRAMS {
            let (builder, key) = self.program_key(*program)?;
            steps.extend((!builder.store.has(&key)).then(|| program.step_name()));
        }
        let fragments = self.fragments(fragments)?;
        steps.extend(kernel::missing(&self.kernel_builder(lock, &fragments)?)?);
        let missing = components.iter().filter(|c| !self.store.has(&c.key));
        steps.extend(missing.map(|c| c.component.step_name()));
        if !steps.is_empty() {
            self.progress().planned(&steps);
        }
        Ok(())
    }

    /// Checks that the lock has the kernel's source package and that the fragments exist, without building.
    ///
    /// # Errors
    /// [`Error::NotLocked`] if the lock lacks the package; [`Error::NoFragment`] if a fragment does not
    /// exist; [`Error::Io`] if one can't be read.
    pub fn check_kernel(&self, lock: &Lock, fragments: &[String]) -> Result<()> {
        self.locked(lock, kernel::SOURCE_PACKAGE)?;
        self.fragments(fragments).map(drop)
    }

    /// Returns the kernel with these fragments, built if it is not in the cache. Their order does not matter:
    /// fragments that contradict each other are refused.
    ///
    /// # Errors
    /// [`Error::NoFragment`] if a fragment does not exist; [`Error::Syntax`] if one is malformed or
    /// contradicts another; [`Error::Unstuck`] if Kconfig did not keep an option; [`Error::MissingTools`] or
    /// [`Error::Tool`] if the build can't start or fails; those of [`Workspace::package`] for the source. The
    /// cache then has no entry for it.
    pub fn kernel(&self, lock: &Lock, fragments: &[String]) -> Result<Kernel> {
        let fragments = self.fragments(fragments)?;
        let builder = self.kernel_builder(lock, &fragments)?;
        let package = builder.package;
        kernel::build(&builder, || debian::fetch(&self.store, || self.mirror(), package, self.progress()))
    }

    /// Returns the builder of the kernel with these fragments.
    fn kernel_builder<'a>(
        &'a self,
        lock: &'a Lock,
        fragments: &'a [(String, String)],
    ) -> Result<kernel::Builder<'a>> {
        Ok(kernel::Builder {
            store: &self.store,
            progress: self.progress(),
            jobs: self.options.jobs,
            package: self.locked(lock, kernel::SOURCE_PACKAGE)?,
            fragments,
        })
    }

    /// Returns the program of [`PROGRAMS`], or the [`PROBE`], with this binary's name, built if it is not in
    /// the cache.
    ///
    /// # Errors
    /// [`Error::NoRecipe`] if there is no such program; [`Error::Tool`] if the build fails;
    /// [`Error::RedZone`] or [`Error::Efi`] if the result can't run on firmware. The cache then has no entry
    /// for it.
    pub fn program(&self, binary: &str) -> Result<BuiltProgram> {
        let known = PROGRAMS.iter().chain([&PROBE]).find(|p| p.binary == binary).copied();
        let program = known.ok_or_else(|| Error::NoRecipe {
            name: binary.to_owned(),
            path: self.source.join("src/*").join(binary),
        })?;
        let (builder, key) = self.program_key(program)?;
        programs::build(&builder, &key, program)
    }

    /// Returns the builder of a program, and the cache key of its inputs.
    fn program_key(&self, program: Program) -> Result<(programs::Builder<'_>, Key)> {
        let compiler = match self.compiler.get() {
            Some(compiler) => compiler.clone(),
            None => programs::compiler(&self.source)?,
        };
        let builder = programs::Builder {
            source: &self.source,
            store: &self.store,
            progress: self.progress(),
            jobs: self.options.jobs,
            compiler: self.compiler.get_or_init(|| compiler),
        };
        let key = self.with_memo(|memo| programs::key(&builder, memo, program))?;
        Ok((builder, key))
    }

    /// Returns the mirror in the options, or the host's.
    fn mirror(&self) -> Result<Mirror> {
        let security = self.options.security_mirror.as_deref();
        match &self.options.mirror {
            Some(address) => Ok(Mirror::at(address, security)),
            None => Mirror::of_host(security),
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.source.join("rootfs/packages.lock")
    }

    fn locked<'a>(&self, lock: &'a Lock, name: &str) -> Result<&'a Locked> {
        lock.get(name).ok_or_else(|| Error::NotLocked { name: name.to_owned(), lock: self.lock_path() })
    }

    /// Reads kernel fragments, sorted by name, so that their order does not change the cache key.
    fn fragments(&self, names: &[String]) -> Result<Vec<(String, String)>> {
        let read = |name: &String| {
            let file = format!("kernel-config/{name}.config");
            let path = self.source.join(&file);
            if !path.is_file() {
                return Err(Error::NoFragment { name: name.clone(), known: known_fragments(&self.source)? });
            }
            let text = fs::read_to_string(&path).map_err(Error::io("reading kernel fragment", &path))?;
            Ok((file, text))
        };
        let mut fragments = names.iter().map(read).collect::<Result<Vec<_>>>()?;
        fragments.sort();
        Ok(fragments)
    }
}

/// A component whose recipe was read and checked.
#[derive(Debug)]
pub struct Prepared<'a> {
    workspace: &'a Workspace,
    component: Component<'a>,
    key: Key,
}

impl Prepared<'_> {
    /// Returns the component, built if it is not in the cache.
    ///
    /// # Errors
    /// [`Error::Tool`] if the build fails; [`Error::Offline`] if its modules would have to be downloaded in
    /// offline mode. The cache then has no entry for it.
    pub fn build(self) -> Result<BuiltComponent> {
        let Workspace { store, options, .. } = self.workspace;
        let builder = components::Builder { store, progress: self.workspace.progress(), jobs: options.jobs };
        components::build(&builder, (self.component, self.key))
    }
}

/// Lists the names of all kernel fragments.
fn known_fragments(source: &Path) -> Result<Vec<String>> {
    let dir = source.join("kernel-config");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).map_err(Error::io("listing", &dir))? {
        let path = entry.map_err(Error::io("listing", &dir))?.path();
        if path.extension().is_some_and(|e| e == "config") {
            names.extend(path.file_stem().map(|s| s.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Mode;

    #[test]
    fn only_the_named_fragments_are_read_and_unknown_ones_are_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("kernel-config")).unwrap();
        for name in ["base", "virt", "metal"] {
            fs::write(dir.path().join(format!("kernel-config/{name}.config")), name).unwrap();
        }
        let store = Store::open(dir.path().join("cache"), Mode::Offline).unwrap();
        let workspace = Workspace::open(dir.path(), store, Options::default()).unwrap();
        let read =
            |names: &[&str]| workspace.fragments(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        let files = |found: Vec<(String, String)>| found.into_iter().map(|(f, _)| f).collect::<Vec<_>>();
        assert_eq!(
            files(read(&["virt", "base"]).unwrap()),
            ["kernel-config/base.config", "kernel-config/virt.config"]
        );
        let error = read(&["base", "vrit"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "kernel fragment \"vrit\": expected a name in kernel-config/\nhint: available are base, metal, virt"
        );
    }
}
