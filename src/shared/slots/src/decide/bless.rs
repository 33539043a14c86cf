//! Blesses the running generation: it was healthy long enough, and both parts of its slot were read completely.
//!
//! It may be a retired one that runs because nothing else does: being healthy reinstates it.

use super::retire::retire_exhausted;
use super::{Refusal, Running};
use crate::{BLESSED_TRIES, Flags, Reason, Record, Why};

/// Returns the record after the running generation was blessed.
///
/// # Errors
/// [`Refusal::AlreadyBlessed`] if it is: blessing it again at each boot would give a generation that gets
/// healthy and then dies its tries back for ever; [`Refusal::GivenUp`] if the operator gave it up in this
/// run: health must not undo that before the reboot; [`Refusal::Forced`] if it was started once by hand: the
/// operator's test must not decide; [`Refusal::NotRecorded`] if the record does not have it.
pub fn bless(record: &Record, running: Running) -> Result<Record, Refusal> {
    let mut entry = *running.entry(record)?;
    if entry.is_proven() {
        return Err(Refusal::AlreadyBlessed { generation: running.generation });
    }
    if entry.is_retired() && entry.last_failure == Reason::ByHand {
        return Err(Refusal::GivenUp { generation: running.generation });
    }
    if running.why == Why::Forced {
        return Err(Refusal::Forced { generation: running.generation });
    }
    entry.flags =
        entry.flags.with(Flags::BLESSED).without(Flags::TRIAL.with(Flags::RETIRED).with(Flags::EXPIRED));
    entry.tries_left = BLESSED_TRIES;
    entry.last_failure = Reason::None;
    let mut next = record.succeeding();
    next.attempt = None;
    next.epoch_floor = next.epoch_floor.max(entry.epoch);
    *next.slots.get_mut(running.slot) = entry;
    retire_exhausted(&mut next, running.slot);
    Ok(next)
}
