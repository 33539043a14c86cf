//! Every way in which a new generation can fail: after each of them generation 1 runs again without
//! intervention, and the boot record has the reason.
//!
//! One behaviour a file. Each has its own disk, where generation 1 is blessed and generation 2 was just
//! installed; serial log and record are checked, so nothing waits for a cluster. Three tests run in parallel:
//! one that boots keeps one processor busy, one that hangs waits for its watchdog. The time from power-on to
//! generation 1 is printed, and never makes a test fail. Words on the command line select tests by name.

#![expect(clippy::unwrap_used, reason = "a step that fails is a behaviour that fails")]

mod cuts;
mod destroyed_data;
mod destroyed_state;
mod disk;
mod dying_init;
mod failed_initrd;
mod failing_services;
mod generation;
mod hanging_noded;
mod interrupted;
mod kernel;
mod lost_records;
mod lost_superblock;
mod machine;
mod operator;
mod power_cuts;
mod rotten_root;
mod scrubbing;
mod signed_image;
mod torture;
mod unconfigured;
mod web_server;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use e2e::lab::Lab;

/// Programs and files that the tests need.
const TOOLS: &[&str] = &["qemu-system-x86_64", "fsck.erofs", "debugfs", "e2fsck"];
/// Maximum number of tests that run in parallel, and so of machines, except for `make torture`.
const MACHINES: usize = 3;

/// A test: its name, and the function that runs it and returns what was observed.
type Behaviour = (&'static str, fn(&Lab) -> String);

/// The longest come first, so that none runs alone at the end.
const BEHAVIOURS: &[Behaviour] = &[
    ("power_goes_during_upgrades", torture::show),
    ("twenty_power_cuts_leave_generation_1_blessed", power_cuts::show),
    ("a_noded_that_hangs_on_trial", hanging_noded::show),
    ("services_that_fail_end_at_the_deadline", failing_services::show),
    ("a_root_that_is_not_there", failed_initrd::show_not_found),
    ("a_kernel_that_panics_spends_all_its_tries", kernel::show_panic),
    ("scrubbing_finds_what_rots", scrubbing::show),
    ("a_signed_image_runs_signed_programs_with_the_signed_command_line", signed_image::show),
    ("a_root_that_the_kernel_refuses", failed_initrd::show_not_verified),
    ("an_initrd_that_fails", failed_initrd::show_failed),
    ("a_kernel_that_hangs_before_init", kernel::show_hang),
    ("an_init_that_ends", dying_init::show_end),
    ("an_init_that_never_arms_a_watchdog", dying_init::show_unarmed),
    ("an_init_that_hangs_beside_a_watchdog_of_hardware", dying_init::show_hang_beside_hardware),
    ("an_init_that_hangs_beside_the_kernels_watchdog", dying_init::show_hang_beside_softdog),
    ("a_destroyed_state_leaves_a_node_that_takes_orders", destroyed_state::show),
    ("a_destroyed_data_partition_leaves_the_node_api", destroyed_data::show),
    ("a_lost_superblock_comes_back", lost_superblock::show),
    ("a_rotten_root_on_trial", rotten_root::show_on_trial),
    ("a_rotten_root_after_its_blessing", rotten_root::show_blessed),
    ("both_records_lost_and_the_newer_slot_dead", lost_records::show),
    ("no_config_costs_a_blessed_generation_no_try", unconfigured::show),
    ("the_power_goes_after_the_answer_of_a_trial", interrupted::show),
    ("a_truncated_kernel_image", kernel::show_truncated),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with('-')).collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|w| name.contains(w.as_str()));
    if !judges::present(TOOLS) || !judges::present(machine::FIRMWARE) {
        println!("0 passed, 0 failed, {} skipped", BEHAVIOURS.len());
        return ExitCode::SUCCESS;
    }
    let lab = Lab::new();
    let waiting: Vec<&Behaviour> = BEHAVIOURS.iter().filter(|(name, _)| chosen(name)).collect();
    let count = waiting.len();
    let queue = Mutex::new(waiting.into_iter());
    let work = || std::iter::from_fn(|| queue.lock().unwrap().next()).filter(|b| run(&lab, b)).count();
    let passed: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..MACHINES).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|w| w.join().unwrap()).sum()
    });
    println!("{passed} passed, {} failed", count - passed);
    if passed == count && count > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one test, prints its result, and returns whether it passed.
fn run(lab: &Lab, (name, show): &Behaviour) -> bool {
    let start = Instant::now();
    let outcome = catch_unwind(std::panic::AssertUnwindSafe(|| show(lab)));
    let secs = start.elapsed().as_secs_f32();
    match &outcome {
        Ok(seen) => println!("ok   {name} ({secs:.0} s): {seen}"),
        Err(_) => println!("FAIL {name} ({secs:.0} s)"),
    }
    outcome.is_ok()
}
