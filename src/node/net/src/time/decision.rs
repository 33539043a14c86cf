//! Whether the clock follows the servers.

use std::time::Duration;

use super::{Agreement, Bounds, Strength, agree};

/// A machine's clock may be in local time, 14 hours ahead or 12 behind: within a day it and a server mean the same.
const SAME_DAY: Duration = Duration::from_secs(86_400);
/// How far one server may move a clock that was set before: `ntpd` ends beyond this.
const BY_ONE: Duration = Duration::from_secs(1000);
/// How far several servers that agree may move a clock that is worth something.
const BY_SEVERAL: Duration = Duration::from_secs(31 * 86_400);
/// A clock that nobody sets is off by at most a part of the time: 500 ppm, as in RFC 5905.
const DRIFT: u32 = 2000;

/// What the clock is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The machine's clock was impossible: it was set to the latest time that is certain.
    Wrong,
    /// The machine's clock is possible, on a node that has no past.
    New,
    /// The machine's clock is possible, on a node that ran before.
    Machine,
    /// Set by servers, with nothing to hold them against.
    Set(Strength),
    /// Servers and the machine's clock agreed, or an operator said so.
    Confirmed,
}

/// The clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// What it is worth.
    pub trust: Trust,
    /// What it should show if it was right when it was last believed: by the time since then on the kernel's clock, and
    /// on the machine's, which goes on while a virtual machine is paused.
    pub expected: [Option<Duration>; 2],
    /// How long ago that was.
    pub elapsed: Duration,
}

impl Clock {
    /// Returns whether `time` is within `limit` of what the clock should show.
    fn is_within(&self, time: Duration, limit: Duration) -> bool {
        let limit = limit + self.elapsed / DRIFT;
        self.expected.iter().flatten().any(|e| e.abs_diff(time) <= limit)
    }

    /// Returns whether it is worth anything.
    fn is_believed(&self) -> bool {
        !matches!(self.trust, Trust::Wrong | Trust::New)
    }

    /// Returns how far servers may move it; `None`: anywhere within the bounds.
    fn limit(&self, strength: Strength) -> Option<Duration> {
        match (self.trust, strength) {
            (Trust::Wrong | Trust::New, _) | (Trust::Set(Strength::One), Strength::Several) => None,
            (Trust::Machine, Strength::One) => Some(SAME_DAY),
            (Trust::Set(_) | Trust::Confirmed, Strength::One) => Some(BY_ONE),
            (_, Strength::Several) => Some(BY_SEVERAL),
        }
    }

    /// Returns what it is worth once it shows `time`, as servers say.
    fn trust_after(&self, time: Duration, strength: Strength) -> Trust {
        match self.trust {
            Trust::New | Trust::Machine | Trust::Confirmed if self.is_within(time, SAME_DAY) => {
                Trust::Confirmed
            }
            Trust::Set(before) => Trust::Set(before.max(strength)),
            _ => Trust::Set(strength),
        }
    }

    /// Returns whether later steps are measured from `time`. Not if it is a step that is bounded: many of them would
    /// go any way.
    fn is_anchor(&self, time: Duration, strength: Strength) -> bool {
        match (self.trust, strength) {
            (Trust::Wrong | Trust::New | Trust::Machine, _)
            | (Trust::Set(Strength::One), Strength::Several) => true,
            (_, Strength::One) => false,
            (_, Strength::Several) => self.is_within(time, BY_ONE),
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The node by itself.
    Unattended,
    /// An operator, who accepts whatever the servers say.
    Operator,
}

/// Why the clock does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The time is before the floor.
    BeforeFloor,
    /// The time is after the ceiling.
    AfterCeiling,
    /// The step is larger than this without an order.
    TooFar(Duration),
}

/// What becomes of the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No server answered.
    Silent,
    /// The servers say different things.
    Split(Vec<Duration>),
    /// What they say is not believed.
    Refused(Duration, Refusal),
    /// The clock shall show this.
    Accepted {
        /// The time.
        time: Duration,
        /// What the clock is worth then.
        trust: Trust,
        /// Later steps are measured from here.
        is_anchor: bool,
    },
}

/// Decides what becomes of `answers`, times as of now, of `asked` servers.
#[must_use]
pub fn decide(
    bounds: &Bounds,
    clock: &Clock,
    (answers, asked): (&[Duration], usize),
    permission: Permission,
) -> Decision {
    let bounds = match permission {
        Permission::Unattended => *bounds,
        Permission::Operator => bounds.for_orders(),
    };
    // What can't be has no vote. But a ceiling stops no clock: one that has passed it may be confirmed.
    let can_be = |t: &Duration| {
        bounds.admit(*t) || *t >= bounds.floor && clock.is_believed() && clock.is_within(*t, BY_ONE)
    };
    let possible: Vec<Duration> = answers.iter().copied().filter(can_be).collect();
    let is_near = |time| {
        clock.is_believed() && clock.limit(Strength::One).is_none_or(|limit| clock.is_within(time, limit))
    };
    let (time, strength) = match agree(&possible, asked, is_near) {
        Agreement::On(time, strength) => (time, strength),
        Agreement::Split(times) => return Decision::Split(times),
        Agreement::Silent => return refuse_impossible(&bounds, answers, asked),
    };
    if permission == Permission::Operator {
        return Decision::Accepted { time, trust: Trust::Confirmed, is_anchor: true };
    }
    match clock.limit(strength) {
        Some(limit) if !clock.is_within(time, limit) => Decision::Refused(time, Refusal::TooFar(limit)),
        _ => Decision::Accepted {
            time,
            trust: clock.trust_after(time, strength),
            is_anchor: clock.is_anchor(time, strength),
        },
    }
}

/// Says what is wrong with answers of which none can be.
fn refuse_impossible(bounds: &Bounds, answers: &[Duration], asked: usize) -> Decision {
    match agree(answers, asked, |_| false) {
        Agreement::Silent => Decision::Silent,
        Agreement::Split(times) => Decision::Split(times),
        Agreement::On(time, _) if time < bounds.floor => Decision::Refused(time, Refusal::BeforeFloor),
        Agreement::On(time, _) => Decision::Refused(time, Refusal::AfterCeiling),
    }
}
