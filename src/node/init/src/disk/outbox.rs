//! What waits for the disk, within a bound: the oldest lines of logs make room, and are counted.

use std::collections::{BTreeMap, VecDeque};

use super::order::Order;

/// Bytes of logs that wait at most. A dozen services that print a lot fill it in seconds; their last lines are in
/// memory anyway.
const MAX_BYTES: usize = 1 << 20;

/// Lines of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    /// Name of the log.
    pub(crate) log: String,
    /// Complete lines.
    pub(crate) text: String,
    /// How many they are.
    pub(crate) lines: u64,
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Goes before all logs.
    urgent: VecDeque<Order>,
    logs: VecDeque<Portion>,
    bytes: usize,
    /// Lines that were dropped and that their log does not tell of yet.
    lost: BTreeMap<String, u64>,
    /// Goes after all logs.
    last: VecDeque<Order>,
}

impl Outbox {
    /// Adds lines of a log; the oldest ones of all logs make room. Returns how many lines were dropped for it.
    pub(super) fn push_log(&mut self, portion: Portion) -> u64 {
        self.bytes += portion.text.len();
        self.logs.push_back(portion);
        let mut dropped = 0;
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.logs.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.text.len());
            *self.lost.entry(oldest.log).or_default() += oldest.lines;
            dropped += oldest.lines;
        }
        dropped
    }

    /// Adds an order that goes before all logs.
    pub(super) fn push_urgent(&mut self, order: Order) {
        self.urgent.push_back(order);
    }

    /// Adds an order that goes after everything that waits.
    pub(super) fn push_last(&mut self, order: Order) {
        self.last.push_back(order);
    }

    /// Takes what goes next.
    pub(super) fn pop(&mut self) -> Option<Order> {
        if let Some(order) = self.urgent.pop_front() {
            return Some(order);
        }
        let Some(Portion { log, text, .. }) = self.logs.pop_front() else { return self.last.pop_front() };
        self.bytes = self.bytes.saturating_sub(text.len());
        let text = match self.lost.remove(&log) {
            Some(lost) => format!("… {lost} lines lost: the disk was too slow\n{text}"),
            None => text,
        };
        Some(Order::Log { name: log, text })
    }

    /// Forgets orders that are answered, and returns how many they were: nobody answers them any more.
    pub(super) fn forget_answered(&mut self) -> usize {
        let before = self.urgent.len() + self.last.len();
        self.urgent.retain(|order| !order.is_answered());
        self.last.retain(|order| !order.is_answered());
        before - self.urgent.len() - self.last.len()
    }

    /// Returns whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.logs.is_empty() && self.last.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portion(log: &str, n: usize) -> Portion {
        Portion { log: log.to_owned(), text: format!("{n:9}\n").repeat(100), lines: 100 }
    }

    #[test]
    fn the_oldest_lines_make_room_and_their_log_tells_how_many() {
        let mut outbox = Outbox::default();
        let fitting = MAX_BYTES / 1000;
        let dropped: u64 = (0..fitting + 3).map(|n| outbox.push_log(portion("etcd", n))).sum();
        assert_eq!(dropped, 300);
        outbox.push_log(portion("kubelet", 0));
        assert!(outbox.bytes <= MAX_BYTES);
        let Some(Order::Log { name, text }) = outbox.pop() else { panic!("a log") };
        assert_eq!(name, "etcd");
        assert!(text.starts_with("… 400 lines lost: the disk was too slow\n        4\n"), "{text:.80}");
        let Some(Order::Log { text, .. }) = outbox.pop() else { panic!("a log") };
        assert!(text.starts_with("        5\n"), "told once");
    }

    #[test]
    fn records_go_first_and_the_end_goes_last() {
        let mut outbox = Outbox::default();
        let record = Order::Record { path: "/dev/x".into(), offset: 0, sector: vec![1] };
        outbox.push_last(Order::Finish);
        outbox.push_log(portion("etcd", 0));
        outbox.push_urgent(record.clone());
        assert_eq!(outbox.pop(), Some(record.clone()));
        assert!(matches!(outbox.pop(), Some(Order::Log { .. })));
        outbox.push_urgent(record);
        assert_eq!(outbox.forget_answered(), 2);
        assert!(outbox.is_empty() && outbox.pop().is_none());
    }
}
