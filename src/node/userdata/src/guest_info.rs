//! Asks VMware for the values that an administrator set for this machine: `guestinfo.…`.
//!
//! The protocol above the back door: a channel for remote calls, through which messages go four bytes at a time. The
//! faster port for whole messages is left out, since it needs memory that the hypervisor may write. Off-spec: published
//! only as source, in open-vm-tools, `lib/message`.

use std::fmt::Debug;

use sys::BackDoorRegisters as Registers;

use crate::MAX_BYTES;

/// The command of all calls here, in the lower half of `ecx`.
const MESSAGE: u32 = 0x1e;
/// Opens a channel for remote calls that has cookies.
const RPC: u32 = 0x4943_5052 | 0x8000_0000;
/// Subcommands, in the upper half of `ecx`.
const OPEN: u32 = 0;
const SEND_LENGTH: u32 = 1;
const SEND: u32 = 2;
const RECEIVE_LENGTH: u32 = 3;
const RECEIVE: u32 = 4;
const RECEIVED: u32 = 5;
const CLOSE: u32 = 6;
/// Status bits, in the upper half of `ecx`.
const SUCCESS: u32 = 1;
const HAS_REPLY: u32 = 2;
/// How often a call is repeated: one fails when the machine is being suspended or moved.
const TRIES: usize = 3;

/// The way to the hypervisor.
pub(crate) trait BackDoor: Debug {
    /// Passes registers to the hypervisor and returns what it left in them.
    fn call(&self, registers: Registers) -> Registers;
}

/// The port itself.
#[derive(Debug)]
pub(crate) struct Port;

impl BackDoor for Port {
    fn call(&self, registers: Registers) -> Registers {
        sys::back_door(registers)
    }
}

/// Returns the value of `guestinfo.KEY`; `None` if it is not set.
///
/// # Errors
/// What the hypervisor refused, or that the value is longer than [`MAX_BYTES`].
pub(crate) fn get(door: &dyn BackDoor, key: &str) -> Result<Option<Vec<u8>>, String> {
    let request = format!("info-get guestinfo.{key}");
    let mut last = String::new();
    for _ in 0..TRIES {
        match Channel::open(door).and_then(|channel| channel.ask(request.as_bytes())) {
            Ok(reply) => {
                return match reply.split_at_checked(2) {
                    Some((b"1 ", value)) => Ok(Some(value.to_vec())),
                    // "No value found": there is no code for it.
                    Some((b"0 ", _)) => Ok(None),
                    _ => Err(format!("unexpected reply of {} bytes to {request:?}", reply.len())),
                };
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// An open channel; closed when dropped.
struct Channel<'a> {
    door: &'a dyn BackDoor,
    id: u32,
    cookies: (u32, u32),
}

impl<'a> Channel<'a> {
    fn open(door: &'a dyn BackDoor) -> Result<Channel<'a>, String> {
        let found = door.call(Registers { ebx: RPC, ecx: OPEN << 16 | MESSAGE, ..Registers::default() });
        match found.ecx >> 16 & SUCCESS {
            0 => Err("the hypervisor opens no channel".to_owned()),
            _ => Ok(Channel { door, id: found.edx >> 16, cookies: (found.esi, found.edi) }),
        }
    }

    /// Makes one call on the channel.
    fn call(&self, subcommand: u32, parameter: u32) -> Registers {
        self.door.call(Registers {
            ebx: parameter,
            ecx: subcommand << 16 | MESSAGE,
            edx: self.id << 16,
            esi: self.cookies.0,
            edi: self.cookies.1,
        })
    }

    /// As [`Channel::call`]; an error if the hypervisor does not report success.
    fn must(&self, what: &str, subcommand: u32, parameter: u32) -> Result<Registers, String> {
        let found = self.call(subcommand, parameter);
        match found.ecx >> 16 & SUCCESS {
            0 => Err(format!("the hypervisor refuses {what}")),
            _ => Ok(found),
        }
    }

    /// Sends a request and returns the reply.
    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, String> {
        let length = u32::try_from(request.len()).map_err(|_| "the request is too long".to_owned())?;
        self.must("the length of a request", SEND_LENGTH, length)?;
        for piece in request.chunks(4) {
            let mut four = [0; 4];
            four[..piece.len()].copy_from_slice(piece);
            self.must("a request", SEND, u32::from_le_bytes(four))?;
        }
        let found = self.must("a reply", RECEIVE_LENGTH, 0)?;
        if found.ecx >> 16 & HAS_REPLY == 0 {
            return Err("the hypervisor has no reply".to_owned());
        }
        // The two bytes before the value belong to the reply.
        let length = usize::try_from(found.ebx).ok().filter(|length| *length <= MAX_BYTES + 2);
        let length =
            length.ok_or_else(|| format!("expected at most {MAX_BYTES} bytes, found {}", found.ebx))?;
        let mut reply = Vec::with_capacity(length.next_multiple_of(4));
        while reply.len() < length {
            reply.extend(self.must("the rest of a reply", RECEIVE, SUCCESS)?.ebx.to_le_bytes());
        }
        reply.truncate(length);
        self.must("the end of a reply", RECEIVED, SUCCESS)?;
        Ok(reply)
    }
}

impl Drop for Channel<'_> {
    fn drop(&mut self) {
        // A channel that can't be closed is closed by the hypervisor in time.
        let _ = self.call(CLOSE, 0);
    }
}

/// A hypervisor for tests: as open-vm-tools describe it from the other side. It can't show that a real one answers.
#[cfg(test)]
pub(crate) mod fake {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;

    /// Cookies of its channels.
    const COOKIES: (u32, u32) = (0x1234_5678, 0x9abc_def0);
    /// The only channel.
    const ID: u32 = 5;

    /// The hypervisor.
    #[derive(Debug, Default)]
    pub struct Hypervisor {
        pub values: BTreeMap<&'static str, Vec<u8>>,
        /// The number of calls that fail first.
        pub failures: usize,
        pub state: Mutex<State>,
    }

    /// What it remembers between calls.
    #[derive(Debug, Default)]
    pub struct State {
        calls: usize,
        open: bool,
        expected: usize,
        request: Vec<u8>,
        reply: Vec<u8>,
        given: usize,
    }

    impl BackDoor for Hypervisor {
        fn call(&self, r: Registers) -> Registers {
            let mut state = self.state.lock().unwrap();
            state.calls += 1;
            assert_eq!(r.ecx & 0xffff, MESSAGE);
            if state.calls <= self.failures {
                return Registers { ecx: 0, ..r };
            }
            let done = |r: Registers, bits: u32| Registers { ecx: (SUCCESS | bits) << 16, ..r };
            if r.ecx >> 16 == OPEN {
                assert_eq!((r.ebx, state.open), (RPC, false));
                *state = State { calls: state.calls, open: true, ..State::default() };
                return done(Registers { edx: ID << 16, esi: COOKIES.0, edi: COOKIES.1, ..r }, 0);
            }
            assert_eq!((state.open, r.edx >> 16, (r.esi, r.edi)), (true, ID, COOKIES));
            match r.ecx >> 16 {
                SEND_LENGTH => state.expected = r.ebx as usize,
                SEND => {
                    let rest = (state.expected - state.request.len()).min(4);
                    state.request.extend(&r.ebx.to_le_bytes()[..rest]);
                }
                RECEIVE_LENGTH => {
                    assert_eq!(state.request.len(), state.expected);
                    let request = String::from_utf8(state.request.clone()).unwrap();
                    let value = self.values.get(request.strip_prefix("info-get guestinfo.").unwrap());
                    state.reply = value.map_or(b"0 No value found".to_vec(), |v| [b"1 ", &v[..]].concat());
                    return done(
                        Registers { ebx: u32::try_from(state.reply.len()).unwrap(), ..r },
                        HAS_REPLY,
                    );
                }
                RECEIVE => {
                    let mut four = [0xee; 4];
                    let rest = &state.reply[state.given..state.reply.len().min(state.given + 4)];
                    four[..rest.len()].copy_from_slice(rest);
                    state.given += 4;
                    return done(Registers { ebx: u32::from_le_bytes(four), ..r }, 0);
                }
                RECEIVED => assert!(state.given >= state.reply.len()),
                CLOSE => state.open = false,
                other => panic!("subcommand {other}"),
            }
            done(r, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Hypervisor;
    use super::*;

    fn hypervisor(values: &[(&'static str, &[u8])]) -> Hypervisor {
        let values = values.iter().map(|(key, value)| (*key, value.to_vec())).collect();
        Hypervisor { values, ..Hypervisor::default() }
    }

    #[test]
    fn values_of_any_length_are_read() {
        for length in (0..20).chain([MAX_BYTES]) {
            let value: Vec<u8> = (0..=250).cycle().take(length).collect();
            let door = hypervisor(&[("userdata", &value)]);
            assert!(get(&door, "userdata") == Ok(Some(value)), "{length}");
            assert_eq!(get(&door, "metadata"), Ok(None));
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_is_read() {
        let door = hypervisor(&[("userdata", &vec![0; MAX_BYTES + 1])]);
        assert_eq!(get(&door, "userdata"), Err("expected at most 1048576 bytes, found 1048579".to_owned()));
    }

    #[test]
    fn a_call_that_fails_is_repeated_a_few_times() {
        let value = (Ok(Some(b"x".to_vec())), Err("the hypervisor opens no channel".to_owned()));
        for (failures, expected) in [(1, &value.0), (2, &value.0), (3, &value.1)] {
            let door = Hypervisor { failures, ..hypervisor(&[("userdata", b"x")]) };
            assert_eq!(&get(&door, "userdata"), expected);
        }
    }
}
