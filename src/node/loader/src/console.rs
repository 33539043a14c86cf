//! Lines on the firmware's console.

use core::fmt::{self, Write};

use crate::efi::Firmware;

/// Size of the buffer in characters, including the terminating zero.
const CHUNK: usize = 64;

/// Writes one line: `ironhull loader: …`. Takes the firmware and what `format!` takes.
macro_rules! say {
    ($firmware:expr, $($text:tt)*) => {
        $crate::console::line($firmware, format_args!($($text)*))
    };
}

/// Writes one line. Errors are ignored: a console that fails is no reason not to boot.
pub fn line(firmware: &Firmware, text: fmt::Arguments<'_>) {
    let mut console = Console { firmware, buffer: [0; CHUNK], used: 0 };
    let _ = writeln!(console, "ironhull loader: {text}");
    console.flush();
}

/// The console, and a buffer for its text.
struct Console<'a> {
    firmware: &'a Firmware,
    buffer: [u16; CHUNK],
    used: usize,
}

impl Console<'_> {
    fn push(&mut self, unit: u16) {
        if let Some(place) = self.buffer.get_mut(self.used) {
            *place = unit;
            self.used += 1;
        }
        // The last character stays zero: it terminates the text.
        if self.used + 1 == CHUNK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.firmware.print(&self.buffer);
        self.buffer = [0; CHUNK];
        self.used = 0;
    }
}

impl Write for Console<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character == '\n' {
                self.push(u16::from(b'\r'));
            }
            // The console supports only the basic multilingual plane.
            self.push(u16::try_from(u32::from(character)).unwrap_or(u16::from(b'?')));
        }
        Ok(())
    }
}
