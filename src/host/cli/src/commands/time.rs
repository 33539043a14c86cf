//! `ironhull node ADDRESS time`: a node's clock, shown and set.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use api::{Client, Time, TimeSetRequest, utc};

use crate::cmdline::{Global, TimeOrder};
use crate::output::{self, table};

/// Runs the command.
pub fn run(global: &Global, client: &Client, order: Option<TimeOrder>) -> Result<()> {
    let time = match order {
        None => client.time()?,
        Some(TimeOrder::Accept) => client.accept_time()?,
        Some(TimeOrder::Set { to }) => {
            let epoch_ms = to.map_or_else(own_ms, |secs| Ok(secs.saturating_mul(1000)))?;
            client.set_time(&TimeSetRequest { epoch_ms })?
        }
    };
    output::result(global.json, &time, text)
}

/// Returns the time of this machine, in milliseconds since 1970.
fn own_ms() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("reading the clock of this machine")?;
    Ok(u64::try_from(since.as_millis())?)
}

/// Lays out a clock.
fn text(time: &Time) -> String {
    let trust = match time.trust.as_str() {
        "wrong" => "worth nothing: the machine's clock was impossible",
        "new" => "worth little: the machine's clock, on a new node",
        "machine" => "the machine's clock, compared with no server",
        "one-server" => "by one server alone",
        "several-servers" => "by several servers that agree",
        "confirmed" => "confirmed: the machine's clock and servers agree, or an operator set it",
        other => other,
    };
    let by = match time.earliest_by.as_str() {
        "image" => "the image was built then",
        "certificate" => "a certificate of the node config begins then",
        "confirmed" => "confirmed on this node",
        other => other,
    };
    let row = |name: &str, time: u64, remark: &str| vec![name.to_owned(), utc(time), remark.to_owned()];
    let mut rows =
        vec![row("time", time.now_epoch_secs, trust), row("not before", time.earliest_epoch_secs, by)];
    rows.extend(time.latest_epoch_secs.map(|end| row("not after", end, "the operator CA ends then")));
    rows.extend(time.machine_epoch_secs.map(|shown| row("machine", shown, "its own clock")));
    let mut text = table(&rows);
    if let Some(refused) = &time.refused {
        text.push_str(&format!("refused: {}\n", refused.why));
        text.push_str("if it is right: `ironhull node ADDRESS time accept`\n");
    }
    if !time.servers.is_empty() {
        let header = ["SERVER", "AHEAD", "PROBLEM"].map(str::to_owned).to_vec();
        let servers = time.servers.iter().map(|s| {
            let ahead = s.ahead_ms.map(seconds).unwrap_or_default();
            vec![s.server.clone(), ahead, s.error.clone().unwrap_or_default()]
        });
        text.push('\n');
        text.push_str(&table(&std::iter::once(header).chain(servers).collect::<Vec<_>>()));
    }
    text
}

/// Writes milliseconds as seconds.
fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03} s", ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{TimeRefused, TimeServer};

    #[test]
    fn a_clock_is_shown_with_what_it_rests_on() {
        let server = |server: &str, ahead_ms, error: Option<&str>| TimeServer {
            server: server.into(),
            ahead_ms,
            error: error.map(Into::into),
        };
        let time = Time {
            now_epoch_secs: 1_790_000_000,
            trust: "confirmed".into(),
            earliest_epoch_secs: 1_780_000_000,
            earliest_by: "image".into(),
            latest_epoch_secs: Some(2_100_000_000),
            machine_epoch_secs: None,
            servers: vec![server("192.0.2.1", Some(-7), None), server("192.0.2.2", None, Some("timed out"))],
            refused: Some(TimeRefused { epoch_secs: 1, why: "the time servers say so".into() }),
        };
        let expected = "\
time        2026-09-21T14:13:20Z  confirmed: the machine's clock and servers agree, or an operator set it
not before  2026-05-28T20:26:40Z  the image was built then
not after   2036-07-18T13:20:00Z  the operator CA ends then
refused: the time servers say so
if it is right: `ironhull node ADDRESS time accept`

SERVER     AHEAD     PROBLEM
192.0.2.1  -0.007 s
192.0.2.2            timed out
";
        assert_eq!(text(&time), expected);
    }
}
