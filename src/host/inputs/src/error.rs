//! The errors of getting inputs, each with the values that a user needs to act.
//!
//! A remedy is on a line of its own that starts with `hint: `.

use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::kernel::Unstuck;

/// What all functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

/// Returns what to do about a file that the mirror does not have.
fn remedy_for_missing(url: &str) -> String {
    match url {
        _ if url.ends_with("-security/InRelease") => {
            "the security archive of this mirror is elsewhere: name it with --security-mirror".to_owned()
        }
        _ if url.ends_with("/InRelease") => {
            "the address is not a Debian mirror, or has no such release; use another --mirror".to_owned()
        }
        _ => format!("the mirror may have moved on to a newer version: run `{LOCK_COMMAND}`"),
    }
}

/// What to do about an index that is too old.
const STALE: &str =
    "check the clock of this host, try another --mirror, or take it with --allow-old if it is a snapshot";

/// Returns what to do about a server, or a proxy, that says no.
fn remedy_for_refused(status: u16) -> &'static str {
    match status {
        401 => "the server wants a user: --mirror https://USER:PASSWORD@HOST/…",
        407 => "the proxy wants a user: http_proxy=http://USER:PASSWORD@HOST:PORT",
        511 => "sign in to the network with a browser",
        _ => {
            "a proxy on the way forbids it, or the mirror has moved on to a newer version: name another --mirror, or \
              run `ironhull lock update`"
        }
    }
}

/// Why an input could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory did not do what was asked of it.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// Gerund: `reading`, `writing`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that the user named can't be written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The file system of the cache is full.
    #[error("writing {}: no space left on the file system of the cache {}\nhint: free some space, run \
             `ironhull cache prune`, or set IRONHULL_CACHE to a larger disk", path.display(), cache.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// The cache root.
        cache: PathBuf,
    },
    /// A path that cargo and the compiler do not take.
    #[error(
        "opening the {what} {path:?}: expected a path in UTF-8, which is all that cargo takes\nhint: move it, or \
             set IRONHULL_CACHE if it is the cache"
    )]
    NotUtf8 {
        /// `source tree` or `cache`.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The kernel can't be built in a cache with this path.
    #[error("building the kernel in the cache {}: the kernel's make takes no path with {found:?}\nhint: set \
             IRONHULL_CACHE to a directory whose path has only letters, digits and any of /._-+@,~=", cache.display())]
    KernelPath {
        /// The cache root.
        cache: PathBuf,
        /// What is in its path.
        found: char,
    },
    /// Something is missing in a cache that can't be written to.
    #[error("{what} is not in the cache {}, which is not writable: {source}\nhint: set IRONHULL_CACHE to a \
             writable directory", cache.display())]
    ReadOnly {
        /// What is missing.
        what: String,
        /// The cache root.
        cache: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is not in the cache and may not be fetched.
    #[error(
        "{what} is not in the cache, and --offline forbids downloading it\nhint: run `{command}` once while \
             connected"
    )]
    Offline {
        /// What is missing.
        what: String,
        /// The command that fetches it.
        command: &'static str,
    },
    /// A text file of ours or of Debian is malformed.
    #[error("{file}:{line}: {message}")]
    Syntax {
        /// File name, or what the text is.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What was expected and found.
        message: String,
    },
    /// A recipe is malformed; the text has line, column and caret.
    #[error("reading {}: {message}", path.display())]
    Recipe {
        /// The component.yaml.
        path: PathBuf,
        /// What is wrong where.
        message: String,
    },
    /// No mirror is configured on this host.
    #[error("finding a Debian mirror: none in {}\nhint: give one with --mirror", looked_at.join(", "))]
    NoMirror {
        /// The files that were read.
        looked_at: Vec<String>,
    },
    /// The server could not be reached or broke off, after all tries.
    #[error(
        "fetching {url}: {reason} (tried {tries} times)\nhint: check the network, or name another mirror \
             with --mirror"
    )]
    Fetch {
        /// The address.
        url: String,
        /// The last failure.
        reason: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The server, or a proxy on the way, will not give it.
    #[error("fetching {url}: refused (HTTP {status}){way}\nhint: {}", remedy_for_refused(*status))]
    Refused {
        /// The address.
        url: String,
        /// HTTP status.
        status: u16,
        /// Empty, or the proxy that it was asked through.
        way: String,
    },
    /// A web page with status 200, such as the sign-in page of a network.
    #[error(
        "fetching {url}: expected a file, found a web page from {from}\nhint: sign in to the network with a \
         browser, or set http_proxy and https_proxy if it has a proxy"
    )]
    WebPage {
        /// The address.
        url: String,
        /// Host that sent the page, after redirects.
        from: String,
    },
    /// The address, or one that the server redirects to, is malformed.
    #[error(
        "fetching {url}: this address, or one that the server redirects to, is malformed\nhint: give another \
             one with --mirror"
    )]
    Address {
        /// The address.
        url: String,
    },
    /// A proxy that we can't speak to.
    #[error(
        "reading the proxy from {variable}: expected http://HOST:PORT or https://HOST:PORT, found {found}\nhint: \
             set http_proxy and https_proxy, which take precedence over ALL_PROXY, or name the host in no_proxy"
    )]
    Proxy {
        /// The variable of the environment.
        variable: &'static str,
        /// Its value, without credentials.
        found: String,
    },
    /// The server does not have it.
    #[error("fetching {url}: not found (HTTP 404)\nhint: {}", remedy_for_missing(url))]
    NotFound {
        /// The address.
        url: String,
    },
    /// What came is not what was pinned.
    #[error(
        "fetching {url}: expected {expected}, found {found}\nhint: the mirror or a proxy on the way hands \
             out other bytes than those pinned; try another --mirror"
    )]
    Checksum {
        /// The address.
        url: String,
        /// `sha256 …` or `… bytes`.
        expected: String,
        /// As `expected`.
        found: String,
    },
    /// The signature on the release file is missing or bad.
    #[error("verifying {url} with {}: {reason}\nhint: install debian-archive-keyring, or give a keyring that \
             has the release's key with --keyring", keyring.display())]
    Signature {
        /// Address of the InRelease file.
        url: String,
        /// The keyring.
        keyring: PathBuf,
        /// What gpgv said.
        reason: String,
    },
    /// The index is no longer valid: the mirror, or who is in between, does not hand out the newest.
    #[error("checking {url}: expired on {until}\nhint: {}", STALE)]
    Expired {
        /// Address of the InRelease file.
        url: String,
        /// Its `Valid-Until`.
        until: String,
    },
    /// The index is older than the one that the lock was made from.
    #[error(
        "taking {url}: expected one from {before} or later, as the lock was made from, found one from {found}\n\
             hint: {}",
        STALE
    )]
    Older {
        /// Address of the InRelease file.
        url: String,
        /// Its date.
        found: String,
        /// The date in the lock.
        before: String,
    },
    /// A package that is asked for does not exist in the release.
    #[error("resolving packages: nothing satisfies {relation:?}, required by {wanted_by}")]
    Unsatisfied {
        /// The relation, as Debian writes it.
        relation: String,
        /// A package or the list.
        wanted_by: String,
    },
    /// The lock lacks a package.
    #[error("package {name:?} is not in {}\nhint: add it to packages.list and run `{LOCK_COMMAND}`",
            lock.display())]
    NotLocked {
        /// The package.
        name: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// An archive is malformed or has something that must not be unpacked.
    #[error("unpacking {}: {message}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A package is malformed or has something that must not be unpacked.
    #[error("unpacking package {package} from {}: {message}", path.display())]
    Package {
        /// Name and version.
        package: String,
        /// The .deb.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file was expected in a package.
    #[error("package {package}: has no file {path}")]
    NoSuchFile {
        /// Name and version.
        package: String,
        /// Path in the package.
        path: String,
    },
    /// Programs that a build needs are not installed.
    #[error("missing on this host: {}\nhint: run `apt-get install {}`", missing.join(", "), packages.join(" "))]
    MissingTools {
        /// Programs and libraries.
        missing: Vec<String>,
        /// The Debian packages that have them.
        packages: Vec<String>,
    },
    /// A program failed.
    #[error("{0}")]
    Tool(Box<Failure>),
    /// A program's output was not understood.
    #[error("reading the output of `{command}`: {message}")]
    Output {
        /// The command line.
        command: String,
        /// What was expected and found.
        message: String,
    },
    /// A program for firmware has code that uses memory under the stack pointer.
    #[error("checking {}: memory under the stack pointer is used by {}, which firmware's interrupts write over\nhint: \
             the compiler's precompiled code does so there; use something else in its place", path.display(),
            functions.join(", "))]
    RedZone {
        /// The program as linked.
        path: PathBuf,
        /// The functions that do.
        functions: Vec<String>,
    },
    /// A program for firmware can't become an EFI application.
    #[error("converting {}: {source}", path.display())]
    Efi {
        /// The program as linked.
        path: PathBuf,
        /// What is wrong with it.
        source: formats::pe::PeError,
    },
    /// The kernel's configuration is not what the fragments ask for.
    #[error("configuring the kernel: {} not applied:\n{}\nhint: another option that it depends on is off, or \
             this kernel has it no more", plural(lost.len(), "option"), lines(lost))]
    Unstuck {
        /// Each option that was lost.
        lost: Vec<Unstuck>,
    },
    /// A kernel fragment that does not exist.
    #[error("kernel fragment {name:?}: expected a name in kernel-config/\nhint: available are {}", known.join(", "))]
    NoFragment {
        /// What the profile asks for.
        name: String,
        /// The fragments that there are.
        known: Vec<String>,
    },
    /// A component without a recipe.
    #[error("component {name:?}: no recipe {}", path.display())]
    NoRecipe {
        /// The name.
        name: String,
        /// Where the recipe would be.
        path: PathBuf,
    },
}

/// The command that renews the package lock.
pub const LOCK_COMMAND: &str = "ironhull lock update";

/// The command that fetches everything a build needs.
pub const BUILD_COMMAND: &str = "ironhull build";

impl Error {
    /// Wraps an I/O error with what was being done to which file.
    pub fn io(doing: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
        let path = path.as_ref().to_owned();
        move |source| Error::Io { doing, path, source }
    }

    /// Names the package if the cause is its archive; otherwise leaves the error as it is.
    #[must_use]
    pub(crate) fn in_package(self, (name, version): (&str, &str)) -> Error {
        match self {
            Error::Archive { path, message } => {
                Error::Package { package: format!("{name} {version}"), path, message }
            }
            other => other,
        }
    }

    /// Names the cache if the cause is a full disk; otherwise leaves the error as it is.
    #[must_use]
    pub fn in_cache(self, cache: &Path) -> Error {
        match self {
            Error::Io { path, source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Error::DiskFull { path, cache: cache.to_owned() }
            }
            other => other,
        }
    }
}

/// Returns `1 option`, `2 options`.
fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Joins the lost options, one a line.
fn lines(lost: &[Unstuck]) -> String {
    lost.iter().map(|u| format!("  {u}")).collect::<Vec<_>>().join("\n")
}
