//! The time used for certificates.

use std::time::Duration;

use rcgen::CertificateParams;

/// How long before it is made a certificate begins, for peers whose clocks are behind.
const BACKDATED_SECS: u64 = 3600;
/// The latest time that is believed: 9000-01-01. X.509 ends with the year 9999.
const LATEST_SECS: u64 = 221_845_392_000;

/// The time that certificates are made by.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    now_secs: u64,
    begin_secs: u64,
}

impl Clock {
    /// A clock that shows `now_secs`, in seconds since 1970; one after the year 9000 shows that.
    #[must_use]
    pub fn new(now_secs: u64) -> Clock {
        let now_secs = now_secs.min(LATEST_SECS);
        Clock { now_secs, begin_secs: now_secs.saturating_sub(BACKDATED_SECS) }
    }

    /// Returns this clock, but what is made by it begins at `begin_secs` since 1970 if that is earlier than an hour
    /// ago: for what must stay valid if this clock turns out to be ahead.
    #[must_use]
    pub fn backdated_to(self, begin_secs: u64) -> Clock {
        Clock { begin_secs: self.begin_secs.min(begin_secs), ..self }
    }

    /// Returns what it shows, in seconds since 1970.
    #[must_use]
    pub const fn now_secs(self) -> u64 {
        self.now_secs
    }

    /// Returns when something made now begins, in seconds since 1970.
    #[must_use]
    pub const fn begin_secs(self) -> u64 {
        self.begin_secs
    }

    /// Returns when something made now ends, in seconds since 1970.
    #[must_use]
    pub fn end_secs(self, life_secs: u64) -> u64 {
        self.now_secs.saturating_add(life_secs).min(LATEST_SECS)
    }

    /// Sets the time from which and until which `params` are valid.
    pub(crate) fn set_validity(self, params: &mut CertificateParams, end_secs: u64) {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(self.begin_secs);
        params.not_after = epoch + Duration::from_secs(end_secs);
    }
}
