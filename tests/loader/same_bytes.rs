//! The boot loader has the same bytes in whatever directory and cache it is built.

use inputs::store::{Mode, Store};
use inputs::{Options, Workspace};

use crate::programs::loader;

#[test]
fn another_directory_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("elsewhere/checkout");
    std::fs::create_dir_all(&copy).unwrap();
    let source = e2e::tool::source_root();
    for part in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "src", "tests"] {
        e2e::tool::run("cp", &["-r", &source.join(part).display().to_string(), &copy.display().to_string()]);
    }
    let store = Store::open(dir.path().join("cache"), Mode::Online).unwrap();
    let workspace = Workspace::open(&copy, store, Options::default()).unwrap();
    let built = workspace.program("loader").unwrap_or_else(|e| panic!("{e}"));
    assert!(std::fs::read(built.path).unwrap() == loader());
}
