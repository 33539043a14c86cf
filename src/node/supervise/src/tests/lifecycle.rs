//! One service through its phases: readiness, restarts, health.

use control::{Health, Probe, RestartPolicy, ServiceState};

use super::world::{World, daemon};
use crate::{Event, ProbeKind};

#[test]
fn starts_as_parallel_as_dependencies_allow() {
    let mut b = daemon("b", &["a"]);
    b.readiness = Some(Probe::Notify);
    let world = World::with(&[daemon("a", &[]), b.clone(), daemon("c", &["b"]), daemon("d", &["a"])]);
    assert_eq!(world.running.keys().collect::<Vec<_>>(), ["a", "b", "d", "noded"]);
    assert_eq!(world.state("c"), Some(ServiceState::Waiting));
    let mut world = world;
    world.feed(Event::Notified { service: "b".into() });
    assert_eq!(world.state("c"), Some(ServiceState::Ready));
}

#[test]
fn readiness_is_asked_until_yes() {
    let mut a = daemon("a", &[]);
    a.readiness = Some(Probe::Tcp { port: 1 });
    let mut world = World::with(&[a, daemon("b", &["a"])]);
    for pause in [20, 40, 80] {
        world.pass(0);
        world.answer("a", false);
        world.pass(pause - 1);
        assert!(world.probes.is_empty(), "asked again too early");
        world.pass(1);
    }
    assert_eq!(world.state("a"), Some(ServiceState::Starting));
    world.answer("a", true);
    assert_eq!(world.state("b"), Some(ServiceState::Ready));
}

#[test]
fn notices_count_only_for_services_that_send_them() {
    let mut a = daemon("a", &[]);
    a.readiness = Some(Probe::Tcp { port: 1 });
    let mut world = World::with(&[a]);
    world.feed(Event::Notified { service: "a".into() });
    world.feed(Event::Notified { service: "nobody".into() });
    assert_eq!(world.state("a"), Some(ServiceState::Starting));
}

#[test]
fn late_answers_of_an_earlier_run_change_nothing() {
    let mut a = daemon("a", &[]);
    a.readiness = Some(Probe::Tcp { port: 1 });
    let mut world = World::with(&[a]);
    world.pass(0);
    let (run, kind, _) = world.probes["a"].clone();
    world.exit("a", false);
    assert!(world.probes.is_empty());
    world.pass(500);
    world.feed(Event::Probed { service: "a".into(), run, kind, yes: true });
    assert_eq!(world.state("a"), Some(ServiceState::Starting));
}

/// What follows an end: readiness, policy, success → state, and whether dependents may start.
#[test]
fn policy_and_outcome_decide_what_follows() {
    use RestartPolicy::{Always, Never, OnFailure};
    let cases = [
        (None, Always, true, ServiceState::BackOff),
        (None, Always, false, ServiceState::BackOff),
        (None, OnFailure, true, ServiceState::Done),
        (None, OnFailure, false, ServiceState::BackOff),
        (None, Never, true, ServiceState::Done),
        (None, Never, false, ServiceState::Failed),
        (Some(Probe::Exit), Always, true, ServiceState::Done),
        (Some(Probe::Exit), Always, false, ServiceState::BackOff),
        (Some(Probe::Exit), OnFailure, true, ServiceState::Done),
        (Some(Probe::Exit), OnFailure, false, ServiceState::BackOff),
        (Some(Probe::Exit), Never, true, ServiceState::Done),
        (Some(Probe::Exit), Never, false, ServiceState::Failed),
    ];
    for (readiness, policy, success, expected) in cases {
        let mut a = daemon("a", &[]);
        a.readiness = readiness.clone();
        a.restart.policy = policy;
        let mut world = World::with(&[a]);
        world.exit("a", success);
        assert_eq!(world.state("a"), Some(expected), "{readiness:?} {policy:?} {success}");
        world.pass(1_000_000);
        let again = u32::from(expected == ServiceState::BackOff);
        assert_eq!(world.starts("a"), 1 + again, "{readiness:?} {policy:?} {success}");
    }
}

#[test]
fn a_task_makes_way_when_it_is_done() {
    let mut task = daemon("task", &[]);
    task.readiness = Some(Probe::Exit);
    let mut world = World::with(&[task, daemon("b", &["task"])]);
    assert_eq!(world.state("b"), Some(ServiceState::Waiting));
    world.exit("task", true);
    assert_eq!(world.state("b"), Some(ServiceState::Ready));
}

#[test]
fn back_off_doubles_and_begins_anew_after_a_healthy_run() {
    let mut world = World::with(&[daemon("a", &[])]);
    for pause in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
        world.exit("a", false);
        world.pass(pause - 1);
        assert_eq!(world.state("a"), Some(ServiceState::BackOff), "{pause}");
        world.pass(1);
        assert_eq!(world.state("a"), Some(ServiceState::Ready), "{pause}");
    }
    world.pass(60_000);
    world.exit("a", false);
    world.pass(500);
    assert_eq!(world.state("a"), Some(ServiceState::Ready));
}

#[test]
fn failed_starts_back_off_too_and_are_told() {
    let mut world = World::new();
    world.broken = true;
    world.feed(Event::Submit(vec![daemon("a", &[])]));
    world.pass(1499);
    assert_eq!(world.starts("a"), 2);
    world.pass(1);
    assert_eq!(world.starts("a"), 3);
    let status = world.supervisor.status();
    assert_eq!(status[0].last_exit.as_deref(), Some("could not start: broken"));
    assert!(world.said.iter().any(|t| t == "a ended: could not start: broken"));
}

#[test]
fn rest_of_the_group_is_gone_before_the_next_start() {
    let mut world = World::with(&[daemon("a", &[])]);
    world.uncleared.insert("a".into());
    world.exit("a", false);
    world.pass(1_000_000);
    assert_eq!(world.state("a"), Some(ServiceState::Stopping));
    world.uncleared.clear();
    world.feed(Event::Cleared { service: "a".into() });
    world.pass(500);
    assert_eq!(world.state("a"), Some(ServiceState::Ready));
}

#[test]
fn a_delegated_group_is_never_cleared() {
    let mut a = daemon("a", &[]);
    a.limits.delegate = true;
    let mut world = World::with(&[a]);
    world.exit("a", false);
    assert_eq!(world.state("a"), Some(ServiceState::BackOff));
    world.pass(500);
    world.feed(Event::Shutdown);
    world.pass(10_000);
    assert_eq!(world.signals.iter().filter(|(s, _)| s == "a").map(|s| s.1).collect::<Vec<_>>(), [15, 9]);
}

#[test]
fn only_failures_in_a_row_make_a_service_sick() {
    let mut a = daemon("a", &[]);
    a.health = Some(Health { probe: Probe::Tcp { port: 1 }, interval_secs: 10, failures: 3 });
    let mut world = World::with(&[a]);
    for yes in [false, false, true, false, false] {
        world.pass(10_000);
        world.answer("a", yes);
    }
    assert_eq!(world.state("a"), Some(ServiceState::Ready));
    world.pass(10_000);
    world.answer("a", false);
    assert_eq!(world.state("a"), Some(ServiceState::Stopping));
    assert_eq!(world.signals, [("a".to_owned(), 15)]);
    world.exit("a", true);
    assert_eq!(world.state("a"), Some(ServiceState::BackOff));
    world.pass(500);
    assert_eq!(world.state("a"), Some(ServiceState::Ready));
}

#[test]
fn restart_on_request_does_not_wait() {
    let mut world = World::with(&[daemon("a", &[])]);
    world.exit("a", false);
    world.feed(Event::Restart("a".into()));
    assert_eq!((world.state("a"), world.starts("a")), (Some(ServiceState::Ready), 2));
    world.feed(Event::Restart("a".into()));
    assert_eq!(world.state("a"), Some(ServiceState::Stopping));
    world.exit("a", true);
    assert_eq!((world.state("a"), world.starts("a")), (Some(ServiceState::Ready), 3));
}

#[test]
fn restart_runs_a_finished_task_again() {
    let mut task = daemon("task", &[]);
    task.readiness = Some(Probe::Exit);
    let mut world = World::with(&[task]);
    world.exit("task", true);
    world.feed(Event::Restart("task".into()));
    assert_eq!(world.starts("task"), 2);
}

#[test]
fn dependents_run_on_when_a_dependency_ends() {
    let mut world = World::with(&[daemon("a", &[]), daemon("b", &["a"])]);
    world.exit("a", false);
    assert_eq!(world.state("b"), Some(ServiceState::Ready));
    world.exit("b", false);
    world.pass(499);
    assert_eq!((world.starts("a"), world.starts("b")), (1, 1));
    world.pass(1);
    assert_eq!((world.starts("a"), world.starts("b")), (2, 2));
}

#[test]
fn events_that_come_at_the_wrong_time_change_nothing() {
    let service = || "a".to_owned();
    let mut world = World::with(&[daemon("a", &[])]);
    let before = world.supervisor.status();
    world.feed(Event::Cleared { service: service() });
    world.feed(Event::Started { service: service(), pid: 1 });
    world.feed(Event::Probed { service: service(), run: 1, kind: ProbeKind::Health, yes: false });
    world.feed(Event::Notified { service: service() });
    world.feed(Event::Exited { service: "nobody".into(), success: true, how: String::new() });
    assert_eq!(world.supervisor.status(), before);
    world.exit("a", true);
    let before = world.supervisor.status();
    world.feed(Event::Exited { service: service(), success: false, how: String::new() });
    world.feed(Event::StartFailed { service: service(), reason: String::new() });
    assert_eq!(world.supervisor.status(), before);
}
