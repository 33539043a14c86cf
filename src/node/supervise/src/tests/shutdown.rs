//! The end of everything, in order.

use control::{Probe, ServiceState};

use super::world::{World, daemon};
use crate::{Event, SHUTDOWN_LIMIT_MS};

#[test]
fn services_stop_in_reverse_order_and_stay_stopped() {
    let mut world = World::with(&[daemon("a", &[]), daemon("b", &["a"]), daemon("c", &["b"])]);
    world.feed(Event::Shutdown);
    assert_eq!(world.signals.iter().map(|s| s.0.as_str()).collect::<Vec<_>>(), ["c", "noded"]);
    for name in ["c", "b", "a"] {
        assert_eq!(world.state(name), Some(ServiceState::Stopping), "{name}");
        world.exit(name, false);
    }
    assert!(!world.supervisor.is_stopped());
    world.exit("noded", true);
    assert!(world.supervisor.is_stopped());
    world.feed(Event::Submit(vec![daemon("a", &[])]));
    world.pass(1_000_000);
    assert!(world.running.is_empty());
}

#[test]
fn what_does_not_run_is_forgotten_at_once() {
    let mut task = daemon("task", &[]);
    task.readiness = Some(Probe::Exit);
    let mut waits = daemon("waits", &["task"]);
    waits.readiness = Some(Probe::Notify);
    let mut world = World::with(&[task, waits, daemon("fails", &[])]);
    world.exit("fails", false);
    world.feed(Event::Shutdown);
    world.exit("task", false);
    world.exit("noded", false);
    assert!(world.supervisor.is_stopped());
    assert_eq!(world.starts("waits"), 0);
}

#[test]
fn grace_ends_with_a_kill() {
    let mut world = World::with(&[daemon("a", &[])]);
    world.feed(Event::Shutdown);
    world.exit("noded", true);
    world.pass(9_999);
    assert_eq!(world.signals.last(), Some(&("noded".to_owned(), 15)));
    world.pass(1);
    assert_eq!(world.signals.last(), Some(&("a".to_owned(), 9)));
    assert!(world.said.iter().any(|t| t == "a did not end in 10 s, killing it"));
}

#[test]
fn patience_ends_for_all_at_once() {
    let mut slow = daemon("slow", &["a"]);
    slow.stop.grace_secs = 3_600;
    let mut world = World::with(&[daemon("a", &[]), slow]);
    world.feed(Event::Shutdown);
    world.exit("noded", true);
    world.pass(SHUTDOWN_LIMIT_MS);
    assert_eq!(world.signals[2..], [("a".to_owned(), 9), ("slow".to_owned(), 9)]);
    world.exit("a", false);
    world.exit("slow", false);
    assert!(world.supervisor.is_stopped());
}

#[test]
fn a_start_that_is_on_its_way_is_stopped_when_it_arrives() {
    let mut supervisor = crate::Supervisor::new(daemon("noded", &[]), 0);
    supervisor.step(Event::Tick, 0, 0);
    assert!(supervisor.step(Event::Shutdown, 1, 0).is_empty());
    let actions = supervisor.step(Event::Started { service: "noded".into(), pid: 7 }, 2, 0);
    assert!(matches!(actions.last(), Some(crate::Action::Signal { pid: 7, signal: 15, .. })));
    assert!(!supervisor.is_stopped());
}
