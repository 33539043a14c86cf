//! The time used for certificates.

use std::time::Duration;

use rcgen::CertificateParams;

/// How long before it is made a certificate begins, for peers whose clocks are behind.
const BACKDATED_SECS: u64 = 3600;
/// The latest time that is believed: 9000-01-01. X.509 ends with the year 9999.
const LATEST_SECS: u64 = 221_845_392_000;

/// The time that certificates are made by.
#[derive(Clone, Copy, Debug)]
pub struct Clock(u64);

impl Clock {
    /// A clock that shows `now_secs`, in seconds since 1970; one after the year 9000 shows that.
    #[must_use]
    pub fn new(now_secs: u64) -> Clock {
        Clock(now_secs.min(LATEST_SECS))
    }

    /// Returns what it shows, in seconds since 1970.
    #[must_use]
    pub const fn now_secs(self) -> u64 {
        self.0
    }

    /// Returns when something made now ends, in seconds since 1970.
    #[must_use]
    pub fn end_secs(self, life_secs: u64) -> u64 {
        self.0.saturating_add(life_secs).min(LATEST_SECS)
    }

    /// Sets the time from which and until which `params` are valid.
    pub(crate) fn set_validity(self, params: &mut CertificateParams, end_secs: u64) {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(self.0.saturating_sub(BACKDATED_SECS));
        params.not_after = epoch + Duration::from_secs(end_secs);
    }
}
