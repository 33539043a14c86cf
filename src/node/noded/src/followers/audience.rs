//! Who follows which log, and what each has missed. No connections, no clock.

use std::collections::{BTreeMap, VecDeque};

use axum::body::Bytes;
use control::LogLine;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::json_lines;

/// Followers at the same time.
const MAX_FOLLOWERS: usize = 64;
/// Portions of a log on their way to a slow follower. Those of one log share their bytes.
const PORTIONS: usize = 32;

/// All followers.
#[derive(Debug, Default)]
pub(super) struct Audience {
    /// Those whose first lines were asked for, in that order.
    waiting: VecDeque<(String, Follower)>,
    /// Those who get new lines, by the name of the log.
    following: BTreeMap<String, Vec<Follower>>,
}

/// One of them.
#[derive(Debug)]
struct Follower {
    sender: Sender<Bytes>,
    lost: u64,
}

impl Audience {
    /// Takes one more, who waits for the first lines; `None` if there are too many.
    pub(super) fn join(&mut self, service: &str) -> Option<Receiver<Bytes>> {
        self.forget_gone();
        if self.count() >= MAX_FOLLOWERS {
            return None;
        }
        let (sender, receiver) = channel(PORTIONS);
        self.waiting.push_back((service.to_owned(), Follower { sender, lost: 0 }));
        Some(receiver)
    }

    fn count(&self) -> usize {
        self.waiting.len() + self.following.values().map(Vec::len).sum::<usize>()
    }

    /// Hands the first lines to the one who waits longest; new ones follow.
    pub(super) fn begin(&mut self, lines: Vec<LogLine>) {
        let Some((service, mut follower)) = self.waiting.pop_front() else { return };
        let count = lines.len();
        if follower.take(&json_lines(lines).into(), count) {
            self.following.entry(service).or_default().push(follower);
        }
    }

    /// Sends the one away who waits longest: there are no first lines.
    pub(super) fn refuse(&mut self) {
        self.waiting.pop_front();
    }

    /// Hands new lines to those who follow the log.
    pub(super) fn show(&mut self, service: &str, lines: Vec<LogLine>) {
        let Some(followers) = self.following.get_mut(service) else { return };
        let count = lines.len();
        let portion = json_lines(lines).into();
        followers.retain_mut(|follower| follower.take(&portion, count));
    }

    /// Gives everybody an empty line, so that either side notices when the other is gone.
    pub(super) fn keep_alive(&mut self) {
        let portion = json_lines(Vec::new()).into();
        for followers in self.following.values_mut() {
            followers.retain_mut(|follower| follower.take(&portion, 0));
        }
    }

    /// Returns the logs that nobody follows any more, once.
    pub(super) fn take_left(&mut self) -> Vec<String> {
        self.forget_gone();
        let waits = |service: &str| self.waiting.iter().any(|(name, _)| name == service);
        let left = self.following.iter().filter(|(name, all)| all.is_empty() && !waits(name));
        let left: Vec<String> = left.map(|(name, _)| name.clone()).collect();
        self.following.retain(|name, _| !left.contains(name));
        left
    }

    /// Returns whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Sends everybody away.
    pub(super) fn clear(&mut self) {
        *self = Audience::default();
    }

    fn forget_gone(&mut self) {
        for followers in self.following.values_mut() {
            followers.retain(|f| !f.sender.is_closed());
        }
    }
}

impl Follower {
    /// Takes a portion of `count` lines, or counts them as lost; false when the follower is gone.
    fn take(&mut self, portion: &Bytes, count: usize) -> bool {
        let sent = match self.lost {
            0 => self.sender.try_send(portion.clone()),
            lost => {
                let text = format!("… {lost} lines lost: this client reads too slowly");
                let told = json_lines(vec![LogLine { at_ms: sys::boot_ms(), text }]);
                self.sender.try_send([told.as_slice(), portion].concat().into())
            }
        };
        match sent {
            Ok(()) => self.lost = 0,
            Err(TrySendError::Full(_)) => self.lost = self.lost.saturating_add(count as u64),
            Err(TrySendError::Closed(_)) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<LogLine> {
        vec![LogLine { at_ms: 1, text: text.to_owned() }]
    }

    fn texts(receiver: &mut Receiver<Bytes>) -> String {
        std::iter::from_fn(|| receiver.try_recv().ok())
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .collect()
    }

    #[test]
    fn each_gets_its_first_lines_and_then_the_new_ones_of_its_log() {
        let mut audience = Audience::default();
        let mut one = audience.join("etcd").unwrap();
        let mut two = audience.join("kubelet").unwrap();
        audience.show("etcd", line("too early"));
        audience.begin(line("old"));
        audience.show("etcd", line("new"));
        audience.refuse();
        audience.show("kubelet", line("nobody's"));
        let seen = texts(&mut one);
        assert!(seen.contains("old") && seen.contains("new") && !seen.contains("early"), "{seen}");
        assert_eq!(texts(&mut two), "");
        assert!(two.is_closed());
    }

    #[test]
    fn one_who_does_not_read_loses_lines_and_is_told_how_many() {
        let mut audience = Audience::default();
        let mut slow = audience.join("etcd").unwrap();
        let mut quick = audience.join("etcd").unwrap();
        audience.begin(line("old"));
        audience.begin(line("old"));
        for n in 0..PORTIONS + 9 {
            audience.show("etcd", line(&format!("line {n}.")));
            assert!(texts(&mut quick).contains(&format!("line {n}.")));
        }
        assert!(!texts(&mut slow).contains(&format!("line {}.", PORTIONS)));
        audience.show("etcd", line("last"));
        let seen = texts(&mut slow);
        assert!(seen.contains("10 lines lost") && seen.contains("last"), "{seen}");
    }

    #[test]
    fn those_who_leave_make_room_and_their_log_is_left() {
        let mut audience = Audience::default();
        let all: Vec<_> = (0..MAX_FOLLOWERS).map(|_| audience.join("etcd").unwrap()).collect();
        (0..MAX_FOLLOWERS).for_each(|_| audience.begin(Vec::new()));
        assert!(audience.join("kubelet").is_none());
        assert_eq!(audience.take_left(), [""; 0]);
        drop(all);
        assert!(audience.join("kubelet").is_some());
        assert_eq!(audience.take_left(), ["etcd"]);
        assert_eq!(audience.take_left(), [""; 0]);
        assert!(!audience.is_empty());
        audience.clear();
        assert!(audience.is_empty());
    }
}
