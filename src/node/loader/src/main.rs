//! The entry point of the boot loader; everything is in the library.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "the firmware calls the entry point with addresses")]

use loader::efi::{Firmware, Handle, SystemTable};

/// The firmware's entry point.
// SAFETY: the linker script names it as the entry point, and no other function has the name.
#[unsafe(no_mangle)]
extern "efiapi" fn efi_main(image: Handle, table: *const SystemTable) -> ! {
    // SAFETY: these are the arguments of the entry point.
    let firmware = unsafe { Firmware::new(image, table) };
    loader::enter(firmware, loader::run)
}
