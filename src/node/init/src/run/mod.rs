//! The main phase, on the root: one loop that waits for all events at once and never blocks on one.
//!
//! Arrows point down: the [`Runner`] takes events from their sources and hands them to the [`Node`], which puts the
//! parts together (services, logs, clients, trial). Each part is a type of its own with its own state and does not
//! know the others; decisions about services are [`supervise`]'s, those about the trial the gate's and `slots`'.

mod button;
mod client;
mod group;
mod kernel_log;
mod launch;
mod logs;
mod node;
mod noded;
mod notify;
mod probe;
mod runner;
mod server;
mod services;
mod setup;
mod submission;
mod token;
mod trial;

use control::ShutdownKind;
use sys::{Poll, Signals};

use crate::base::Base;
use crate::early::Booted;
use node::Node;
use runner::{REFUSED_PAUSE_MS, Runner};

/// Supervises until a shutdown was asked for and everything has ended; returns what follows it.
pub(crate) fn run(base: &mut Base, booted: &Booted) -> ShutdownKind {
    setup::prepare(base, &booted.condition);
    let (poll, signals) = open_events(base);
    let node = Node::new(base, poll);
    let mut runner = Runner::open(node, signals);
    runner.start(booted);
    runner.run()
}

/// Opens what the loop cannot be without; tries for as long as it takes, as there is nothing better to do.
fn open_events(base: &mut Base) -> (Poll, Signals) {
    loop {
        match Poll::new().and_then(|poll| Ok((poll, Signals::block_all()?))) {
            Ok(opened) => return opened,
            Err(error) => base.voice.error(&error.to_string()),
        }
        base.pause(REFUSED_PAUSE_MS);
    }
}
