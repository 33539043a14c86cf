//! Waits for one of two descriptors, or for the time to be over.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readable {
    /// The first descriptor, whatever the second says; an end or an error counts.
    First,
    /// The second one alone.
    Second,
    /// Neither: the time is over, or a signal came.
    None,
}

/// Waits until one of two descriptors can be read, at most for `longest` (`None`: as long as it takes).
pub(crate) fn wait(
    first: BorrowedFd<'_>,
    second: Option<BorrowedFd<'_>>,
    longest: Option<Duration>,
) -> Readable {
    let mut watched: Vec<PollFd<'_>> = [Some(first), second]
        .iter()
        .flatten()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    // A time that can't be told to the kernel is so long that it does not matter.
    let longest = longest.and_then(|l| Timespec::try_from(l).ok());
    if poll(&mut watched, longest.as_ref()).is_err() {
        return Readable::None;
    }
    let is_ready = |at: usize| watched.get(at).is_some_and(|w| !w.revents().is_empty());
    match (is_ready(0), is_ready(1)) {
        (true, _) => Readable::First,
        (false, true) => Readable::Second,
        (false, false) => Readable::None,
    }
}
