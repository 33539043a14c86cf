//! What tests put in place of a kernel: says that it was started and by which words, then does what the
//! first letter of [`ORDER`] says. A test writes the order into the finished file.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "the firmware calls the entry point with addresses")]

use loader::efi::{Firmware, Guid, Handle, SystemTable};
use slots::{VARIABLE_GUID_BYTES, VARIABLE_NAME};

/// The order behind a mark by which a test finds it: `o` switches off, `r` returns, `h` hangs, `b` resets.
/// The second letter tells probes apart.
#[used]
static ORDER: [u8; 16] = *b"PROBE-ORDER-->o?";

/// Where the firmware begins.
// SAFETY: the linker script names it as the entry point, and no other function has the name.
#[unsafe(no_mangle)]
extern "efiapi" fn efi_main(image: Handle, table: *const SystemTable) -> usize {
    // SAFETY: these are the arguments of the entry point.
    let firmware = unsafe { Firmware::new(image, table) };
    // SAFETY: it is a static. Volatile, so that the compiler does not take it for what it is now.
    let [.., order, name] = unsafe { (&raw const ORDER).read_volatile() };
    let mut room = [0; slots::HANDOFF_BYTES];
    let words = firmware.variable(VARIABLE_NAME, Guid(VARIABLE_GUID_BYTES), &mut room);
    let words = words.ok().and_then(|w| core::str::from_utf8(w).ok()).unwrap_or("nothing");
    loader::say(&firmware, format_args!("probe {} was told: {words}", char::from(name)));
    match order {
        b'r' => 1,
        b'h' => loop {
            core::hint::spin_loop();
        },
        b'b' => firmware.reset(),
        _ => firmware.shut_down(),
    }
}
