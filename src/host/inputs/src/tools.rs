//! The programs and libraries that builds need on the host, and the Debian packages that contain them.

use std::path::Path;

use crate::error::{Error, Result};

/// A needed program on the PATH or a file, what it is for, and the package that contains it.
struct Need {
    what: &'static str,
    package: &'static str,
    kernel: bool,
}

const fn program(what: &'static str, package: &'static str) -> Need {
    Need { what, package, kernel: false }
}

const fn kernel(what: &'static str, package: &'static str) -> Need {
    Need { what, package, kernel: true }
}

/// Everything that a build needs. `ar`, `ld`, `objcopy` come with gcc; awk, sed, tar and the like are on
/// every Debian system.
const NEEDS: &[Need] = &[
    program("gcc", "build-essential"),
    program("go", "golang-go"),
    program("cargo", "rustup"),
    program("libseccomp.a", "libseccomp-dev"),
    kernel("gcc", "build-essential"),
    kernel("make", "build-essential"),
    kernel("flex", "flex"),
    kernel("bison", "bison"),
    kernel("bc", "bc"),
    kernel("perl", "perl"),
    kernel("zstd", "zstd"),
    // objtool reads the objects that it checks with libelf; extract-cert of the keyring needs libcrypto.
    kernel("/usr/include/gelf.h", "libelf-dev"),
    kernel("/usr/include/openssl/bio.h", "libssl-dev"),
];

/// What updating the package lock needs; the keyring is checked where it is used.
const LOCK_NEEDS: &[Need] = &[program("gpgv", "gpgv")];

/// Returns the package that contains the program of a command line.
pub(crate) fn package_of(command: &str) -> Option<&'static str> {
    let program = command.split(' ').next()?;
    NEEDS.iter().chain(LOCK_NEEDS).find(|n| n.what == program).map(|n| n.package)
}

/// Checks what building the kernel needs.
pub(crate) fn check_kernel() -> Result<()> {
    missing(NEEDS.iter().filter(|n| n.kernel), is_there)
}

/// Checks what updating the package lock needs.
pub(crate) fn check_lock() -> Result<()> {
    missing(LOCK_NEEDS.iter(), is_there)
}

/// Returns the error for a static library that the compiler does not find.
pub(crate) fn missing_library(name: &str) -> Error {
    let package = NEEDS.iter().find(|n| n.what == name).map_or("build-essential", |n| n.package);
    Error::MissingTools { missing: vec![name.to_owned()], packages: vec![package.to_owned()] }
}

/// Decides what is missing.
fn missing<'a>(needs: impl Iterator<Item = &'a Need>, there: impl Fn(&str) -> bool) -> Result<()> {
    let (mut missing, mut packages) = (Vec::new(), Vec::new());
    for need in needs.filter(|n| !there(n.what)) {
        for (list, name) in [(&mut missing, need.what), (&mut packages, need.package)] {
            if !list.iter().any(|n| n == name) {
                list.push(name.to_owned());
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Error::MissingTools { missing, packages }) }
}

/// Returns whether a program is on the PATH, or a file or static library is there.
fn is_there(what: &str) -> bool {
    if what.starts_with('/') {
        return Path::new(what).exists();
    }
    if what.ends_with(".a") {
        return ["/usr/lib/x86_64-linux-gnu", "/usr/lib", "/usr/local/lib"]
            .iter()
            .any(|dir| Path::new(dir).join(what).exists());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(what).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_all_that_is_missing_and_one_line() {
        assert!(missing(NEEDS.iter(), |_| true).is_ok());
        let error =
            missing(NEEDS.iter(), |w| !["make", "gcc", "bc", "libseccomp.a"].contains(&w)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "missing on this host: gcc, libseccomp.a, make, bc\n\
             hint: run `apt-get install build-essential libseccomp-dev bc`"
        );
    }
}
