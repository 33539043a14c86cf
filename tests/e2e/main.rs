//! One behaviour a file, in the order of [`BEHAVIOURS`]: they share one machine, since a boot under emulation
//! takes most of a minute. Run with `make e2e`, which builds the image first; words on the command line
//! select the tests whose names contain one of them. Without, some long ones take turns ([`TURNS`]).

#![expect(clippy::unwrap_used, reason = "a step that fails is a behaviour that fails")]

mod acpi_button;
mod bad_config;
mod bond;
mod boot_record;
mod cluster;
mod crowd;
mod flipped_byte;
mod installed;
mod join;
mod kernel_mount;
mod kine;
mod maintenance;
mod medium;
mod metadata;
mod netboot;
mod node_ready;
mod platform_network;
mod power_cut;
mod reboot;
mod security_defaults;
mod service_healing;
mod shutdown;
mod spare_nic;
mod stalled_disk;
mod store_snapshot;
mod upgrade;
mod user_data_volumes;
mod wrong_clock;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use e2e::lab::Lab;
use e2e::seed::Random;

/// Programs that all tests need.
const TOOLS: &[&str] =
    &["qemu-system-x86_64", "qemu-img", "fsck.erofs", "debugfs", "e2fsck", "mcopy", "mkfs.vfat", "sqlite3"];

/// A test: its name and the function that runs it.
type Behaviour = (&'static str, fn(&mut Lab));

/// Those that leave the shared machine running come first.
const BEHAVIOURS: &[Behaviour] = &[
    ("the_kernel_and_fsck_erofs_read_the_same_root", kernel_mount::show),
    ("a_bond_of_two_links_carries_a_virtual_lan", bond::show),
    ("the_node_is_ready_and_the_pod_answers", node_ready::show),
    ("pods_are_held_to_the_defaults", security_defaults::show),
    ("followers_and_idle_connections_keep_no_operator_out", crowd::show),
    ("a_disk_that_stalls_resets_nothing", stalled_disk::show),
    ("a_snapshot_of_the_store_comes_back", store_snapshot::show),
    ("a_killed_service_is_healed", service_healing::show),
    ("state_survives_a_reboot", reboot::show),
    ("state_survives_a_power_cut", power_cut::show),
    ("the_power_button_leaves_clean_file_systems", acpi_button::show),
    ("shutdown_leaves_clean_file_systems", shutdown::show),
    ("kine_holds_what_it_acknowledged_through_a_power_cut", kine::show),
    ("a_clock_that_is_years_off_and_steps_past_every_certificate_heals", wrong_clock::show),
    ("a_flipped_byte_in_the_root_is_never_run", flipped_byte::show),
    ("every_power_cut_leaves_a_boot_record_that_starts_the_slot", boot_record::show),
    ("a_bad_config_is_told_on_the_console", bad_config::show),
    ("a_node_without_a_config_is_configured_over_the_network", maintenance::show),
    ("a_platform_gives_a_node_its_address_and_name", platform_network::show),
    ("metadata_services_and_a_url_configure_the_same_image", metadata::show),
    ("a_cd_and_a_usb_stick_configure_the_same_image", user_data_volumes::show),
    ("an_installation_medium_starts_as_a_cd_and_as_a_stick", medium::show),
    ("an_empty_disk_becomes_a_node", installed::show),
    ("a_machine_without_a_disk_starts_over_the_network", netboot::show),
    ("a_spare_network_port_holds_nothing_up", spare_nic::show),
    ("a_controller_and_two_workers_are_a_cluster", cluster::show),
    ("a_worker_joins_its_controller_and_stays_a_member", join::show),
    ("an_upgrade_holds_and_a_bad_one_goes_back", upgrade::show),
];

/// Long stories that take turns: of each row so many run, chosen by the seed. All run if `IRONHULL_ALL` is set, and one that
/// words on the command line select runs in any case.
const TURNS: &[(usize, &[&str])] = &[
    (1, &["a_controller_and_two_workers", "a_worker_joins"]),
    (1, &["an_empty_disk", "a_machine_without_a_disk"]),
    (1, &["kine_holds", "a_clock_that_is_years_off"]),
    (2, &["a_node_without_a_config", "a_platform_gives", "metadata_services", "a_cd_and_a_usb_stick"]),
];

/// Returns the names of those whose turn it is not.
fn not_now() -> Vec<&'static str> {
    if std::env::var_os("IRONHULL_ALL").is_some() {
        return Vec::new();
    }
    let mut random = Random::of("turns");
    let rows = TURNS.iter().flat_map(|(count, row)| {
        let mut left = row.to_vec();
        for _ in 0..*count {
            left.remove(random.index(left.len()));
        }
        left
    });
    rows.map(|start| BEHAVIOURS.iter().find(|(name, _)| name.starts_with(start)).unwrap().0).collect()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with('-')).collect();
    let not_now = if words.is_empty() { not_now() } else { Vec::new() };
    let is_named = |name: &str| words.is_empty() || words.iter().any(|w| name.contains(w.as_str()));
    let chosen = |name: &str| is_named(name) && !not_now.contains(&name);
    if !judges::present(TOOLS) {
        println!("0 passed, 0 failed, {} skipped", BEHAVIOURS.len());
        return ExitCode::SUCCESS;
    }
    for name in &not_now {
        println!("     {name} runs with another seed, and with make e2e-all");
    }
    let mut lab = Lab::new();
    let (mut passed, mut failed) = (0, 0);
    for (name, show) in BEHAVIOURS.iter().filter(|(name, _)| chosen(name)) {
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| show(&mut lab)));
        println!(
            "{} {name} ({:.0} s)",
            if outcome.is_ok() { "ok  " } else { "FAIL" },
            start.elapsed().as_secs_f32()
        );
        match outcome {
            Ok(()) => passed += 1,
            Err(_) => {
                failed += 1;
                lab.discard_node();
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
