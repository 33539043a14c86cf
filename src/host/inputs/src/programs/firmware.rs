//! The recipe for programs that run on firmware: the host's compiler, flags for a program that stands
//! alone, a check of what was linked, and the conversion to an EFI application.
//!
//! No UEFI target is needed, and none would help: its `core` would be another one to install and to pin.

use std::ffi::OsString;
use std::path::Path;

use formats::pe;

use crate::error::{Error, Result};

/// Feature of the crate that turns it into something that links without a system.
pub(super) const FEATURE: &str = "firmware";
/// Sources of what makes the EFI application out of what was linked, in the workspace.
pub(super) const CONVERTER: &str = "src/shared/formats/src/pe";
/// The linker script, in the workspace.
const LINKER_SCRIPT: &str = "src/node/loader/efi.ld";
/// The compiler's flags: no red zone, no unwinding, nothing of the C library. Symbols are kept for the
/// check; the EFI application has none.
const FLAGS: &[&str] = &[
    "-Crelocation-model=pic",
    "-Cno-redzone=yes",
    "-Cforce-unwind-tables=no",
    "-Cstrip=none",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-static-pie",
    "-Clink-arg=-Wl,--gc-sections",
    "-Clink-arg=-Wl,-z,norelro",
];

/// Returns the flags, each behind 0x1f.
pub(super) fn flags(workspace: &Path) -> OsString {
    let mut flags = OsString::new();
    for flag in FLAGS {
        flags.push("\x1f");
        flags.push(flag);
    }
    flags.push("\x1f-Clink-arg=-Wl,-T,");
    flags.push(workspace.join(LINKER_SCRIPT));
    flags
}

/// Returns the EFI application of what was linked, whose name is `path`.
///
/// # Errors
/// [`Error::RedZone`] if linked code uses memory under the stack pointer; [`Error::Efi`] if the file can't
/// become an EFI application.
pub(super) fn convert(elf: &[u8], path: &Path) -> Result<Vec<u8>> {
    let efi = |source| Error::Efi { path: path.to_owned(), source };
    let functions: Vec<_> = pe::red_zone(elf).map_err(efi)?.into_iter().map(|u| u.function).collect();
    if !functions.is_empty() {
        return Err(Error::RedZone { path: path.to_owned(), functions });
    }
    pe::from_elf(elf).map_err(efi)
}
