//! Benchmarks: measurements of our programs and of other tools for the same task, with goals.
//!
//! One file a topic. If a topic can't be measured here, the reason is printed on standard error, and the
//! others continue. Goals are printed beside the measurements and never fail: a slow machine is not a bug.

mod apply;
mod boot;
mod build;
mod cold;
mod contest;
mod copy;
mod host_tree;
mod idle;
mod loader;
mod machine;
mod memory;
mod options;
mod row;
mod shared;
mod sizes;
mod table;
mod writers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Result;

pub use options::{Options, USAGE};

use row::Row;
use shared::Shared;

/// A topic: its name, the programs it needs, and the function that measures it.
type Topic = (&'static str, &'static [&'static str], fn(&mut Shared) -> Result<Vec<Row>>);

/// All topics, in the order of the table. The node comes last: `boot` leaves it running, so that it has been
/// idle for a while when its memory is measured.
const TOPICS: &[Topic] = &[
    ("cold", &[], cold::measure),
    ("build", &[], build::measure),
    ("writers", writers::TOOLS, writers::measure),
    ("sizes", &["zstd"], sizes::measure),
    ("apply", apply::TOOLS, apply::measure),
    ("loader", loader::TOOLS, loader::measure),
    ("boot", shared::NODE_TOOLS, boot::measure),
    ("idle", shared::NODE_TOOLS, idle::measure),
    ("memory", shared::NODE_TOOLS, memory::measure),
];

/// Runs the chosen topics and prints the results; returns whether all of them could be measured.
///
/// # Panics
/// If standard output is closed.
#[must_use]
pub fn run(options: &Options) -> bool {
    let host = machine::Host::load();
    eprintln!("{host}");
    let mut shared = Shared::new(options.idle_minutes);
    let mut rows = Vec::new();
    let mut complete = true;
    for (name, tools, measure) in TOPICS.iter().filter(|(name, ..)| options.chosen(name)) {
        eprintln!("measuring {name}");
        if !judges::present(tools) {
            complete = false;
            continue;
        }
        // The harness panics if a step fails; its message has been printed by then.
        match catch_unwind(AssertUnwindSafe(|| measure(&mut shared))) {
            Ok(Ok(measured)) => {
                // Printed at once too, since a run takes minutes and may be interrupted.
                eprint!("{}", table::lines(&measured));
                rows.extend(measured.into_iter().map(|row| row.of(name)));
            }
            Ok(Err(error)) => {
                eprintln!("error: measuring {name}: {error:#}");
                complete = false;
            }
            Err(_) => complete = false,
        }
    }
    match options.json {
        true => println!("{:#}", table::json(&host, &rows)),
        false => print!("{}", table::text(&host, &rows)),
    }
    complete
}
