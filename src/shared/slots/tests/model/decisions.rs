//! The decisions as the model calls them, so that a broken one can stand in for a sound one.

use crate::{
    Boot, Expired, Header, Pair, Reason, Record, Refusal, Running, Slot, Start, answer, begin_update, bless,
    commit_update, expire, may_starve, rollback, settle,
};

/// How a boot is opened: with both records and the headers.
type Open = fn(Option<Record>, Option<Record>, &Pair<Option<Header>>) -> Boot;
/// How an update begins.
type Begin = fn(&Record, Running) -> Result<(Slot, Record), Refusal>;

/// Every decision that some variant breaks.
#[derive(Clone, Copy, Debug)]
pub struct Decisions {
    pub open: Open,
    pub next: fn(&mut Boot) -> Option<Start>,
    pub answer: fn(&Record, Running) -> Record,
    pub settle: fn(&Record, Running) -> Option<Record>,
    pub bless: fn(&Record, Running) -> Result<Record, Refusal>,
    pub expire: fn(&Record, Running, Reason) -> Expired,
    pub may_starve: fn(&Record, Running) -> bool,
    pub begin: Begin,
    pub commit: fn(&Record, Running, u32, u32) -> Result<Record, Refusal>,
    pub rollback: fn(&Record, Running) -> Result<Record, Refusal>,
}

/// The very code that runs.
pub const SOUND: Decisions = Decisions {
    open: Boot::new,
    next: Boot::next_start,
    answer,
    settle,
    bless,
    expire,
    may_starve,
    begin: begin_update,
    commit: commit_update,
    rollback,
};
