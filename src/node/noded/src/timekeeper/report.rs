//! What came of asking the servers, in words.

use std::time::Duration;

use net::sntp::Report;
use net::time::{Bounds, Decision, Ground, Refusal, Strength, Trust};

use super::utc;
use crate::condition::Claim;

/// A server that is further from the others than this is named: 3 s is what the rules take for the same time.
const SAME_MS: i64 = 3000;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The clock shows what the servers say.
    Followed {
        /// What else there is to say: how little it is worth, and which servers said something else.
        remarks: Vec<String>,
    },
    /// No server answered; why, for each.
    Silent(String),
    /// They say different things.
    Split(String),
    /// What they say is not believed.
    Refused(String),
    /// The clock could not be set.
    Failed(String),
}

impl Outcome {
    /// Returns it in one line.
    pub fn message(&self) -> String {
        match self {
            Outcome::Followed { remarks } => remarks.join("; "),
            Outcome::Silent(why) | Outcome::Split(why) | Outcome::Refused(why) | Outcome::Failed(why) => {
                why.clone()
            }
        }
    }

    /// Returns what is claimed of the clock; with the order that helps, if one does.
    pub fn claim(&self) -> Claim {
        let message = self.message();
        let order = |order: &str| format!("{message}; if it is right: `ironhull node ADDRESS time {order}`");
        match self {
            Outcome::Followed { .. } => Claim { message, ..Claim::yes("Synchronized") },
            Outcome::Silent(_) => Claim::no("NoAnswer", message),
            Outcome::Split(_) => {
                Claim::no("Disagreement", format!("{message}; `ironhull node ADDRESS time set` decides"))
            }
            Outcome::Refused(_) => Claim::no("Refused", order("accept")),
            Outcome::Failed(_) => Claim::no("Failed", message),
        }
    }
}

/// Says what a decision about `servers` means.
pub(super) fn outcome(decision: &Decision, bounds: &Bounds, servers: &[api::TimeServer]) -> Outcome {
    match decision {
        Decision::Silent => {
            let failures: Vec<&str> = servers.iter().filter_map(|s| s.error.as_deref()).collect();
            Outcome::Silent(failures.join("; "))
        }
        Decision::Split(times) => {
            let times: Vec<String> = times.iter().map(|t| utc(*t)).collect();
            Outcome::Split(format!("the time servers disagree: {}", times.join(", ")))
        }
        Decision::Refused(time, refusal) => {
            let why = match refusal {
                Refusal::BeforeFloor | Refusal::AfterCeiling => impossible(bounds, *time),
                Refusal::TooFar(limit) => {
                    format!("the clock does not go further than {} by itself", span(*limit))
                }
            };
            Outcome::Refused(format!("the time servers say {}: {why}", utc(*time)))
        }
        Decision::Accepted { trust, .. } => {
            let weak = (*trust == Trust::Set(Strength::One))
                .then(|| "by one time server alone, which the machine's clock does not confirm".to_owned());
            Outcome::Followed { remarks: weak.into_iter().chain(outliers(servers)).collect() }
        }
    }
}

/// Names the servers that are not among the largest group.
fn outliers(servers: &[api::TimeServer]) -> impl Iterator<Item = String> {
    let said: Vec<(&str, i64)> =
        servers.iter().filter_map(|s| Some((s.server.as_str(), s.ahead_ms?))).collect();
    let near = |a: i64| said.iter().filter(|(_, b)| a.abs_diff(*b) <= SAME_MS.unsigned_abs()).count();
    let most = said.iter().map(|(_, ahead)| near(*ahead)).max().unwrap_or_default();
    let outside: Vec<String> = said
        .iter()
        .filter(|(_, ahead)| 2 * near(*ahead) <= most)
        .map(|(server, ahead)| {
            let off = span(Duration::from_millis(ahead.unsigned_abs()));
            format!("time server {server} is off by {off}")
        })
        .collect();
    outside.into_iter()
}

/// Returns the refused time of a decision.
pub(super) fn refused(decision: &Decision, outcome: &Outcome) -> Option<api::TimeRefused> {
    let Decision::Refused(time, _) = decision else { return None };
    Some(api::TimeRefused { epoch_secs: time.as_secs(), why: outcome.message() })
}

/// Says why it can't be `time`.
pub(super) fn impossible(bounds: &Bounds, time: Duration) -> String {
    match bounds.ceiling.filter(|end| time > *end) {
        Some(end) => format!("the operator CA ends at {}", utc(end)),
        None => {
            let why = match bounds.ground {
                Ground::Built => "the image was built at",
                Ground::Certified => "a certificate of the node config begins at",
                Ground::Confirmed => "it was already",
            };
            format!("{why} {}", utc(bounds.floor))
        }
    }
}

/// Describes what a server said while the clock showed `shown`.
pub(super) fn server(report: &Report, shown: Duration) -> api::TimeServer {
    let ahead = |time: Duration| {
        let ms = |t: Duration| i64::try_from(t.as_millis()).unwrap_or(i64::MAX);
        ms(time).saturating_sub(ms(shown))
    };
    api::TimeServer {
        server: report.server.clone(),
        ahead_ms: report.answer.as_ref().ok().map(|a| ahead(a.now())),
        error: report.answer.as_ref().err().map(ToString::to_string),
    }
}

/// Names what the clock is worth.
pub(super) fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::Wrong => "wrong",
        Trust::New => "new",
        Trust::Machine => "machine",
        Trust::Set(Strength::One) => "one-server",
        Trust::Set(Strength::Several) => "several-servers",
        Trust::Confirmed => "confirmed",
    }
}

/// Names what a floor rests on.
pub(super) fn ground(ground: Ground) -> &'static str {
    match ground {
        Ground::Built => "image",
        Ground::Certified => "certificate",
        Ground::Confirmed => "confirmed",
    }
}

/// Writes a time span by its largest unit.
fn span(time: Duration) -> String {
    let secs = time.as_secs();
    let units = [(365 * 86_400, "years"), (86_400, "days"), (3600, "hours"), (60, "minutes")];
    match units.into_iter().find(|(unit, _)| secs >= 2 * unit) {
        Some((unit, name)) => format!("{} {name}", secs / unit),
        None => format!("{secs} s"),
    }
}
