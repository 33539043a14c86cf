//! A new set of services against the running one.

use control::ServiceState;

use super::world::{World, daemon};
use crate::Event;

#[test]
fn the_same_set_again_disturbs_nothing() {
    let set = [daemon("a", &[]), daemon("b", &["a"])];
    let mut world = World::with(&set);
    let before = world.running.clone();
    world.feed(Event::Submit(set.to_vec()));
    assert_eq!(world.running, before);
    assert!(world.signals.is_empty());
}

#[test]
fn changed_services_restart_and_missing_ones_stop() {
    let mut world = World::with(&[daemon("a", &[]), daemon("b", &[]), daemon("c", &[])]);
    let mut changed = daemon("b", &[]);
    changed.command.push("--new".into());
    world.feed(Event::Submit(vec![daemon("a", &[]), changed.clone(), daemon("d", &[])]));
    assert_eq!(world.signals, [("b".to_owned(), 15), ("c".to_owned(), 15)]);
    assert_eq!(world.spec("b").command.len(), 1, "the old run goes by the old specification");
    world.exit("b", true);
    world.exit("c", true);
    assert_eq!(world.spec("b"), changed);
    assert_eq!(world.running.keys().collect::<Vec<_>>(), ["a", "b", "d", "noded"]);
    assert_eq!((world.starts("a"), world.starts("b"), world.state("c")), (1, 2, None));
}

#[test]
fn noded_belongs_to_no_set() {
    let mut world = World::new();
    world.feed(Event::Submit(vec![]));
    let mut other = daemon("noded", &[]);
    other.command.push("--evil".into());
    world.feed(Event::Submit(vec![other]));
    assert_eq!(world.state("noded"), Some(ServiceState::Ready));
    assert_eq!(world.spec("noded").command.len(), 1);
}

#[test]
fn missing_services_stop_in_reverse_order() {
    let mut world = World::with(&[daemon("a", &[]), daemon("b", &["a"])]);
    world.feed(Event::Submit(vec![]));
    assert_eq!(world.signals, [("b".to_owned(), 15)]);
    world.exit("b", true);
    assert_eq!(world.signals.last(), Some(&("a".to_owned(), 15)));
}

#[test]
fn a_service_that_comes_back_while_it_stops_starts_again() {
    let set = vec![daemon("a", &[])];
    let mut world = World::with(&set);
    world.feed(Event::Submit(vec![]));
    world.feed(Event::Submit(set));
    assert_eq!(world.state("a"), Some(ServiceState::Stopping));
    world.exit("a", true);
    assert_eq!((world.state("a"), world.starts("a")), (Some(ServiceState::Ready), 2));
}

#[test]
fn a_change_that_is_taken_back_restarts_with_the_old_one() {
    let set = vec![daemon("a", &[])];
    let mut world = World::with(&set);
    let mut changed = set.clone();
    changed[0].command.push("--new".into());
    world.feed(Event::Submit(changed));
    world.feed(Event::Submit(set.clone()));
    world.exit("a", true);
    assert_eq!((world.spec("a"), world.starts("a")), (set[0].clone(), 2));
}

#[test]
fn a_changed_service_that_backs_off_starts_at_once() {
    let mut world = World::with(&[daemon("a", &[])]);
    world.exit("a", false);
    let mut changed = daemon("a", &[]);
    changed.command.push("--fixed".into());
    world.feed(Event::Submit(vec![changed]));
    assert_eq!((world.state("a"), world.starts("a")), (Some(ServiceState::Ready), 2));
}
