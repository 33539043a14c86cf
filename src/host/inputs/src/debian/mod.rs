//! Debian packages without apt or dpkg: finds the host's mirror, resolves and pins the requested packages,
//! downloads and unpacks them.
//!
//! Maintainer scripts are never run; the image does what it needs of their work itself. Specs: Debian Policy
//! 4.7 (control files, versions, relations), deb(5), the repository format wiki.

mod ar;
mod archive;
mod certificates;
mod changelog;
mod control;
mod date;
mod deb;
mod fetch;
mod lock;
mod member;
mod mirror;
mod relation;
mod release;
mod resolve;
mod update;
mod version;
mod wanted;

pub use archive::Archive;
pub use certificates::ca_bundle;
pub use changelog::Cve;
pub use date::Date;
pub use deb::{Entry, EntryKind, Keep};
pub use fetch::Unpacked;
pub use lock::{Lock, Locked, Release};
pub use mirror::Mirror;
pub use release::Age;
pub use update::{Change, Update};
pub use version::compare as compare_versions;
pub use wanted::Use;

pub(crate) use fetch::{fetch, fetch_unpacked};
pub(crate) use member::open_data;
pub(crate) use update::{Request, update};
