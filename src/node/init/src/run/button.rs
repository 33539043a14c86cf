//! The power button: every input device that has the key.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sys::{Interest, Poll};

use super::token::Token;

/// `O_NONBLOCK`.
const OPEN_FLAGS: i32 = 0o4000;

/// The open devices.
#[derive(Debug, Default)]
pub(super) struct Buttons {
    devices: Vec<File>,
}

impl Buttons {
    /// Opens all input devices with a power key. One plugged in later is not heard.
    pub(super) fn open_all(poll: &Poll) -> Buttons {
        Buttons { devices: open_devices(poll) }
    }

    /// Returns whether the power key of the device with this number was pressed since the last time.
    pub(super) fn is_pressed(&self, id: u32) -> bool {
        let device = usize::try_from(id).ok().and_then(|i| self.devices.get(i));
        device.is_some_and(|device| sys::pressed_keys(device).contains(&sys::KEY_POWER))
    }
}

/// Opens the devices; their numbers are their places.
fn open_devices(poll: &Poll) -> Vec<File> {
    let entries = std::fs::read_dir("/sys/class/input").into_iter().flatten().flatten();
    let names = entries.filter_map(|e| e.file_name().into_string().ok()).filter(|n| n.starts_with("event"));
    let mut buttons = Vec::new();
    for name in names {
        let keys = format!("/sys/class/input/{name}/device/capabilities/key");
        let keys = std::fs::read_to_string(keys).unwrap_or_default();
        let path = Path::new("/dev/input").join(&name);
        if !has_key(&keys, sys::KEY_POWER) {
            continue;
        }
        let opened = File::options().read(true).custom_flags(OPEN_FLAGS).open(path);
        let Ok(device) = opened else { continue };
        let id = u32::try_from(buttons.len()).unwrap_or(u32::MAX);
        if poll.add(&device, Token::Button(id).to_number(), Interest::Read).is_ok() {
            buttons.push(device);
        }
    }
    buttons
}

/// Returns whether a device has a key: sysfs shows the keys as a bitmap, hexadecimal words of 64 bits, the
/// highest first.
fn has_key(bitmap: &str, key: u16) -> bool {
    let word = bitmap.split_whitespace().rev().nth(usize::from(key / 64));
    let word = word.and_then(|w| u64::from_str_radix(w, 16).ok()).unwrap_or(0);
    word >> (key % 64) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::has_key;

    #[test]
    fn bitmap_counts_words_from_the_end() {
        assert!(has_key("10000000000000 0\n", 116));
        assert!(!has_key("10000000000000\n", 116));
        assert!(!has_key("", 116));
        assert!(has_key("1", 0));
    }
}
