//! Key events of an evdev device, such as the power button.

use std::fs::File;
use std::io::Read;

/// Key code of the power button, `KEY_POWER`.
pub const KEY_POWER: u16 = 116;

/// Size of `struct input_event` on 64-bit machines: two longs of time, type, code, value.
const EVENT_BYTES: usize = 24;
/// `EV_KEY`.
const EV_KEY: u16 = 1;

/// Reads all pending events of an input device opened non-blocking; returns the codes of keys that were
/// pressed. An error of the device counts as no event.
#[must_use]
pub fn pressed_keys(mut device: &File) -> Vec<u16> {
    let mut buffer = [0; EVENT_BYTES * 16];
    let mut keys = Vec::new();
    while let Ok(n) = device.read(&mut buffer) {
        let Some(events) = buffer.get(..n).filter(|e| !e.is_empty()) else { break };
        keys.extend(events.chunks_exact(EVENT_BYTES).filter_map(parse_press));
    }
    keys
}

/// Returns the key code if the event is a key press.
fn parse_press(event: &[u8]) -> Option<u16> {
    let half = |at: usize| event.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes);
    let value = event.get(20..24)?.try_into().ok().map(i32::from_ne_bytes)?;
    (half(16)? == EV_KEY && value == 1).then_some(half(18)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u16, code: u16, value: i32) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(code.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
        bytes
    }

    #[test]
    fn only_a_key_going_down_counts() {
        assert_eq!(parse_press(&event(1, KEY_POWER, 1)), Some(KEY_POWER));
        assert_eq!(parse_press(&event(1, KEY_POWER, 0)), None);
        assert_eq!(parse_press(&event(2, KEY_POWER, 1)), None);
        assert_eq!(parse_press(&[0; 23]), None);
    }
}
