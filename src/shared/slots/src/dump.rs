//! Records and headers as text, for `inspect` and `status`.
//!
//! One fact per line, without a final newline. The boot loader does not use it.

use core::fmt;

use crate::{Entry, Flags, Header, Record, Slot};

impl fmt::Display for Flags {
    /// Writes the names of the set bits, or `empty`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for name in self.names() {
            write!(f, "{comma}{name}")?;
            comma = ",";
        }
        if comma.is_empty() { f.write_str("empty") } else { Ok(()) }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { generation, epoch, flags, tries_left, last_failure } = self;
        write!(f, "generation {generation}, epoch {epoch}, {flags}, {tries_left} tries left, ")?;
        write!(f, "last failure {last_failure}")
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |slot: Option<Slot>| slot.map_or("none", Slot::name);
        writeln!(f, "sequence {}, boot {}, epoch floor {}", self.sequence, self.boots, self.epoch_floor)?;
        for slot in Slot::ALL {
            writeln!(f, "slot {slot}: {}", self.slots.get(slot))?;
        }
        writeln!(f, "attempt {}, forced {}", name(self.attempt), name(self.force))?;
        write!(f, "last start {}, {} in a row unsettled", name(self.last_start), self.unsettled)
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}, epoch {}, {} bytes, sha256 ", self.generation, self.epoch, self.length)?;
        self.sha256.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_record_reads_as_text() {
        let text = "sequence 1, boot 0, epoch floor 0\n\
                    slot a: generation 1, epoch 4, present,trial, 3 tries left, last failure none\n\
                    slot b: generation 0, epoch 0, empty, 0 tries left, last failure none\n\
                    attempt none, forced none\n\
                    last start none, 0 in a row unsettled";
        assert_eq!(Record::installed(4).to_string(), text);
    }

    #[test]
    fn a_header_reads_as_text() {
        let header = Header { length: 10, sha256: [0xab; 32], generation: 2, epoch: 1 };
        let text = header.to_string();
        assert!(text.starts_with("generation 2, epoch 1, 10 bytes, sha256 abab"), "{text}");
    }
}
