//! The UEFI tables as laid out in memory. Unused fields are placeholders.

use core::ffi::c_void;
use core::fmt;

use super::Guid;

/// The firmware's handle of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Handle(pub(super) *mut c_void);

impl Handle {
    /// The null handle.
    pub(super) const NONE: Handle = Handle(core::ptr::null_mut());
}

/// The status that a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Status(pub usize);

impl Status {
    /// Success.
    pub const SUCCESS: Status = Status(0);
    /// Not enough memory.
    pub const OUT_OF_RESOURCES: Status = Status::error(9);
    /// The signature is missing or not trusted, by the firmware's policy "deny".
    pub const ACCESS_DENIED: Status = Status::error(15);
    /// The signature is missing or not trusted, by the policy "defer": a handle is returned nevertheless.
    pub const SECURITY_VIOLATION: Status = Status::error(26);

    const fn error(code: usize) -> Status {
        Status(1 << (usize::BITS - 1) | code)
    }

    /// Returns whether the call succeeded.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Status {
    /// Writes the number as the specification lists it. Decimal: the compiler's code for hex addresses its
    /// stack frame in a way that the test of the red zone can't tell from a violation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0 & !(1 << (usize::BITS - 1));
        write!(f, "firmware: {} {number}", if number == self.0 { "code" } else { "error" })
    }
}

pub(super) const LOADED_IMAGE: Guid = Guid::parse("5b1b31a1-9562-11d2-8e3f-00a0c969723b");
pub(super) const DEVICE_PATH: Guid = Guid::parse("09576e91-6d3f-11d2-8e39-00a0c969723b");
pub(super) const BLOCK_IO: Guid = Guid::parse("964e5b21-6459-11d2-8e39-00a0c969723b");

/// The system table, which points to the others.
#[derive(Debug)]
#[repr(C)]
pub struct SystemTable {
    header: [u8; 24],
    vendor: usize,
    revision: u32,
    console_in: [usize; 2],
    console_out_handle: usize,
    pub(super) console_out: *mut TextOut,
    error_out: [usize; 2],
    pub(super) runtime: *const RuntimeServices,
    pub(super) boot: *const BootServices,
}

#[repr(C)]
pub(super) struct TextOut {
    reset: usize,
    pub output: extern "efiapi" fn(*mut TextOut, *const u16) -> Status,
}

#[repr(C)]
pub(super) struct RuntimeServices {
    header: [u8; 24],
    time_and_addresses: [usize; 6],
    pub get_variable: extern "efiapi" fn(*const u16, *const Guid, *mut u32, *mut usize, *mut u8) -> Status,
    next_name: usize,
    pub set_variable: extern "efiapi" fn(*const u16, *const Guid, u32, usize, *const u8) -> Status,
    count: usize,
    pub reset: extern "efiapi" fn(u32, Status, usize, *const c_void),
}

#[repr(C)]
pub(super) struct BootServices {
    header: [u8; 24],
    task_priority: [usize; 2],
    pub allocate_pages: extern "efiapi" fn(u32, u32, usize, *mut u64) -> Status,
    pub free_pages: extern "efiapi" fn(u64, usize) -> Status,
    memory_and_events: [usize; 12],
    pub handle_protocol: extern "efiapi" fn(Handle, *const Guid, *mut *mut c_void) -> Status,
    protocols: [usize; 5],
    pub load_image: extern "efiapi" fn(u8, Handle, *const u8, *const u8, usize, *mut Handle) -> Status,
    pub start_image: extern "efiapi" fn(Handle, *mut usize, *mut *mut u16) -> Status,
    exit: usize,
    pub unload_image: extern "efiapi" fn(Handle) -> Status,
    exit_and_count: [usize; 2],
    pub stall: extern "efiapi" fn(usize) -> Status,
    pub set_watchdog: extern "efiapi" fn(usize, u64, usize, *const u16) -> Status,
    drivers_and_protocols: [usize; 6],
    pub locate_handle_buffer:
        extern "efiapi" fn(u32, *const Guid, *const c_void, *mut usize, *mut *mut Handle) -> Status,
}

#[repr(C)]
pub(super) struct LoadedImage {
    revision: u32,
    parent: Handle,
    system_table: usize,
    pub device: Handle,
}

#[repr(C)]
pub(super) struct Media {
    pub id: u32,
    pub removable: u8,
    pub present: u8,
    pub logical_partition: u8,
    pub read_only: u8,
    pub write_caching: u8,
    pub block_size: u32,
    pub io_align: u32,
    pub last_block: u64,
}

#[repr(C)]
pub(super) struct BlockIo {
    revision: u64,
    pub media: *const Media,
    reset: usize,
    pub read: extern "efiapi" fn(*mut BlockIo, u32, u64, usize, *mut u8) -> Status,
    pub write: extern "efiapi" fn(*mut BlockIo, u32, u64, usize, *const u8) -> Status,
    pub flush: extern "efiapi" fn(*mut BlockIo) -> Status,
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;

    /// Offsets as in the specification's tables, on 64-bit machines.
    #[test]
    fn the_tables_have_the_offsets_of_the_specification() {
        assert_eq!(offset_of!(SystemTable, console_out), 64);
        assert_eq!(offset_of!(SystemTable, runtime), 88);
        assert_eq!(offset_of!(SystemTable, boot), 96);
        assert_eq!(offset_of!(RuntimeServices, get_variable), 72);
        assert_eq!(offset_of!(RuntimeServices, set_variable), 88);
        assert_eq!(offset_of!(RuntimeServices, reset), 104);
        assert_eq!(offset_of!(BootServices, allocate_pages), 40);
        assert_eq!(offset_of!(BootServices, free_pages), 48);
        assert_eq!(offset_of!(BootServices, handle_protocol), 152);
        assert_eq!(offset_of!(BootServices, load_image), 200);
        assert_eq!(offset_of!(BootServices, start_image), 208);
        assert_eq!(offset_of!(BootServices, unload_image), 224);
        assert_eq!(offset_of!(BootServices, stall), 248);
        assert_eq!(offset_of!(BootServices, set_watchdog), 256);
        assert_eq!(offset_of!(BootServices, locate_handle_buffer), 312);
        assert_eq!(offset_of!(LoadedImage, device), 24);
        assert_eq!(offset_of!(Media, last_block), 24);
        assert_eq!(offset_of!(BlockIo, read), 24);
        assert_eq!(offset_of!(BlockIo, flush), 40);
    }
}
