//! The recipe for programs that run on firmware: the host's compiler, flags for a freestanding program, a
//! check of the linked code, and the conversion to an EFI application.
//!
//! No UEFI target is needed, and none would help: its `core` would be another component to install and pin.

use std::ffi::OsString;
use std::path::Path;

use formats::pe;

use crate::error::{Error, Result};

/// The crate's feature that makes it link without an operating system.
pub(super) const FEATURE: &str = "firmware";
/// Directory in the workspace with the code that converts the linked file to an EFI application.
pub(super) const CONVERTER: &str = "src/shared/formats/src/pe";
/// Path of the linker script in the workspace.
const LINKER_SCRIPT: &str = "src/node/loader/efi.ld";
/// The compiler's flags: no red zone, no unwinding, no C library. Symbols are kept for the check; the EFI
/// application has none.
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

/// Returns the flags, each preceded by 0x1f.
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

/// Returns the EFI application made from the linked file `path`.
///
/// # Errors
/// [`Error::RedZone`] if linked code uses memory below the stack pointer; [`Error::Efi`] if the file can't be
/// converted.
pub(super) fn convert(elf: &[u8], path: &Path) -> Result<Vec<u8>> {
    let efi = |source| Error::Efi { path: path.to_owned(), source };
    let functions: Vec<_> = pe::red_zone(elf).map_err(efi)?.into_iter().map(|u| u.function).collect();
    if !functions.is_empty() {
        return Err(Error::RedZone { path: path.to_owned(), functions });
    }
    pe::from_elf(elf).map_err(efi)
}
