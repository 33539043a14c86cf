//! Memory from the firmware: whole pages, freed when dropped.

use core::ops::{Deref, DerefMut};
use core::slice;

use super::tables::BootServices;

/// Size of a page.
const PAGE: usize = 4096;
/// `AllocateAnyPages`, and the memory type `EfiLoaderData`.
const ANY_PAGES: u32 = 0;
const LOADER_DATA: u32 = 2;

/// Page-aligned memory, which satisfies the alignment of every disk.
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
    /// Allocates `bytes` bytes with arbitrary content; `None` if there is not enough memory.
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
        // Firmware maps memory one to one, so a physical address is a valid pointer.
        core::ptr::with_exposed_provenance_mut(usize::try_from(self.address).unwrap_or_default())
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: these pages are ours until they are freed in `drop`; since they come from outside the
        // program, every byte is initialised, with whatever value.
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
        // A failure would leak memory only until this program ends.
        let _ = (self.boot.free_pages)(self.address, self.bytes.div_ceil(PAGE).max(1));
    }
}
