//! What tests put in place of a kernel: says that it was started and by which words, then does what the
//! first letter of [`ORDER`] says. A test writes the order into the finished file.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "the firmware calls the entry point with addresses")]

use loader::efi::{Firmware, Guid, Handle, Life, SystemTable};
use slots::{VARIABLE_GUID_BYTES, VARIABLE_NAME};

/// The order behind a mark by which a test finds it: `o` switches off, `r` returns, `h` hangs, `b` resets,
/// `v` leaves variables that are in the way and resets.
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
        b'v' => {
            litter(&firmware);
            firmware.reset()
        }
        _ => firmware.shut_down(),
    }
}

/// Stores variables that no boot selector should mind: its own, of another life; the next boot entry, which
/// does not exist; and what another boot loader keeps.
fn litter(firmware: &Firmware) {
    const GLOBAL: Guid = Guid::parse("8be4df61-93ca-11d2-aa0d-00e098032b8c");
    const OTHER_LOADER: Guid = Guid::parse("4a67b082-0a4c-41cf-b6c7-440b29bb8c4f");
    let ours = Guid(VARIABLE_GUID_BYTES);
    let variables: [(&str, Guid, &[u8]); 3] = [
        (VARIABLE_NAME, ours, b"slot=b generation=99 tries=9 reason=forced"),
        ("BootNext", GLOBAL, &[0x99, 0x99]),
        ("LoaderEntryOneShot", OTHER_LOADER, b"o\0t\0h\0e\0r\0\0\0"),
    ];
    for (name, vendor, bytes) in variables {
        if let Err(status) = firmware.set_variable((name, vendor), Life::Stored, bytes) {
            loader::say(firmware, format_args!("probe can't set {name}: {status}"));
        }
    }
}
