//! The rules against every clock that a machine was seen to show and every kind of server, in sequences.

use std::time::Duration;

use super::*;

const HOUR: i128 = 3600;
const DAY: i128 = 86_400;
const YEAR: i128 = 365 * DAY;
/// 2026-11-30, the present of these tests.
const TRUTH: i128 = 1_796_000_000;
/// The image is some months old, and the operator's certificates are from the day before.
const BUILT: i128 = TRUTH - 150 * DAY;
const CERTIFIED: i128 = TRUTH - DAY;
const AUTHORITY_ENDS: i128 = CERTIFIED + 10 * YEAR;

/// What a machine's clock shows at [`TRUTH`].
const CLOCKS: [i128; 11] = [
    0,
    1_577_836_800, // 2020-01-01
    TRUTH,
    TRUTH + 20,
    TRUTH - 14 * HOUR,
    TRUTH + 14 * HOUR,
    TRUTH + 20 * DAY,
    TRUTH + 3 * YEAR,
    2_147_558_400, // 2038-01-20
    2_366_841_600, // 2045-01-01
    9_223_372_036, // the last day of a Linux clock
];

fn at(seconds: i128) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn secs(time: Duration) -> i128 {
    i128::from(time.as_secs())
}

fn fresh() -> Evidence {
    Evidence {
        built: at(BUILT),
        certified: Some(at(CERTIFIED)),
        authority_ends: Some(at(AUTHORITY_ENDS)),
        confirmed: None,
        seen: None,
    }
}

/// A node in a world whose time is `truth`.
#[derive(Clone, Debug)]
struct World {
    truth: i128,
    /// How far the machine's clock is off.
    machine_off: i128,
    shown: i128,
    trust: Trust,
    evidence: Evidence,
    /// What the clock, the machine's clock and the truth were when the clock was last believed.
    anchor: (i128, i128, i128),
}

impl World {
    /// Boots a machine whose clock shows `machine`.
    fn boot(evidence: Evidence, truth: i128, machine: i128) -> World {
        let start = start(&evidence, at(machine));
        let shown = start.to.map_or(machine, secs);
        let anchor = (shown, machine, truth);
        World { truth, machine_off: machine - truth, shown, trust: start.trust, evidence, anchor }
    }

    fn bounds(&self) -> Bounds {
        bounds(&self.evidence, at(self.shown))
    }

    /// Lets time pass.
    fn pass(&mut self, seconds: i128) {
        self.truth += seconds;
        self.shown += seconds;
    }

    /// Asks servers that are off by `servers`; `None` does not answer.
    fn ask(&mut self, servers: &[Option<i128>], permission: Permission) -> Decision {
        let answers: Vec<Duration> = servers.iter().flatten().map(|off| at(self.truth + off)).collect();
        let (wall, machine, truth) = self.anchor;
        let by_machine = wall + (self.truth + self.machine_off - machine);
        let clock = Clock {
            trust: self.trust,
            expected: [Some(at(wall + self.truth - truth)), Some(at(by_machine))],
            elapsed: at(self.truth - truth),
        };
        let decision = decide(&self.bounds(), &clock, (&answers, servers.len()), permission);
        if let Decision::Accepted { time, trust, is_anchor } = decision {
            self.shown = secs(time);
            self.trust = trust;
            if is_anchor {
                self.anchor = (self.shown, self.truth + self.machine_off, self.truth);
            }
            if trust == Trust::Confirmed {
                let lowered = permission == Permission::Operator;
                let kept = self.evidence.confirmed.filter(|_| !lowered);
                self.evidence.confirmed = kept.max(Some(time));
            }
        }
        self.evidence.seen = Some(at(self.shown));
        decision
    }

    fn error(&self) -> i128 {
        (self.shown - self.truth).abs()
    }

    /// Boots the same node again later, with a machine's clock that shows `machine`.
    fn again(&self, later: i128, machine: i128) -> World {
        World::boot(self.evidence, self.truth + later, machine)
    }
}

/// A node that has run with a right clock for an hour.
fn with_a_past() -> Evidence {
    let mut world = World::boot(fresh(), TRUTH - HOUR, TRUTH - HOUR);
    world.ask(&[Some(0)], Permission::Unattended);
    assert_eq!(world.trust, Trust::Confirmed);
    world.evidence
}

const HONEST: Option<i128> = Some(0);

#[test]
fn a_first_boot_is_right_once_one_honest_server_answers_early_or_late() {
    for machine in CLOCKS {
        for late in [0, 60, 20 * DAY] {
            for servers in [&[HONEST][..], &[HONEST, HONEST, HONEST]] {
                let mut world = World::boot(fresh(), TRUTH, machine);
                assert!(world.bounds().admit(at(world.shown)), "{world:?}");
                world.ask(&[None], Permission::Unattended);
                world.pass(late);
                world.ask(servers, Permission::Unattended);
                assert!(world.error() <= 3, "machine {machine}, {late} s late: {world:?}");
            }
        }
    }
}

#[test]
fn one_liar_of_three_moves_nothing() {
    for evidence in [fresh(), with_a_past()] {
        for machine in CLOCKS {
            for lie in [-50 * YEAR, -YEAR, -DAY, -HOUR, -5, 5, HOUR, DAY, 5 * YEAR, 50 * YEAR] {
                let mut world = World::boot(evidence, TRUTH, machine);
                let before = world.shown;
                let decision = world.ask(&[Some(lie), HONEST, HONEST], Permission::Unattended);
                let is_far = evidence.seen.is_some() && (machine - TRUTH).abs() > 31 * DAY;
                match decision {
                    // With a past, a possible clock is stepped by a month at most: the operator is asked.
                    Decision::Refused(time, Refusal::TooFar(_)) if is_far => {
                        assert_eq!((secs(time), world.shown), (TRUTH, before));
                        let accepted = world.ask(&[Some(lie), HONEST, HONEST], Permission::Operator);
                        assert!(matches!(accepted, Decision::Accepted { .. }) && world.error() <= 5);
                    }
                    _ => assert!(world.error() <= 5, "machine {machine}, lie {lie}: {world:?}"),
                }
            }
        }
    }
}

#[test]
fn a_lying_server_alone_moves_a_right_clock_by_minutes_however_often_it_lies() {
    let lies = [-10 * YEAR, -DAY, -HOUR, -900, 900, HOUR, DAY, 10 * YEAR];
    for first in lies {
        for second in lies {
            let mut world = World::boot(with_a_past(), TRUTH, TRUTH);
            world.ask(&[HONEST], Permission::Unattended);
            for _ in 0..50 {
                for lie in [first, second] {
                    world.pass(HOUR);
                    // A lie that follows the clock is the worst one.
                    let off = world.shown - world.truth + lie;
                    world.ask(&[Some(off)], Permission::Unattended);
                    assert!(world.error() <= 1000 + 100 * HOUR / 2000, "{world:?}");
                }
            }
            assert!(world.evidence.confirmed.is_some_and(|c| secs(c) <= world.truth + 1200));
        }
    }
}

#[test]
fn all_servers_lying_move_a_right_clock_by_a_month_and_their_time_is_not_kept() {
    let mut world = World::boot(with_a_past(), TRUTH, TRUTH);
    world.ask(&[HONEST; 3], Permission::Unattended);
    for _ in 0..100 {
        world.pass(HOUR);
        let off = world.shown - world.truth + 20 * DAY;
        world.ask(&[Some(off); 3], Permission::Unattended);
        assert!(world.error() <= 31 * DAY + HOUR, "{world:?}");
    }
    assert_eq!(world.trust, Trust::Set(Strength::Several));
    // The lie ends: the clock is right again by itself, in this boot and in the next.
    let mut again = world.again(60, world.truth + 60);
    for world in [&mut world, &mut again] {
        world.ask(&[HONEST; 3], Permission::Unattended);
        assert!(world.error() <= 3, "{world:?}");
    }
}

#[test]
fn local_time_is_corrected_by_one_server() {
    for off in [-12 * HOUR, -HOUR, HOUR, 14 * HOUR] {
        let mut world = World::boot(with_a_past(), TRUTH + 30 * DAY, TRUTH + 30 * DAY + off);
        world.ask(&[HONEST], Permission::Unattended);
        assert_eq!((world.error(), world.trust), (0, Trust::Confirmed));
    }
}

#[test]
fn a_paused_machine_catches_up_by_one_server_since_its_own_clock_went_on() {
    let mut world = World::boot(with_a_past(), TRUTH, TRUTH);
    world.ask(&[HONEST], Permission::Unattended);
    // Four months in which the processor stood still: the truth and the machine's clock went on.
    let (wall, machine, truth) = world.anchor;
    world.truth += 120 * DAY;
    world.anchor = (wall, machine, truth + 120 * DAY);
    world.ask(&[HONEST], Permission::Unattended);
    assert_eq!(world.error(), 0, "{world:?}");
}

#[test]
fn a_reset_machine_without_servers_goes_on_where_it_was() {
    for machine in [0, 1_577_836_800, 2_366_841_600] {
        let mut before = World::boot(with_a_past(), TRUTH, TRUTH);
        before.pass(200 * DAY);
        before.ask(&[None], Permission::Unattended);
        let world = before.again(HOUR, machine);
        assert_eq!((world.error(), world.trust), (HOUR, Trust::Wrong), "machine {machine}");
    }
}

#[test]
fn a_clock_that_was_years_ahead_leaves_no_trace_once_it_is_right() {
    for machine in CLOCKS.into_iter().filter(|c| *c > TRUTH + 20 * DAY) {
        let mut first = World::boot(fresh(), TRUTH, machine);
        for _ in 0..5 {
            first.pass(HOUR);
            first.ask(&[None], Permission::Unattended);
        }
        let world = first.again(60, first.truth + 60);
        assert_eq!(world.error(), 0, "machine {machine}: {world:?}");
    }
}

/// What can happen in a round.
const ROUNDS: [&[Option<i128>]; 14] = [
    &[],
    &[None],
    &[HONEST],
    &[Some(-20 * HOUR)],
    &[Some(20 * HOUR)],
    &[Some(-3 * YEAR)],
    &[Some(3 * YEAR)],
    &[Some(60 * YEAR)],
    &[HONEST, Some(3 * YEAR)],
    &[HONEST, None, None],
    &[Some(3 * YEAR), None, None],
    &[HONEST, HONEST, Some(3 * YEAR)],
    &[Some(3 * YEAR), Some(3 * YEAR), HONEST],
    &[Some(5 * YEAR), Some(3 * YEAR), HONEST],
];

#[test]
fn whatever_happens_the_clock_stays_possible_and_an_operator_sets_it_right() {
    let mut tried = 0;
    for evidence in [fresh(), with_a_past()] {
        for machine in CLOCKS {
            for rounds in sequences(3) {
                let mut world = World::boot(evidence, TRUTH, machine);
                for round in &rounds {
                    world.pass(HOUR);
                    let floor = world.bounds().floor;
                    let before = world.shown;
                    let decision = world.ask(round, Permission::Unattended);
                    let bounds = world.bounds();
                    assert!(bounds.admit(at(world.shown)), "{rounds:?}: {world:?}");
                    assert!(bounds.floor >= floor);
                    assert!(matches!(decision, Decision::Accepted { .. }) || world.shown == before);
                    // A time is confirmed only near what the machine's own clock says.
                    let confirmed = world.evidence.confirmed.map_or(0, secs);
                    let machine = world.truth + world.machine_off;
                    assert!(confirmed <= machine.max(TRUTH) + DAY + HOUR, "{rounds:?}: {world:?}");
                }
                assert!(world.bounds().for_orders().admit(at(world.truth)), "{world:?}");
                world.ask(&[HONEST], Permission::Operator);
                assert_eq!((world.error(), world.trust), (0, Trust::Confirmed));
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 2 * 11 * 14 * 14 * 14);
}

/// Lies and wrong clocks in one boot; honest servers and a right machine in the next.
#[test]
fn a_boot_with_a_right_machine_and_honest_servers_is_right_whatever_the_first_boot_was() {
    for machine in CLOCKS {
        for rounds in sequences(2) {
            let mut first = World::boot(fresh(), TRUTH, machine);
            for round in &rounds {
                first.pass(HOUR);
                first.ask(round, Permission::Unattended);
            }
            let truth = first.truth + 2 * DAY;
            let mut world = first.again(2 * DAY, truth);
            let floor = world.bounds().floor;
            world.ask(&[HONEST; 3], Permission::Unattended);
            // But where the machine's clock and a server told the same lie.
            let told_twice = secs(floor) > truth;
            assert_eq!(world.error() > 3, told_twice, "{rounds:?}: {world:?}");
            let is_ahead = machine > TRUTH + DAY && machine < AUTHORITY_ENDS;
            assert!(!told_twice || is_ahead, "{rounds:?}: {world:?}");
        }
    }
}

#[test]
fn no_kept_time_locks_anybody_out() {
    let kept = [0, 1, BUILT, TRUTH, TRUTH + YEAR, AUTHORITY_ENDS, AUTHORITY_ENDS + 1, i128::from(u64::MAX)];
    for confirmed in kept {
        for seen in kept {
            for machine in CLOCKS {
                let evidence = Evidence { confirmed: Some(at(confirmed)), seen: Some(at(seen)), ..fresh() };
                let mut world = World::boot(evidence, TRUTH, machine);
                let outlived = [confirmed, seen].iter().any(|k| (AUTHORITY_ENDS..=machine).contains(k));
                assert!(world.shown <= AUTHORITY_ENDS || outlived, "{world:?}");
                let accepted = world.ask(&[HONEST], Permission::Operator);
                assert!(matches!(accepted, Decision::Accepted { .. }), "{world:?}");
                assert_eq!(world.error(), 0);
                assert_eq!(world.again(60, TRUTH + 60).error(), 0);
            }
        }
    }
}

/// A node that has outlived its operator CA keeps its time, with servers and without.
#[test]
fn the_end_of_the_operator_ca_is_no_end_of_time() {
    for server in [None, HONEST] {
        let mut world = World::boot(fresh(), AUTHORITY_ENDS - DAY, AUTHORITY_ENDS - DAY);
        for _ in 0..3 {
            world.ask(&[server], Permission::Unattended);
            world.pass(DAY);
        }
        let mut again = world.again(DAY, world.truth + DAY);
        assert_eq!((again.error(), again.trust), (0, Trust::Machine));
        let decision = again.ask(&[server], Permission::Unattended);
        assert_eq!(matches!(decision, Decision::Accepted { .. }), server.is_some());
    }
    // But no step leads over it.
    let mut world = World::boot(with_a_past(), AUTHORITY_ENDS - DAY, AUTHORITY_ENDS - DAY);
    let jump = world.ask(&[Some(5 * DAY); 3], Permission::Unattended);
    assert!(matches!(jump, Decision::Refused(_, Refusal::AfterCeiling)));
}

#[test]
fn votes_are_counted_among_those_asked() {
    let time = |s: u64| Duration::from_secs(s);
    let far = |_| false;
    let on = |s, strength| Agreement::On(time(s), strength);
    let cases: [(&[u64], usize, Agreement); 9] = [
        (&[], 3, Agreement::Silent),
        (&[10], 1, on(10, Strength::One)),
        (&[10], 3, on(10, Strength::One)),
        (&[10, 11], 2, on(11, Strength::Several)),
        (&[10, 11], 4, on(11, Strength::One)),
        (&[10, 99, 11], 3, on(11, Strength::Several)),
        (&[10, 99], 2, Agreement::Split(vec![time(10), time(99)])),
        (&[10, 99, 11, 98], 4, Agreement::Split(vec![time(11), time(99)])),
        (&[10, 50, 99], 3, Agreement::Split(vec![time(10), time(50), time(99)])),
    ];
    for (answers, asked, expected) in cases {
        let answers: Vec<Duration> = answers.iter().map(|s| time(*s)).collect();
        assert_eq!(agree(&answers, asked, far), expected, "{answers:?} of {asked}");
    }
    // The clock decides where the servers do not.
    let near = |t: Duration| t < time(20);
    assert_eq!(agree(&[time(99), time(10)], 2, near), on(10, Strength::One));
    assert!(matches!(agree(&[time(99), time(10), time(15)], 3, near), Agreement::Split(_)));
}

/// All sequences of rounds.
fn sequences(length: u32) -> Vec<Vec<&'static [Option<i128>]>> {
    let mut all = vec![Vec::new()];
    for _ in 0..length {
        let longer = |s: &Vec<&'static [Option<i128>]>| {
            ROUNDS.iter().map(|r| s.iter().copied().chain([*r]).collect()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}
