//! Which source an event belongs to, as the number that the kernel gives back.

/// A source of events; numbers tell apart those of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Signals.
    Signal,
    /// A new client of the control socket.
    Accept,
    /// A client.
    Client(u32),
    /// Notices of services.
    Notify,
    /// Output of a service.
    Log(u32),
    /// A probe over a socket.
    Probe(u32),
    /// A power button.
    Button(u32),
    /// The kernel's messages.
    KernelLog,
    /// The process that writes to the disks.
    Disk,
}

impl Token {
    /// Returns the number for the kernel: the sort in the high half.
    pub(super) fn to_number(self) -> u64 {
        let (sort, id) = match self {
            Token::Signal => (0, 0),
            Token::Accept => (1, 0),
            Token::Client(id) => (2, id),
            Token::Notify => (3, 0),
            Token::Log(id) => (4, id),
            Token::Probe(id) => (5, id),
            Token::Button(id) => (6, id),
            Token::KernelLog => (7, 0),
            Token::Disk => (8, 0),
        };
        sort << 32 | u64::from(id)
    }

    /// Returns the token of a number.
    pub(super) fn parse(number: u64) -> Option<Token> {
        let id = u32::try_from(number & 0xffff_ffff).ok()?;
        match number >> 32 {
            0 => Some(Token::Signal),
            1 => Some(Token::Accept),
            2 => Some(Token::Client(id)),
            3 => Some(Token::Notify),
            4 => Some(Token::Log(id)),
            5 => Some(Token::Probe(id)),
            6 => Some(Token::Button(id)),
            7 => Some(Token::KernelLog),
            8 => Some(Token::Disk),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let all = [
            Token::Signal,
            Token::Accept,
            Token::Client(7),
            Token::Notify,
            Token::Log(u32::MAX),
            Token::Probe(0),
            Token::Button(1),
            Token::KernelLog,
            Token::Disk,
        ];
        for token in all {
            assert_eq!(Token::parse(token.to_number()), Some(token));
        }
        assert_eq!(Token::parse(u64::MAX), None);
    }
}
