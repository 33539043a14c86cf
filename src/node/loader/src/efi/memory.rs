//! Memory from the firmware: whole pages, freed when dropped.

use core::ops::{Deref, DerefMut};
use core::slice;

use super::tables::BootServices;

/// Size of a page.
const PAGE: usize = 4096;
/// `AllocateAnyPages`, and the memory type `EfiLoaderData`.
const ANY_PAGES: u32 = 0;
const LOADER_DATA: u32 = 2;

/// Bytes, the first one on a page: aligned for every disk.
#[derive(Debug)]
pub struct Memory {
    boot: &'static BootServices,
    address: u64,
    bytes: usize,
}

impl core::fmt::Debug for BootServices {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BootServices")
    }
}

impl Memory {
    /// Allocates `bytes` bytes that hold whatever was there before; `None` if there is not enough.
    pub(super) fn new(boot: &'static BootServices, bytes: usize) -> Option<Memory> {
        let mut address = 0;
        let pages = bytes.div_ceil(PAGE).max(1);
        let answer = (boot.allocate_pages)(ANY_PAGES, LOADER_DATA, pages, &raw mut address);
        if !answer.is_success() {
            return None;
        }
        Some(Memory { boot, address, bytes })
    }

    /// Returns the first byte's address.
    fn start(&self) -> *mut u8 {
        // Firmware maps memory one to one, so a physical address is an address.
        core::ptr::with_exposed_provenance_mut(usize::try_from(self.address).unwrap_or_default())
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the firmware gave these pages to nobody else until they are freed in `drop`; they come from
        // outside of the program, so each byte has a value, whatever it is.
        unsafe { slice::from_raw_parts(self.start(), self.bytes) }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; `&mut self` makes this the only reference.
        unsafe { slice::from_raw_parts_mut(self.start(), self.bytes) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // A failure would lose memory that ends with this program anyway.
        let _ = (self.boot.free_pages)(self.address, self.bytes.div_ceil(PAGE).max(1));
    }
}
