//! What is certain of the time before anybody is asked, and where the clock begins.

use std::time::Duration;

use super::Trust;

/// What is known of the time apart from any clock.
///
/// Certificates that the node made itself are no evidence: they only repeat what its clock showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// When the image was built.
    pub built: Duration,
    /// The latest beginning of a certificate that the operator made for this node, authority included.
    pub certified: Option<Duration>,
    /// The end of the operator CA: after it nobody can use the node API any more.
    pub authority_ends: Option<Duration>,
    /// The latest time that was confirmed on this node, in this boot or an earlier one.
    pub confirmed: Option<Duration>,
    /// What the clock showed last, confirmed or not.
    pub seen: Option<Duration>,
}

/// Which evidence a floor rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The image was built then.
    Built,
    /// A certificate of the operator begins then.
    Certified,
    /// It was confirmed on this node.
    Confirmed,
}

/// Between which times the present is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// It is not before this.
    pub floor: Duration,
    /// Why.
    pub ground: Ground,
    /// The floor by what the operator made: image and certificates. No time server can have moved it.
    pub base: Duration,
    /// It is not after this; `None` if nothing is known.
    pub ceiling: Option<Duration>,
}

impl Bounds {
    /// Returns whether it can be `time` now.
    #[must_use]
    pub fn admit(&self, time: Duration) -> bool {
        self.floor <= time && self.ceiling.is_none_or(|c| time <= c)
    }

    /// The bounds for an operator's order: what servers have confirmed may have been a lie.
    #[must_use]
    pub fn for_orders(self) -> Bounds {
        let ground = if self.ground == Ground::Confirmed { Ground::Built } else { self.ground };
        Bounds { floor: self.base, ground, ..self }
    }
}

/// Derives the bounds while the clock shows `now`.
///
/// A kept time after the end of the operator CA is believed only if the clock shows a later one still: then two sources
/// say that the node has outlived its CA, and there is no ceiling. Otherwise the kept time is damaged, and ignored.
#[must_use]
pub fn bounds(evidence: &Evidence, now: Duration) -> Bounds {
    let certified = evidence.certified.filter(|c| *c > evidence.built);
    let base = certified.unwrap_or(evidence.built);
    let ground = if certified.is_some() { Ground::Certified } else { Ground::Built };
    let kept = || evidence.confirmed.iter().chain(&evidence.seen);
    let outlived = |end: Duration| kept().any(|k| (end..=now).contains(k));
    let ceiling = evidence.authority_ends.filter(|end| *end > base && !outlived(*end));
    let is_sound = |c: Duration| evidence.authority_ends.is_none_or(|end| c <= end || c <= now);
    match evidence.confirmed.filter(|c| *c > base && is_sound(*c)) {
        Some(floor) => Bounds { floor, ground: Ground::Confirmed, base, ceiling },
        None => Bounds { floor: base, ground, base, ceiling },
    }
}

/// Where the clock begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// To set it to; `None`: it stays.
    pub to: Option<Duration>,
    /// What it is worth then.
    pub trust: Trust,
}

/// Decides where a clock that shows `now` at boot begins.
#[must_use]
pub fn start(evidence: &Evidence, now: Duration) -> Start {
    let bounds = bounds(evidence, now);
    if !bounds.admit(now) {
        let seen = evidence.seen.filter(|s| bounds.admit(*s));
        return Start { to: Some(seen.unwrap_or(bounds.floor)), trust: Trust::Wrong };
    }
    let is_known = evidence.confirmed.is_some() || evidence.seen.is_some();
    Start { to: None, trust: if is_known { Trust::Machine } else { Trust::New } }
}
