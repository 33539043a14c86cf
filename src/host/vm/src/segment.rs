//! A private Ethernet segment between machines, without root.
//!
//! A star of unix datagram sockets in the machines' own directories: QEMU of the first machine passes frames on between
//! the others. So the segment needs no process of its own, nobody else on the host can listen or send, and a machine may
//! be started and stopped at any time. The price: while the first machine is off, the others do not reach each other.
//! Multicast on the host's loopback would have no centre, but every user of the host could take part.
//!
//! Nothing on the segment gives addresses: they are static, or one of the machines serves them.

use std::path::PathBuf;

use crate::command::Line;

/// Maximum number of machines on a segment.
pub const MAX_MACHINES: usize = 16;

/// One machine's place on a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The directories of all machines on the segment; that of the centre comes first.
    pub directories: Vec<PathBuf>,
    /// Which of them is this machine's.
    pub index: usize,
}

impl Segment {
    /// Returns the hardware address of this machine's adapter on the segment.
    #[must_use]
    pub fn hardware_address(&self) -> String {
        format!("52:54:00:5e:00:{:02x}", self.index)
    }

    /// Adds the adapter, an instance of `device`, and its cables to a command line.
    pub(crate) fn add_to(&self, line: &mut Line, device: &str) {
        match self.index {
            0 => {
                line.add("-netdev", "hubport,id=segment,hubid=1");
                for other in 1..self.directories.len() {
                    self.add_cable(line, &format!("cable{other}"), other);
                    line.add("-netdev", format!("hubport,id=port{other},hubid=1,netdev=cable{other}"));
                }
            }
            _ => self.add_cable(line, "segment", 0),
        }
        line.add("-device", format!("{device},netdev=segment,mac={},romfile=", self.hardware_address()));
    }

    /// Adds one end of the cable to machine `other`.
    fn add_cable(&self, line: &mut Line, id: &str, other: usize) {
        let end = |at: usize, to: usize| self.directories[at].join(format!("cable-{to}"));
        let options = [
            (format!("dgram,id={id},local.type=unix,local.path="), end(self.index, other)),
            (",remote.type=unix,remote.path=".to_owned(), end(other, self.index)),
        ];
        line.add_files("-netdev", &options);
    }
}
