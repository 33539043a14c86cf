//! The program that tests use instead of a kernel: prints that it was started and with which options, then
//! does what the first letter of [`ORDER`] says. A test patches the order into the finished file.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "the firmware calls the entry point with addresses")]

use loader::efi::{Firmware, Guid, Handle, Life, SystemTable};
use slots::{VARIABLE_GUID_BYTES, VARIABLE_NAME};

/// The order, after a marker by which a test finds it: `o` switches off, `r` returns, `h` hangs, `b` resets,
/// `v` stores conflicting variables and resets, `s` prints whether Secure Boot is on and switches off, `e`
/// enrols [`UPDATES`] and switches off. The second letter tells probes apart.
#[used]
static ORDER: [u8; 16] = *b"PROBE-ORDER-->o?";

/// Signed updates of Secure Boot's variables, after a marker: `PK`, `KEK`, `db`, each signed by a key of one
/// before it. Each begins with its length, two bytes, little-endian; 0 if there is none.
#[used]
static UPDATES: [u8; MARK.len() + 3 * UPDATE_BYTES] = {
    let (mut room, mut n) = ([0; _], 0);
    while n < MARK.len() {
        room[n] = MARK[n];
        n += 1;
    }
    room
};
const MARK: &[u8] = b"PROBE-UPDATES-->";
/// Space for each update, including its length.
const UPDATE_BYTES: usize = 4096;

/// The vendor GUID of variables defined by UEFI.
const GLOBAL: Guid = Guid::parse("8be4df61-93ca-11d2-aa0d-00e098032b8c");
/// The vendor GUID of `db`.
const IMAGE_SECURITY: Guid = Guid::parse("d719b2cb-3d3a-4596-a3bc-dad00e67656f");

/// The firmware's entry point.
// SAFETY: the linker script names it as the entry point, and no other function has the name.
#[unsafe(no_mangle)]
extern "efiapi" fn efi_main(image: Handle, table: *const SystemTable) -> usize {
    // SAFETY: these are the arguments of the entry point.
    let firmware = unsafe { Firmware::new(image, table) };
    // SAFETY: it is a static. The read is volatile, so that the compiler does not assume the value in the
    // source.
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
        b's' => {
            tell_secure_boot(&firmware);
            firmware.shut_down()
        }
        b'e' => {
            enrol(&firmware);
            firmware.shut_down()
        }
        _ => firmware.shut_down(),
    }
}

/// Prints the value of the variable `SecureBoot`.
fn tell_secure_boot(firmware: &Firmware) {
    let mut room = [0; 1];
    match firmware.variable("SecureBoot", GLOBAL, &mut room) {
        Ok([value]) => loader::say(firmware, format_args!("probe sees SecureBoot={value}")),
        _ => loader::say(firmware, format_args!("probe sees no SecureBoot")),
    }
}

/// Sets Secure Boot's variables to [`UPDATES`]. `PK` comes first and ends setup mode, so the firmware then
/// verifies the signatures of the other two.
fn enrol(firmware: &Firmware) {
    // A test has patched the bytes, so the compiler must not assume the value in the source.
    let updates = core::hint::black_box(&UPDATES).get(MARK.len()..).unwrap_or_default();
    let variables = [("PK", GLOBAL), ("KEK", GLOBAL), ("db", IMAGE_SECURITY)];
    for ((name, vendor), room) in variables.into_iter().zip(updates.chunks(UPDATE_BYTES)) {
        let [low, high, rest @ ..] = room else { continue };
        let update = rest.get(..usize::from(u16::from_le_bytes([*low, *high]))).unwrap_or_default();
        if update.is_empty() {
            continue;
        }
        match firmware.set_variable((name, vendor), Life::Signed, update) {
            Ok(()) => loader::say(firmware, format_args!("probe has set {name}")),
            Err(status) => loader::say(firmware, format_args!("probe can't set {name}: {status}")),
        }
    }
}

/// Stores variables that must not disturb a boot loader: its own with other attributes, the number of a boot
/// entry that does not exist, and one of another boot loader.
fn litter(firmware: &Firmware) {
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
