//! How far a transfer is: which blocks are sent next. Pure.

use std::ops::RangeInclusive;

/// A file on its way to one client. Blocks are counted from 1; the last one is shorter than the others, and empty if the
/// file ends with a full one.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    /// Number of the last block.
    last: u64,
    window: u64,
    /// The last block that has arrived.
    arrived: u64,
    /// The last block that was sent.
    sent: u64,
}

impl Transfer {
    /// A transfer of a file in blocks of `block_bytes`, of which `window` are sent without an acknowledgement.
    pub(crate) fn new(file_bytes: u64, block_bytes: u16, window: u16) -> Transfer {
        Transfer { last: file_bytes / u64::from(block_bytes) + 1, window: window.into(), arrived: 0, sent: 0 }
    }

    /// Returns the blocks that are to be sent now, which count as sent then.
    pub(crate) fn next(&mut self) -> RangeInclusive<u64> {
        let first = self.arrived + 1;
        self.sent = self.last.min(self.arrived + self.window);
        first..=self.sent
    }

    /// Takes an acknowledgement; returns whether there is something to do: the next blocks, or nothing more.
    ///
    /// One of a block that was acknowledged before is ignored: answered, each of its copies would double all that
    /// follows (RFC 1123, 4.2.3.1). One within a window says that what follows it is lost (RFC 7440, 4).
    pub(crate) fn take(&mut self, number: u16) -> bool {
        // Of the numbers in flight, which are fewer than 65,536, the one that ends so.
        let ahead = u64::from(number.wrapping_sub(
            self.arrived.to_le_bytes().first_chunk::<2>().map_or(0, |b| u16::from_le_bytes(*b)),
        ));
        if ahead == 0 || self.arrived + ahead > self.sent {
            return false;
        }
        self.arrived += ahead;
        true
    }

    /// Returns whether all of the file has arrived.
    pub(crate) fn is_complete(&self) -> bool {
        self.arrived == self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_block_is_short_or_empty() {
        assert_eq!(Transfer::new(0, 512, 1).last, 1);
        assert_eq!(Transfer::new(511, 512, 1).last, 1);
        assert_eq!(Transfer::new(512, 512, 1).last, 2);
    }

    #[test]
    fn copies_of_acknowledgements_are_ignored_and_losses_sent_again() {
        let mut transfer = Transfer::new(10 * 512 - 1, 512, 4);
        assert_eq!(transfer.next(), 1..=4);
        assert!(!transfer.take(0) && !transfer.take(5), "never sent");
        assert!(transfer.take(2), "3 is lost");
        assert_eq!(transfer.next(), 3..=6);
        assert!(!transfer.take(2) && !transfer.take(1));
        assert!(transfer.take(6));
        assert_eq!(transfer.next(), 7..=10);
        // Nothing comes: sent again.
        assert_eq!(transfer.next(), 7..=10);
        assert!(transfer.take(10) && transfer.is_complete());
    }

    #[test]
    fn numbers_begin_again() {
        let mut transfer = Transfer::new(512 * 200_000, 512, 64);
        let mut rounds = 0;
        while !transfer.is_complete() {
            let sent = *transfer.next().end();
            assert!(transfer.take(u16::try_from(sent % 65_536).unwrap()));
            rounds += 1;
        }
        assert_eq!(rounds, 200_001_u64.div_ceil(64));
    }
}
