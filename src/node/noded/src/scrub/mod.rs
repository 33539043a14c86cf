//! Scrubbing: once a week, and on an operator's request, both slots are read completely in the background, so that
//! damage is known while the other slot is still good.
//!
//! A slot is needed only at the next boot, which may be months away. A child reads (`scrub-slots`); its result
//! becomes a condition and is written to the boot record. Nothing is repaired, and no generation fails because of it: a
//! running generation is not stopped for a block that it may never read.

mod found;
mod kept;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::ConditionStatus;
use net::clock;

use crate::condition::{Claim, SLOTS_SOUND};
use crate::node::Node;
use crate::thread::{spawn, spawn_or_tell};
use kept::Kept;

pub use found::Found;

/// Time between two scrubs.
const INTERVAL: Duration = Duration::from_secs(7 * 24 * 3600);
/// Time without a scrub after the machine has started, when it is busy.
const FIRST: Duration = Duration::from_secs(3600);
/// Maximum random delay, since machines of one host are often started together.
const SPREAD: Duration = Duration::from_secs(3600);
/// Maximum sleep, since the clock may be set meanwhile. Also the pause after a scrub that failed.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
/// Path of the last result.
const KEPT_PATH: &str = "/state/scrub.json";

/// The reason of the condition while the slots are being read.
const READING: &str = "Reading";

/// Whether a scrub is running; there is only one at a time.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Scrubs regularly from now on; returns at once. First sets the condition from the last result.
pub fn follow(node: &Arc<Node>) {
    claim_kept(node, None);
    let node = Arc::clone(node);
    spawn_or_tell("scrub", move || {
        let earliest = FIRST + random_part(SPREAD);
        let mut ran = None;
        loop {
            let up = Duration::from_millis(sys::boot_ms());
            // A scrub whose result could not be stored counts nevertheless.
            let last = kept::load(Path::new(KEPT_PATH)).map(|k| k.at()).max(ran);
            match left(earliest.saturating_sub(up), last, clock::now()) {
                Duration::ZERO => {
                    if is_begun(&node) && finish(&node) {
                        ran = Some(clock::now());
                    }
                    // Never scrub immediately again, whether it succeeded or not.
                    thread::sleep(LONGEST_SLEEP);
                }
                left => thread::sleep(left.min(LONGEST_SLEEP)),
            }
        }
    });
}

/// Starts a scrub now, whenever the last one was; returns at once, with the condition updated. If one is
/// running, it continues instead.
///
/// # Errors
/// If its thread can't be started; nothing is running then.
pub fn begin(node: &Arc<Node>) -> Result<()> {
    if !is_begun(node) {
        return Ok(());
    }
    let own = Arc::clone(node);
    spawn("scrub-now", move || {
        finish(&own);
    })
    .inspect_err(|_| {
        claim_kept(node, None);
        RUNNING.store(false, Ordering::SeqCst);
    })
}

/// Marks a scrub as running and sets the condition; returns false if one is running already.
fn is_begun(node: &Node) -> bool {
    let begun = !RUNNING.swap(true, Ordering::SeqCst);
    if begun {
        node.claim(SLOTS_SOUND, Claim::unknown(READING, "the slots are being read"));
    }
    begun
}

/// Performs the scrub that was begun; returns whether it succeeded. The condition is set once everything is
/// recorded.
fn finish(node: &Node) -> bool {
    let done = run(node);
    let is_done = done.is_ok();
    match done {
        Ok(claim) => node.claim(SLOTS_SOUND, claim),
        Err(e) => claim_kept(node, Some(e)),
    }
    RUNNING.store(false, Ordering::SeqCst);
    is_done
}

/// Scrubs; returns the condition to set.
///
/// # Errors
/// If the slots could not be read at all. Damage is not an error.
fn run(node: &Node) -> Result<Claim> {
    let found = read_slots()?;
    for rotten in found.iter().filter(|f| f.damage.is_some()) {
        if let Err(e) = node.init.slot_rotten(rotten.slot, rotten.generation) {
            eprintln!("noded: noting damage of slot {}: {e:#}", rotten.slot);
        }
    }
    let claim = claim(&found);
    if let Err(e) = kept::save(Path::new(KEPT_PATH), &Kept::new(clock::now(), found)) {
        eprintln!("noded: {e:#}");
    }
    Ok(claim)
}

/// Reads the slots in a child process.
fn read_slots() -> Result<Vec<Found>> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new(program);
    // Hashing uses several threads by default; one leaves the other processors free.
    command.arg("scrub-slots").env("RAYON_NUM_THREADS", "1").stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("parsing the output of {command:?}"))
}

/// Sets the condition from the last result for what the slots hold now; after a failed scrub only if that is
/// damage.
fn claim_kept(node: &Node, failed: Option<anyhow::Error>) {
    let boot = node.init.status().ok().and_then(|s| s.boot);
    let slots = boot.map(|b| b.slots).unwrap_or_default();
    let kept = kept::load(Path::new(KEPT_PATH)).map(|k| k.found).unwrap_or_default();
    let found: Vec<Found> = kept.into_iter().filter(|f| slots.iter().any(|s| f.is_of(s))).collect();
    let known = claim(&found);
    node.claim(
        SLOTS_SOUND,
        match failed {
            Some(e) if known.status != ConditionStatus::False => Claim::unknown("NotRead", format!("{e:#}")),
            _ => known,
        },
    );
}

/// Returns the condition for what was found.
fn claim(found: &[Found]) -> Claim {
    let damage: Vec<&str> = found.iter().filter_map(|f| f.damage.as_deref()).collect();
    if !damage.is_empty() {
        return Claim::no("Rotten", damage.join("; "));
    }
    let names: Vec<&str> = found.iter().map(|f| f.slot.name()).collect();
    match names[..] {
        [] => {
            Claim::unknown("NotRead", "the slots are read once a week, and by `ironhull node ADDRESS scrub`")
        }
        _ => Claim { message: format!("read whole: {}", names.join(", ")), ..Claim::yes("Scrubbed") },
    }
}

/// Returns how long to wait until the next scrub, at least `quiet`. A last scrub in the future was recorded
/// with a wrong clock and does not count.
fn left(quiet: Duration, last: Option<Duration>, now: Duration) -> Duration {
    let since = last.and_then(|last| now.checked_sub(last));
    since.map_or(Duration::ZERO, |since| INTERVAL.saturating_sub(since)).max(quiet)
}

/// Returns a random part of `whole`.
fn random_part(whole: Duration) -> Duration {
    let mut random = [0; 4];
    // If there are no random numbers, there is just no delay.
    let _ = sys::random_bytes(&mut random);
    whole.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    use slots::Slot;

    const HOUR: Duration = Duration::from_secs(3600);

    fn found(slot: Slot, damage: Option<&str>) -> Found {
        Found { slot, generation: 1, damage: damage.map(str::to_owned) }
    }

    #[test]
    fn weekly_whatever_the_reboots_and_never_in_the_quiet_time() {
        let now = 1_000_000 * HOUR;
        let cases = [
            (HOUR, None, HOUR),
            (Duration::ZERO, None, Duration::ZERO),
            (Duration::ZERO, Some(now - 24 * HOUR), 6 * 24 * HOUR),
            (HOUR, Some(now - 8 * 24 * HOUR), HOUR),
            (Duration::ZERO, Some(now - 8 * 24 * HOUR), Duration::ZERO),
            (Duration::ZERO, Some(now + HOUR), Duration::ZERO),
        ];
        for (quiet, last, expected) in cases {
            assert_eq!(left(quiet, last, now), expected, "{quiet:?} {last:?}");
        }
    }

    #[test]
    fn the_claim_names_all_damage() {
        assert_eq!(claim(&[]).status, ConditionStatus::Unknown);
        let sound = claim(&[found(Slot::A, None), found(Slot::B, None)]);
        assert_eq!((sound.status, sound.message.as_str()), (ConditionStatus::True, "read whole: a, b"));
        let rotten = claim(&[found(Slot::A, None), found(Slot::B, Some("root of slot b: block 7"))]);
        assert_eq!((rotten.status, rotten.reason), (ConditionStatus::False, "Rotten"));
        assert_eq!(rotten.message, "root of slot b: block 7");
    }

    #[test]
    fn the_spread_is_a_part() {
        assert!(random_part(HOUR) <= HOUR);
    }
}
