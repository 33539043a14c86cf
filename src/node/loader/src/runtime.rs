//! The runtime that an EFI application has to provide itself: the functions to which the compiler emits
//! calls, and the panic handler.

use core::arch::asm;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::efi::Firmware;

/// The firmware, for the panic handler, which gets no arguments of ours.
static FIRMWARE: AtomicPtr<Firmware> = AtomicPtr::new(core::ptr::null_mut());

/// Seconds that a panic message stays on the console before the reset.
const PANIC_SECS: u32 = 5;

/// Runs a program that never ends; a panic in it is printed on the console and resets the machine.
pub fn enter(firmware: Firmware, program: fn(&Firmware) -> !) -> ! {
    FIRMWARE.store((&raw const firmware).cast_mut(), Ordering::Relaxed);
    program(&firmware)
}

/// Prints the panic and resets: a bug costs at most one try.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let firmware = FIRMWARE.load(Ordering::Relaxed);
    // SAFETY: null, or set by `enter`, which never returns, so the reference stays valid.
    if let Some(firmware) = unsafe { firmware.as_ref() } {
        say!(firmware, "{info}");
        firmware.wait(PANIC_SECS);
        firmware.reset();
    }
    loop {
        core::hint::spin_loop();
    }
}

/// The precompiled `core`, which supports unwinding, refers to this symbol; nothing here unwinds.
// SAFETY: no other function has the name, and it is never called.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Copies `count` bytes.
///
/// # Safety
/// As C's `memcpy`.
// SAFETY: it does what C defines for this name.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // Eight bytes at a time: not every processor does that by itself, least of all an emulated one.
    // SAFETY: the caller guarantees `count` bytes in both places; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep movsq", "mov rcx, {rest}", "rep movsb", rest = in(reg) count % 8,
            inout("rcx") count / 8 => _, inout("rdi") to => _, inout("rsi") from => _);
    }
    to
}

/// Copies `count` bytes between places that may overlap.
///
/// # Safety
/// As C's `memmove`.
// SAFETY: it does what C defines for this name.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= count {
        // SAFETY: the first byte written is not among those still to be read.
        return unsafe { memcpy(to, from, count) };
    }
    let (last_to, last_from) =
        (to.wrapping_add(count).wrapping_sub(1), from.wrapping_add(count).wrapping_sub(1));
    // SAFETY: as in `memcpy`, from the last byte to the first; the direction flag is cleared afterwards.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") count => _, inout("rdi") last_to => _,
            inout("rsi") last_from => _);
    }
    to
}

/// Fills `count` bytes.
///
/// # Safety
/// As C's `memset`.
// SAFETY: it does what C defines for this name.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    let eight = u64::from_le_bytes([byte.to_le_bytes()[0]; 8]);
    // SAFETY: the caller guarantees `count` bytes; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep stosq", "mov rcx, {rest}", "rep stosb", rest = in(reg) count % 8,
            inout("rcx") count / 8 => _, inout("rdi") to => _, in("rax") eight);
    }
    to
}

/// Compares `count` bytes.
///
/// # Safety
/// As C's `memcmp`.
// SAFETY: it does what C defines for this name.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    for i in 0..count {
        // SAFETY: the caller guarantees `count` bytes in both places. Volatile, so that the compiler does not
        // turn the loop into a call of this very function.
        let (x, y) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
        if x != y {
            return i32::from(x) - i32::from(y);
        }
    }
    0
}

/// Compares `count` bytes for equality.
///
/// # Safety
/// As `memcmp`.
// SAFETY: it does what C defines for this name.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    // SAFETY: the caller guarantees what `memcmp` requires.
    unsafe { memcmp(a, b, count) }
}
