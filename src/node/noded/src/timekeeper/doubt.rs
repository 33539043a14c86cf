//! How far the clock is doubted, for whoever judges certificates by it: the node API.
//!
//! A clock that is wrong must not lock out the operator, who alone can set it right. So an operator's certificate that
//! has not begun yet is taken as a sign that the clock is behind. One that has ended is refused by a clock that is
//! worth something; by one that servers alone have set, or that was impossible at boot, only if it ended before the
//! operator made this node's config: nobody but the operator can have moved that time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use net::time::{Bounds, Trust};

/// The doubt. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Doubt(Arc<AtomicU64>);

impl Default for Doubt {
    /// None: the clock is believed.
    fn default() -> Doubt {
        Doubt(Arc::new(AtomicU64::new(NONE)))
    }
}

/// The clock is believed.
const NONE: u64 = u64::MAX;

impl Doubt {
    /// Records what the clock is worth.
    pub fn record(&self, trust: Trust, bounds: &Bounds) {
        let is_doubted = matches!(trust, Trust::Wrong | Trust::Set(_));
        self.0.store(if is_doubted { bounds.base.as_secs() } else { NONE }, Ordering::Release);
    }

    /// Returns the time by which to judge a certificate that is valid from `from_secs` until `until_secs` while the
    /// clock shows `now_secs`; all since 1970.
    pub fn judge_at_secs(&self, now_secs: u64, (from_secs, until_secs): (u64, u64)) -> u64 {
        if now_secs < from_secs {
            return from_secs;
        }
        let is_open = until_secs >= self.0.load(Ordering::Acquire);
        if now_secs > until_secs && is_open { until_secs } else { now_secs }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use net::time::{Evidence, Strength, bounds};

    use super::*;

    #[test]
    fn a_doubted_clock_refuses_only_what_ended_before_the_config() {
        let doubt = Doubt::default();
        let evidence = Evidence { built: Duration::from_secs(1000), ..Evidence::default() };
        let bounds = bounds(&evidence, Duration::from_secs(5000));
        let cases = [
            (Trust::Confirmed, (4000, 6000), 5000),
            (Trust::Confirmed, (4000, 4500), 5000),
            (Trust::Machine, (4000, 4500), 5000),
            (Trust::New, (4000, 4500), 5000),
            (Trust::Confirmed, (5500, 6000), 5500),
            (Trust::Wrong, (5500, 6000), 5500),
            (Trust::Wrong, (4000, 4500), 4500),
            (Trust::Set(Strength::Several), (900, 1000), 1000),
            (Trust::Set(Strength::One), (900, 999), 5000),
        ];
        for (trust, validity, expected) in cases {
            doubt.record(trust, &bounds);
            assert_eq!(doubt.judge_at_secs(5000, validity), expected, "{trust:?} {validity:?}");
        }
    }
}
