//! Prepares the root for services: mounts, cgroups, settings, identity.
//!
//! Failures are reported and survived: a node without one of the mounts is better than none.

mod files;
mod identity;
mod mounts;
mod settings;

use anyhow::Context;
use slots::Partition;
use sys::Cgroup;

use super::group;
use crate::base::Base;
use crate::early::Condition;

/// Directory of our sockets.
const RUN_DIRECTORY: &str = "/run/ironhull";
/// The file that names the installation medium that runs; absent on an installed node.
const MEDIUM_PATH: &str = "/run/ironhull/medium";
/// How long in milliseconds the disks may take.
const DISK_LIMIT_MS: u64 = 600_000;
/// The levels of lockdown (`security/lockdown/lockdown.c`).
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
/// Host name until another one is set.
const HOST_NAME: &str = "localhost";

/// Prepares the root. In a child, as it reads the image and writes to both disks; all that it changes is the kernel's or
/// in files.
pub(super) fn prepare(base: &mut Base, condition: &Condition) {
    let prepared = base.in_child(DISK_LIMIT_MS, |base| prepare_all(base, condition));
    base.say(prepared);
}

fn prepare_all(base: &mut Base, condition: &Condition) {
    base.say(std::fs::create_dir_all(RUN_DIRECTORY));
    mounts::mount_all(base);
    tell_lockdown(base);
    base.say(files::link_devices());
    base.say(prepare_groups());
    settings::apply_all(base);
    base.say(sys::set_link_up("lo"));
    base.say(sys::set_hostname(HOST_NAME));
    base.say(sys::catch_ctrl_alt_del());
    if condition.has(Partition::State) {
        base.say(identity::prepare());
    }
    if condition.has(Partition::Data) {
        base.say(files::prepare_data());
    }
    if let Some(medium) = &condition.medium {
        base.say(std::fs::write(MEDIUM_PATH, medium));
    }
    tell_damage(base, condition);
}

/// Says on the console when the kernel is in lockdown, as it is under Secure Boot.
fn tell_lockdown(base: &mut Base) {
    let levels = std::fs::read_to_string(LOCKDOWN).unwrap_or_default();
    if let Some(level) = active_level(&levels).filter(|level| *level != "none") {
        base.voice.info(&format!("the kernel is in lockdown: {level}"));
    }
}

/// Returns the level in brackets: `none [integrity] confidentiality`.
fn active_level(levels: &str) -> Option<&str> {
    levels.split_whitespace().find_map(|level| level.strip_prefix('[')?.strip_suffix(']'))
}

/// Makes the group of all services and hands the controllers down to its children.
fn prepare_groups() -> anyhow::Result<()> {
    Cgroup::at(group::HIERARCHY).enable_controllers()?;
    let services = group::services();
    services.create()?;
    Ok(services.enable_controllers()?)
}

/// Says what is damaged, and leaves it in a file for `noded`.
fn tell_damage(base: &mut Base, condition: &Condition) {
    if condition.is_whole() {
        return;
    }
    let written = serde_json::to_vec(&condition.damage)
        .context("writing down what is damaged")
        .and_then(|text| std::fs::write(control::DAMAGE_PATH, text).context(control::DAMAGE_PATH));
    base.say(written);
    base.voice.error("MAINTENANCE: a partition is damaged and was left as it is");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_level_of_lockdown_stands_in_brackets() {
        assert_eq!(active_level("none [integrity] confidentiality\n"), Some("integrity"));
        assert_eq!(active_level("[none] integrity confidentiality\n"), Some("none"));
        assert_eq!(active_level(""), None);
    }
}
