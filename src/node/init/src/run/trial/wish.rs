//! What is to be written into the boot record, one after the other: a record is decided from the one before, so the
//! next decision waits until the last one is on the disk.

use std::collections::VecDeque;

use control::{BootOrder, Reply};
use slots::{Reason, Record, Slot};

/// A change of the record that somebody wants; what it is exactly is decided when its turn comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Tell the boot loader that the node runs.
    Answer,
    /// Note that `noded` does not report on trial.
    Starving,
    /// Note that this run was a good one.
    Settle,
    /// The generation has proven itself.
    Bless,
    /// The generation has failed.
    Expire(Reason),
    /// An order of this client.
    Order(u32, BootOrder),
    /// This client has found damage in the slot with this generation.
    Rotten(u32, Slot, u32),
}

impl Wish {
    /// Returns the client that waits for an answer.
    pub(super) const fn client(&self) -> Option<u32> {
        match self {
            Wish::Order(client, _) | Wish::Rotten(client, ..) => Some(*client),
            Wish::Answer | Wish::Starving | Wish::Settle | Wish::Bless | Wish::Expire(_) => None,
        }
    }
}

/// A record on its way to the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writing {
    pub(super) wish: Wish,
    pub(super) next: Record,
    /// What the client gets when it is there.
    pub(super) reply: Reply,
    /// The client was told that it takes too long.
    pub(super) told: bool,
}

/// All wishes. Each client has at most one.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    waiting: VecDeque<(Wish, u64)>,
    writing: Option<(Writing, u64)>,
}

impl Wishes {
    /// Adds a wish, unless the same one is there already.
    pub(super) fn add(&mut self, wish: Wish, now: u64) {
        let is_writing = self.writing.as_ref().is_some_and(|(w, _)| w.wish == wish);
        if !is_writing && self.waiting.iter().all(|(w, _)| *w != wish) {
            self.waiting.push_back((wish, now));
        }
    }

    /// Takes the wish whose turn it is; none while a record is on its way.
    pub(super) fn take(&mut self) -> Option<(Wish, u64)> {
        if self.writing.is_some() { None } else { self.waiting.pop_front() }
    }

    /// Notes that a record is on its way, for a wish that was made at `since`.
    pub(super) fn write(&mut self, writing: Writing, since: u64) {
        self.writing = Some((writing, since));
    }

    /// Takes the record that was on its way.
    pub(super) fn written(&mut self) -> Option<Writing> {
        self.writing.take().map(|(writing, _)| writing)
    }

    /// Returns the clients that have waited since `before` or longer, and whether their wish was taken back. One that is
    /// on its way can't be.
    pub(super) fn take_late(&mut self, before: u64) -> Vec<(u32, bool)> {
        let late = |(wish, since): &(Wish, u64)| wish.client().is_some() && *since <= before;
        let (gone, stay) = std::mem::take(&mut self.waiting).into_iter().partition(late);
        self.waiting = stay;
        let gone: Vec<(Wish, u64)> = gone.into();
        let mut clients: Vec<(u32, bool)> =
            gone.iter().filter_map(|(wish, _)| wish.client()).map(|client| (client, true)).collect();
        if let Some((writing, since)) = &mut self.writing
            && *since <= before
            && !std::mem::replace(&mut writing.told, true)
        {
            clients.extend(writing.wish.client().map(|client| (client, false)));
        }
        clients
    }

    /// Returns when the first client has waited since.
    pub(super) fn waits_since(&self) -> Option<u64> {
        let writing = self.writing.iter().filter(|(w, _)| !w.told && w.wish.client().is_some());
        let waiting = self.waiting.iter().filter(|(wish, _)| wish.client().is_some());
        writing.map(|(_, since)| *since).chain(waiting.map(|(_, since)| *since)).min()
    }

    /// Returns whether a wish can be taken now.
    pub(super) fn is_ready(&self) -> bool {
        self.writing.is_none() && !self.waiting.is_empty()
    }

    /// Returns whether a record is on its way.
    pub(super) const fn is_under_way(&self) -> bool {
        self.writing.is_some()
    }

    /// Returns whether nothing is wanted.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.writing.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writing(wish: Wish) -> Writing {
        Writing { wish, next: Record::installed(0), reply: Reply::Ok, told: false }
    }

    #[test]
    fn one_record_is_on_its_way_and_no_wish_stands_twice() {
        let mut wishes = Wishes::default();
        wishes.add(Wish::Bless, 1);
        wishes.add(Wish::Bless, 2);
        assert!(wishes.is_ready());
        let (wish, since) = wishes.take().unwrap();
        assert_eq!((&wish, since), (&Wish::Bless, 1));
        wishes.write(writing(wish), since);
        wishes.add(Wish::Bless, 3);
        wishes.add(Wish::Settle, 4);
        assert_eq!(wishes.take(), None);
        assert!(!wishes.is_ready());
        assert_eq!(wishes.written().unwrap().wish, Wish::Bless);
        assert_eq!(wishes.take(), Some((Wish::Settle, 4)));
        assert!(wishes.is_empty());
    }

    #[test]
    fn a_client_that_waits_too_long_is_told_once_whether_its_order_still_counts() {
        let mut wishes = Wishes::default();
        let order = |client| Wish::Order(client, BootOrder::Rollback);
        wishes.add(order(1), 10);
        let (wish, since) = wishes.take().unwrap();
        wishes.write(writing(wish), since);
        wishes.add(order(2), 20);
        wishes.add(Wish::Settle, 20);
        assert_eq!((wishes.waits_since(), wishes.take_late(9)), (Some(10), vec![]));
        assert_eq!(wishes.take_late(20), [(2, true), (1, false)]);
        assert_eq!((wishes.waits_since(), wishes.take_late(99)), (None, vec![]));
        assert!(wishes.written().unwrap().told);
        assert_eq!(wishes.take(), Some((Wish::Settle, 20)));
    }
}
