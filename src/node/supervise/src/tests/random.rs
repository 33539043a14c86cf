//! Random sequences of events. What must never happen is asserted by the fake machine at each order; what
//! must be true in between and at the end, here.

use control::{Health, Probe, RestartPolicy, ServiceSpec, ServiceState};
use proptest::prelude::*;

use super::world::{World, daemon};
use crate::Event;

/// Names of the services; one depends only on earlier ones, so that no set has a cycle.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Submit(Vec<ServiceSpec>),
    Restart(usize),
    Exit(usize, bool, bool),
    Clear(usize),
    Answer(usize, bool),
    Notify(usize),
    Pass(u64),
    Break(bool),
}

fn probe() -> impl Strategy<Value = Option<Probe>> {
    prop_oneof![
        Just(None),
        Just(Some(Probe::Exit)),
        Just(Some(Probe::Notify)),
        Just(Some(Probe::Tcp { port: 1 })),
        Just(Some(Probe::Exec(vec!["/bin/x".into()]))),
    ]
}

fn policy() -> impl Strategy<Value = RestartPolicy> {
    prop_oneof![Just(RestartPolicy::Always), Just(RestartPolicy::OnFailure), Just(RestartPolicy::Never)]
}

fn service(index: usize) -> impl Strategy<Value = ServiceSpec> {
    let parts = (any::<u8>(), probe(), policy(), any::<(bool, bool)>(), 0..3u32, 0..20u32);
    parts.prop_map(move |(after, readiness, policy, (delegate, health), variant, grace)| {
        let after: Vec<&str> = (0..index).filter(|i| after >> i & 1 == 1).map(|i| NAMES[i]).collect();
        let mut spec = daemon(NAMES[index], &after);
        spec.readiness = readiness;
        spec.restart.policy = policy;
        spec.limits.delegate = delegate;
        spec.stop.grace_secs = grace;
        spec.command.push(variant.to_string());
        spec.health =
            health.then_some(Health { probe: Probe::Tcp { port: 2 }, interval_secs: 1, failures: 2 });
        spec
    })
}

/// A valid set: dependencies that are not in it are struck.
fn set() -> impl Strategy<Value = Vec<ServiceSpec>> {
    let all = (service(0), service(1), service(2), service(3), service(4), any::<u8>());
    all.prop_map(|(a, b, c, d, e, mask)| {
        let mut set = vec![a, b, c, d, e];
        let mut bits = (0..).map(|i| mask >> i & 1 == 1);
        set.retain(|_| bits.next().unwrap_or(false));
        let names: Vec<String> = set.iter().map(|s| s.name.clone()).collect();
        set.iter_mut().for_each(|s| s.after.retain(|d| names.contains(d)));
        assert_eq!(control::validate_all(&set), Ok(()));
        set
    })
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..NAMES.len();
    prop_oneof![
        1 => set().prop_map(Step::Submit),
        1 => who.clone().prop_map(Step::Restart),
        4 => (who.clone(), any::<bool>(), any::<bool>()).prop_map(|(w, ok, left)| Step::Exit(w, ok, left)),
        4 => who.clone().prop_map(Step::Clear),
        6 => (who.clone(), any::<bool>()).prop_map(|(w, yes)| Step::Answer(w, yes)),
        2 => who.prop_map(Step::Notify),
        4 => prop_oneof![0..50u64, 50..2_000u64, 2_000..100_000u64].prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Break),
    ]
}

/// Does a step, if it is possible at the moment.
fn take(world: &mut World, step: Step) {
    match step {
        Step::Submit(set) => world.feed(Event::Submit(set)),
        Step::Restart(who) => world.feed(Event::Restart(NAMES[who].into())),
        Step::Exit(who, success, left) => {
            if world.running.contains_key(NAMES[who]) {
                if left && !world.spec(NAMES[who]).limits.delegate {
                    world.uncleared.insert(NAMES[who].into());
                }
                world.exit(NAMES[who], success);
            }
        }
        Step::Clear(who) => {
            if world.uncleared.remove(NAMES[who]) {
                world.feed(Event::Cleared { service: NAMES[who].into() });
            }
        }
        Step::Answer(who, yes) => {
            if world.probes.contains_key(NAMES[who]) {
                world.answer(NAMES[who], yes);
            }
        }
        Step::Notify(who) => world.feed(Event::Notified { service: NAMES[who].into() }),
        Step::Pass(ms) => world.pass(ms),
        Step::Break(broken) => world.broken = broken,
    }
}

/// Checks what must be true between any two events.
fn check(world: &World) {
    for s in world.supervisor.status() {
        let running = world.running.get(&s.name).copied();
        assert_eq!(s.pid, running, "{} in state {:?}", s.name, s.state);
        if s.state == ServiceState::BackOff {
            let longest = u64::from(world.spec(&s.name).restart.max_ms);
            assert!(world.now - s.since_ms <= longest, "{} backs off for too long", s.name);
        }
        if s.state == ServiceState::Waiting {
            let after = world.spec(&s.name).after;
            let ready = |d: &String| matches!(world.state(d), Some(ServiceState::Ready));
            assert!(!after.iter().all(ready), "{} waits although all it waits for is ready", s.name);
        }
    }
    let known: Vec<String> = world.supervisor.status().into_iter().map(|s| s.name).collect();
    assert!(world.running.keys().all(|name| known.contains(name)), "a process of nobody");
}

/// Lets everything end that was asked to, and answers what is asked.
fn settle(world: &mut World) {
    for _ in 0..100 {
        for name in world.uncleared.clone() {
            world.uncleared.remove(&name);
            world.feed(Event::Cleared { service: name });
        }
        for name in world.running.keys().cloned().collect::<Vec<_>>() {
            if world.state(&name) == Some(ServiceState::Stopping) {
                world.exit(&name, false);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_breaks_a_rule_and_a_shutdown_always_ends(
        first in set(), steps in prop::collection::vec(step(), 0..60), jitter in any::<u32>(),
    ) {
        let mut world = World::with(&first);
        world.jitter = jitter;
        for step in steps {
            take(&mut world, step);
            check(&world);
        }
        world.feed(Event::Shutdown);
        settle(&mut world);
        prop_assert!(world.supervisor.is_stopped(), "left: {:?}", world.supervisor.status());
        prop_assert!(world.running.is_empty());
        let started = world.starts.clone();
        world.pass(10_000_000);
        prop_assert_eq!(world.starts, started, "started after a shutdown");
    }

    #[test]
    fn the_last_set_is_what_runs_in_the_end(sets in prop::collection::vec(set(), 1..6)) {
        let mut world = World::new();
        sets.iter().for_each(|set| world.feed(Event::Submit(set.clone())));
        settle(&mut world);
        let last = sets.last().cloned().unwrap_or_default();
        let names: Vec<String> = world.supervisor.status().into_iter().map(|s| s.name).collect();
        let mut expected: Vec<String> = last.iter().map(|s| s.name.clone()).collect();
        expected.push("noded".into());
        prop_assert_eq!(names, expected);
        for spec in &last {
            prop_assert_eq!(world.supervisor.spec(&spec.name), Some(spec));
        }
    }
}
