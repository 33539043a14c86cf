//! `noded`, the only service that is not submitted.

use std::collections::BTreeMap;

use control::{Limits, Restart, RestartPolicy, ServiceSpec, Stop, User};

/// Where the image has it.
pub(super) const PROGRAM: &str = "/usr/lib/ironhull/noded";

/// Returns the specification of `noded`: always restarted, soon at first, as nothing works without it.
pub(super) fn spec() -> ServiceSpec {
    let path = ("PATH".to_owned(), "/usr/bin:/usr/sbin".to_owned());
    ServiceSpec {
        name: control::NODED.to_owned(),
        command: vec![PROGRAM.to_owned()],
        environment: BTreeMap::from([path]),
        user: User::ROOT,
        after: std::collections::BTreeSet::new(),
        readiness: None,
        health: None,
        restart: Restart { policy: RestartPolicy::Always, first_ms: 100, max_ms: 10_000, reset_secs: 30 },
        limits: Limits { oom_score_adj: Some(-999), ..Limits::default() },
        stop: Stop::default(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_a_valid_service() {
        assert_eq!(control::validate_all(&[super::spec()]), Ok(()));
    }
}
