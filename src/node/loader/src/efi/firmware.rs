//! The firmware services that this program uses.

use core::ffi::c_void;
use core::ptr::{null, null_mut};
use core::slice;

use super::tables::{
    BLOCK_IO, BlockIo, BootServices, DEVICE_PATH, LOADED_IMAGE, LoadedImage, RuntimeServices, TextOut,
};
use super::{BlockDevice, Guid, Handle, Memory, Status, SystemTable};
use crate::path;

/// The code of our watchdog, outside the range reserved for the firmware.
const WATCHDOG_CODE: u64 = 0x1_0001;
/// Maximum length of a variable's name, including the terminating zero.
const NAME: usize = 32;
/// `ByProtocol` of `LocateHandleBuffer`; reset types of `ResetSystem`.
const BY_PROTOCOL: u32 = 2;
const COLD: u32 = 0;
const SHUTDOWN: u32 = 2;

/// The firmware.
#[derive(Clone, Copy)]
pub struct Firmware {
    image: Handle,
    boot: &'static BootServices,
    runtime: &'static RuntimeServices,
    console: *mut TextOut,
}

impl core::fmt::Debug for Firmware {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Firmware").field("image", &self.image).finish_non_exhaustive()
    }
}

/// The lifetime of a variable, as its attributes. Boot and runtime services can access it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Life {
    /// Until the next reset.
    UntilReset = 6,
    /// Until it is removed.
    Stored = 7,
    /// Like `Stored`; a new value must begin with a timestamp and a signature that the firmware verifies.
    Signed = 0x27,
}

/// Why a program was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Its signature is missing or not trusted.
    Untrusted(Status),
    /// There is not enough memory.
    NoMemory(Status),
    /// It is not a valid program, or the firmware gives no other reason.
    Refused(Status),
}

impl Firmware {
    /// Wraps the arguments of the entry point.
    ///
    /// # Safety
    /// `image` and `table` must be what the firmware passed to the entry point, and boot services must not
    /// have been exited.
    #[must_use]
    pub unsafe fn new(image: Handle, table: *const SystemTable) -> Firmware {
        // SAFETY: the caller guarantees that the table is the firmware's; it is valid while boot services
        // run.
        let table = unsafe { &*table };
        // SAFETY: the same holds for the tables it points to.
        let (boot, runtime) = unsafe { (&*table.boot, &*table.runtime) };
        Firmware { image, boot, runtime, console: table.console_out }
    }

    /// Prints UTF-16 that ends in a zero. Does nothing if the machine has no console.
    pub fn print(&self, text: &[u16]) {
        if self.console.is_null() || !text.contains(&0) {
            return;
        }
        // SAFETY: the console is the firmware's; the text ends in a zero, as checked above.
        let output = unsafe { (*self.console).output };
        // An error can't be reported: this is the console.
        let _ = output(self.console, text.as_ptr());
    }

    /// Waits for `secs` seconds.
    pub fn wait(&self, secs: u32) {
        for _ in 0..secs {
            let _ = (self.boot.stall)(1_000_000);
        }
    }

    /// Resets the machine (cold reset).
    pub fn reset(&self) -> ! {
        self.leave(COLD)
    }

    /// Switches the machine off.
    pub fn shut_down(&self) -> ! {
        self.leave(SHUTDOWN)
    }

    fn leave(&self, kind: u32) -> ! {
        loop {
            (self.runtime.reset)(kind, Status::SUCCESS, 0, null());
        }
    }

    /// Arms the firmware's watchdog: it resets the machine after `secs` seconds, unless a kernel takes over
    /// before. Returns whether the firmware has one.
    pub fn arm_watchdog(&self, secs: usize) -> bool {
        (self.boot.set_watchdog)(secs, WATCHDOG_CODE, 0, null()).is_success()
    }

    /// Sets a variable that the started system can read. The name is ASCII, at most 31 characters.
    ///
    /// If that fails, an existing one is removed, since it may have other attributes, and it is set again.
    ///
    /// # Errors
    /// The firmware's status of the second attempt; the variable does not exist then.
    pub fn set_variable(&self, (name, vendor): (&str, Guid), life: Life, bytes: &[u8]) -> Result<(), Status> {
        let name = wide(name);
        let set = |attributes, bytes: &[u8]| {
            let vendor = &raw const vendor;
            (self.runtime.set_variable)(name.as_ptr(), vendor, attributes, bytes.len(), bytes.as_ptr())
        };
        let mut answer = set(life as u32, bytes);
        if !answer.is_success() {
            // Setting no bytes removes a variable.
            let _ = set(0, &[]);
            answer = set(life as u32, bytes);
        }
        if answer.is_success() { Ok(()) } else { Err(answer) }
    }

    /// Reads a variable into `room` and returns its bytes.
    ///
    /// # Errors
    /// The firmware's status: the variable does not exist, is longer than `room`, or can't be read.
    pub fn variable<'a>(&self, name: &str, vendor: Guid, room: &'a mut [u8]) -> Result<&'a [u8], Status> {
        let name = wide(name);
        let (mut attributes, mut bytes) = (0, room.len());
        let answer = (self.runtime.get_variable)(
            name.as_ptr(),
            &raw const vendor,
            &raw mut attributes,
            &raw mut bytes,
            room.as_mut_ptr(),
        );
        if answer.is_success() { Ok(room.get(..bytes).unwrap_or_default()) } else { Err(answer) }
    }

    /// Allocates memory with arbitrary content; `None` if there is not enough.
    #[must_use]
    pub fn memory(&self, bytes: usize) -> Option<Memory> {
        Memory::new(self.boot, bytes)
    }

    /// Returns the device that this program was read from.
    #[must_use]
    pub fn own_device(&self) -> Option<Handle> {
        let image: *mut LoadedImage = self.protocol(self.image, &LOADED_IMAGE)?.cast();
        // SAFETY: the protocol of this program's own image is valid as long as it runs.
        Some(unsafe { (*image).device })
    }

    /// Returns everything with block I/O: disks and partitions.
    #[must_use]
    pub fn block_devices(&self) -> &'static [Handle] {
        let (mut count, mut list) = (0, null_mut());
        let found =
            (self.boot.locate_handle_buffer)(BY_PROTOCOL, &BLOCK_IO, null(), &raw mut count, &raw mut list);
        if !found.is_success() || list.is_null() {
            return &[];
        }
        // SAFETY: the firmware allocated a list of that many handles for us; it is never freed.
        unsafe { slice::from_raw_parts(list, count) }
    }

    /// Returns a device's path including the end node; `None` if it has no valid path.
    #[must_use]
    pub fn path(&self, device: Handle) -> Option<&'static [u8]> {
        let start: *const u8 = self.protocol(device, &DEVICE_PATH)?.cast();
        let mut length = 0;
        while length <= path::LONGEST {
            // SAFETY: a path is a sequence of nodes, each of which has at least these four bytes.
            let node = unsafe { slice::from_raw_parts(start.add(length), path::NODE_HEADER) };
            let bytes = path::node_bytes(node)?;
            length += bytes;
            if path::is_end(node) {
                // SAFETY: all nodes up to here were visited, and devices stay as long as this program runs.
                return Some(unsafe { slice::from_raw_parts(start, length) });
            }
        }
        None
    }

    /// Opens a device; `None` if it has no usable medium.
    #[must_use]
    pub fn open(&self, device: Handle) -> Option<BlockDevice> {
        let io: *mut BlockIo = self.protocol(device, &BLOCK_IO)?.cast();
        // SAFETY: the firmware returned it as this protocol, and devices stay as long as this program runs.
        unsafe { BlockDevice::new(io) }
    }

    /// Loads a program from memory, as if it were read from `path` (which includes the end node). The
    /// firmware copies it.
    ///
    /// # Errors
    /// [`LoadError`] with the firmware's status: the signature is not trusted, there is not enough memory, or
    /// it is not a valid program. Nothing stays loaded.
    pub fn load(&self, path: &[u8], program: &[u8]) -> Result<Handle, LoadError> {
        let mut handle = Handle::NONE;
        let answer = (self.boot.load_image)(
            0,
            self.image,
            path.as_ptr(),
            program.as_ptr(),
            program.len(),
            &raw mut handle,
        );
        match answer {
            Status::SUCCESS => Ok(handle),
            Status::SECURITY_VIOLATION | Status::ACCESS_DENIED => {
                if handle != Handle::NONE {
                    // It was loaded but may not run. If it can't be unloaded, that does no harm.
                    let _ = (self.boot.unload_image)(handle);
                }
                Err(LoadError::Untrusted(answer))
            }
            Status::OUT_OF_RESOURCES => Err(LoadError::NoMemory(answer)),
            _ => Err(LoadError::Refused(answer)),
        }
    }

    /// Starts a loaded program; returns only if the program does.
    #[must_use]
    pub fn start(&self, program: Handle) -> Status {
        (self.boot.start_image)(program, null_mut(), null_mut())
    }

    /// Returns a protocol of a handle.
    fn protocol(&self, handle: Handle, which: &Guid) -> Option<*mut c_void> {
        let mut found = null_mut();
        let answer = (self.boot.handle_protocol)(handle, which, &raw mut found);
        (answer.is_success() && !found.is_null()).then_some(found)
    }
}

/// Returns an ASCII name as UTF-16 with its zero.
fn wide(name: &str) -> [u16; NAME] {
    let mut out = [0; NAME];
    for (to, from) in out.iter_mut().take(NAME - 1).zip(name.bytes()) {
        *to = u16::from(from);
    }
    out
}
