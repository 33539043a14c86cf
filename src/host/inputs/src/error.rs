//! Why an input could not be obtained, with the values that a user needs to act.
//!
//! The remedy is on a line of its own that starts with `hint: `.

use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::kernel::Unstuck;

/// The result of every function of this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Returns the remedy for a file that the mirror does not have.
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

/// The remedy for an index that is too old.
const STALE: &str =
    "check the clock of this host, try another --mirror, or take it with --allow-old if it is a snapshot";

/// Returns the remedy for a request that a server or a proxy refuses.
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

/// Why an input could not be obtained.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on a file or directory failed.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// The attempted action as a gerund: `reading`, `writing`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file that the user named can't be written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The file system of the cache is full.
    #[error("writing {}: no space left on the file system of the cache {}\nhint: free some space, run \
             `ironhull cache prune`, or set IRONHULL_CACHE to a larger disk", path.display(), cache.display())]
    DiskFull {
        /// The file being written.
        path: PathBuf,
        /// The root of the cache.
        cache: PathBuf,
    },
    /// A path that cargo and the compiler do not accept.
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
        /// The root of the cache.
        cache: PathBuf,
        /// The unsupported character in its path.
        found: char,
    },
    /// An entry is missing in a cache that can't be written.
    #[error("{what} is not in the cache {}, which is not writable: {source}\nhint: set IRONHULL_CACHE to a \
             writable directory", cache.display())]
    ReadOnly {
        /// What is missing.
        what: String,
        /// The root of the cache.
        cache: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Something is not in the cache and must not be downloaded.
    #[error(
        "{what} is not in the cache, and --offline forbids downloading it\nhint: run `{command}` once while \
             connected"
    )]
    Offline {
        /// What is missing.
        what: String,
        /// The command that downloads it.
        command: &'static str,
    },
    /// A text file, ours or Debian's, is malformed.
    #[error("{file}:{line}: {message}")]
    Syntax {
        /// The file name, or a description of the text.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// What was expected and found.
        message: String,
    },
    /// A recipe is malformed; the message has line, column and the line marked.
    #[error("reading {}: {message}", path.display())]
    Recipe {
        /// The component.yaml.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// No mirror is configured on this host.
    #[error("finding a Debian mirror: none in {}\nhint: give one with --mirror", looked_at.join(", "))]
    NoMirror {
        /// The files that were read.
        looked_at: Vec<String>,
    },
    /// The server could not be reached, or the connection broke, in every attempt.
    #[error(
        "fetching {url}: {reason} (tried {tries} times)\nhint: check the network, or name another mirror \
             with --mirror"
    )]
    Fetch {
        /// The URL.
        url: String,
        /// The last failure.
        reason: String,
        /// The number of attempts.
        tries: u32,
    },
    /// The server, or a proxy on the way, refuses the request.
    #[error("fetching {url}: refused (HTTP {status}){way}\nhint: {}", remedy_for_refused(*status))]
    Refused {
        /// The URL.
        url: String,
        /// HTTP status.
        status: u16,
        /// Empty, or the proxy that was used.
        way: String,
    },
    /// A web page with status 200 instead of a file, such as the sign-in page of a network.
    #[error(
        "fetching {url}: expected a file, found a web page from {from}\nhint: sign in to the network with a \
         browser, or set http_proxy and https_proxy if it has a proxy"
    )]
    WebPage {
        /// The URL.
        url: String,
        /// The host that sent the page, after redirects.
        from: String,
    },
    /// The URL, or one to which the server redirects, is malformed.
    #[error(
        "fetching {url}: this address, or one that the server redirects to, is malformed\nhint: give another \
             one with --mirror"
    )]
    Address {
        /// The URL.
        url: String,
    },
    /// An unsupported kind of proxy.
    #[error(
        "reading the proxy from {variable}: expected http://HOST:PORT or https://HOST:PORT, found {found}\nhint: \
             set http_proxy and https_proxy, which take precedence over ALL_PROXY, or name the host in no_proxy"
    )]
    Proxy {
        /// The environment variable.
        variable: &'static str,
        /// Its value, without credentials.
        found: String,
    },
    /// The server does not have the file.
    #[error("fetching {url}: not found (HTTP 404)\nhint: {}", remedy_for_missing(url))]
    NotFound {
        /// The URL.
        url: String,
    },
    /// The downloaded file is not the pinned one.
    #[error(
        "fetching {url}: expected {expected}, found {found}\nhint: the mirror or a proxy on the way hands \
             out other bytes than those pinned; try another --mirror"
    )]
    Checksum {
        /// The URL.
        url: String,
        /// `sha256 …` or `… bytes`.
        expected: String,
        /// In the same form.
        found: String,
    },
    /// The signature of the release file is missing or bad.
    #[error("verifying {url} with {}: {reason}\nhint: install debian-archive-keyring, or give a keyring that \
             has the release's key with --keyring", keyring.display())]
    Signature {
        /// URL of the InRelease file.
        url: String,
        /// The keyring.
        keyring: PathBuf,
        /// gpgv's reason.
        reason: String,
    },
    /// The index has expired: the mirror, or someone in between, does not serve the newest.
    #[error("checking {url}: expired on {until}\nhint: {}", STALE)]
    Expired {
        /// URL of the InRelease file.
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
        /// URL of the InRelease file.
        url: String,
        /// Its date.
        found: String,
        /// The date in the lock.
        before: String,
    },
    /// A requested package does not exist in the release.
    #[error("resolving packages: nothing satisfies {relation:?}, required by {wanted_by}")]
    Unsatisfied {
        /// The relation in Debian's syntax.
        relation: String,
        /// The package that depends on it, or the list.
        wanted_by: String,
    },
    /// The package is not in the lock.
    #[error("package {name:?} is not in {}\nhint: add it to packages.list and run `{LOCK_COMMAND}`",
            lock.display())]
    NotLocked {
        /// The package.
        name: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// An archive is malformed, or contains something that must not be unpacked.
    #[error("unpacking {}: {message}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A package is malformed, or contains something that must not be unpacked.
    #[error("unpacking package {package} from {}: {message}", path.display())]
    Package {
        /// Name and version.
        package: String,
        /// The .deb.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// An expected file is missing in a package.
    #[error("package {package}: has no file {path}")]
    NoSuchFile {
        /// Name and version.
        package: String,
        /// Path in the package.
        path: String,
    },
    /// Programs needed for a build are not installed.
    #[error("missing on this host: {}\nhint: run `apt-get install {}`", missing.join(", "), packages.join(" "))]
    MissingTools {
        /// Programs and libraries.
        missing: Vec<String>,
        /// The Debian packages that contain them.
        packages: Vec<String>,
    },
    /// A program failed.
    #[error("{0}")]
    Tool(Box<Failure>),
    /// A program's output could not be parsed.
    #[error("reading the output of `{command}`: {message}")]
    Output {
        /// The command line.
        command: String,
        /// What was expected and found.
        message: String,
    },
    /// A program for firmware contains code that uses memory below the stack pointer.
    #[error("checking {}: memory under the stack pointer is used by {}, which firmware's interrupts write over\nhint: \
             the compiler's precompiled code does so there; use something else in its place", path.display(),
            functions.join(", "))]
    RedZone {
        /// The linked program.
        path: PathBuf,
        /// The functions with such code.
        functions: Vec<String>,
    },
    /// A program for firmware can't be converted to an EFI application.
    #[error("converting {}: {source}", path.display())]
    Efi {
        /// The linked program.
        path: PathBuf,
        /// What is wrong with it.
        source: formats::pe::PeError,
    },
    /// The kernel's configuration differs from what the fragments request.
    #[error("configuring the kernel: {} not applied:\n{}\nhint: another option that it depends on is off, or \
             this kernel has it no more", plural(lost.len(), "option"), lines(lost))]
    Unstuck {
        /// Each option that differs.
        lost: Vec<Unstuck>,
    },
    /// A kernel fragment that does not exist.
    #[error("kernel fragment {name:?}: expected a name in kernel-config/\nhint: available are {}", known.join(", "))]
    NoFragment {
        /// The name in the profile.
        name: String,
        /// The existing fragments.
        known: Vec<String>,
    },
    /// An upstream file differs from the one that our sources hold a copy of.
    #[error("{}: expected SHA-256 {pinned}, found {found}\nhint: our sources copy from this file: compare it with the \
             former version, adapt the copy, then pin the new hash in {}", original.display(), recipe.display())]
    Original {
        /// The recipe that pins it.
        recipe: PathBuf,
        /// The file in the module's sources.
        original: PathBuf,
        /// The pinned hash.
        pinned: String,
        /// The hash of the file that is there.
        found: String,
    },
    /// A component has no recipe.
    #[error("component {name:?}: no recipe {}", path.display())]
    NoRecipe {
        /// The name.
        name: String,
        /// The expected path of the recipe.
        path: PathBuf,
    },
}

/// The command that updates the package lock.
pub const LOCK_COMMAND: &str = "ironhull lock update";

/// The command that downloads everything a build needs.
pub const BUILD_COMMAND: &str = "ironhull build";

impl Error {
    /// Returns a function that adds the attempted action and the file to an I/O error.
    pub fn io(doing: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
        let path = path.as_ref().to_owned();
        move |source| Error::Io { doing, path, source }
    }

    /// Names the package if the error is about its archive; returns any other error unchanged.
    #[must_use]
    pub(crate) fn in_package(self, (name, version): (&str, &str)) -> Error {
        match self {
            Error::Archive { path, message } => {
                Error::Package { package: format!("{name} {version}"), path, message }
            }
            other => other,
        }
    }

    /// Names the cache if the error is a full disk; returns any other error unchanged.
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

/// Lists the options that differ, one a line.
fn lines(lost: &[Unstuck]) -> String {
    lost.iter().map(|u| format!("  {u}")).collect::<Vec<_>>().join("\n")
}
