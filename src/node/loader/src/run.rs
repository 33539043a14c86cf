//! One boot: read, decide, record, start; and the other slot if that fails.

use slots::{
    Boot, Entry, HANDOFF_BYTES, Handoff, Place, Record, Slot, Start, VARIABLE_GUID_BYTES, VARIABLE_NAME,
};

use crate::disk::{self, Disk};
use crate::efi::{Firmware, Guid, Life};
use crate::{record, slot};

/// The firmware resets the machine if no kernel has taken over by then.
const WATCHDOG_SECS: usize = 300;
/// How long the last message stays on the console before the reset.
const RESET_DELAY_SECS: u32 = 10;

/// Runs the boot loader. It never returns to the firmware, which would try other boot entries.
pub fn run(firmware: &Firmware) -> ! {
    watch(firmware);
    match disk::find(firmware) {
        Ok(disk) => boot(firmware, &disk),
        Err(error) => say!(firmware, "{error}"),
    }
    say!(firmware, "no slot could be started; resetting in {RESET_DELAY_SECS} s");
    firmware.wait(RESET_DELAY_SECS);
    firmware.reset()
}

/// Starts one slot after the other; returns when none is left.
fn boot(firmware: &Firmware, disk: &Disk) {
    let headers = disk.kernels.map(|partition| slot::header(firmware, partition.as_ref()));
    let [first, second] = record::read(firmware, disk.bootstate.as_ref());
    let mut boot = Boot::new(first, second, &headers);
    if disk.is_medium {
        say!(firmware, "this is an installation medium; nothing is written to it");
    } else if boot.is_rebuilt() {
        say!(firmware, "both copies of the boot record are lost; using the slot headers");
    }
    while let Some(start) = boot.next_start() {
        prepare(firmware, disk, &start);
        let at = start.slot;
        let failure = slot::start(firmware, disk.kernels.get(at).as_ref(), headers.get(at).as_ref());
        match failure.status {
            Some(status) => say!(firmware, "slot {at} failed: {} ({status})", failure.reason),
            None => say!(firmware, "slot {at} failed: {}", failure.reason),
        }
        boot.refuse(at, failure.reason);
    }
    let (place, last) = boot.last_words();
    for slot in Slot::ALL {
        let entry = last.slots.get(slot);
        if entry.is_present() {
            print_failure(firmware, slot, entry);
        } else {
            say!(firmware, "slot {slot} is empty");
        }
    }
    write(firmware, disk, place, &last);
}

/// Prints and records what is about to be started, and tells it the system in an EFI variable.
fn prepare(firmware: &Firmware, disk: &Disk, start: &Start) {
    let Start { slot, generation, tries_left, why, .. } = *start;
    for other in Slot::ALL {
        let entry = start.record.slots.get(other);
        if other != slot && entry.last_failure != slots::Reason::None {
            print_failure(firmware, other, entry);
        }
    }
    say!(firmware, "starting slot {slot}, generation {generation}, tries left {tries_left}, reason {why}");
    write(firmware, disk, start.write_to, &start.record);
    let partition = disk.kernels.get(slot).as_ref().map(|kernel| kernel.unique);
    let mut room = [0; HANDOFF_BYTES];
    let text = Handoff { slot, generation, tries_left, why, partition }.encode(&mut room);
    if let Err(status) =
        firmware.set_variable((VARIABLE_NAME, Guid(VARIABLE_GUID_BYTES)), Life::UntilReset, text)
    {
        say!(
            firmware,
            "setting the EFI variable {VARIABLE_NAME} failed ({status}); the system will not know its slot"
        );
    }
    watch(firmware);
}

/// Prints which generation a slot has, and why it failed last.
fn print_failure(firmware: &Firmware, slot: Slot, entry: &Entry) {
    let Entry { generation, last_failure, .. } = entry;
    say!(firmware, "slot {slot} has generation {generation}, last failure: {last_failure}");
}

/// Writes the record, unless the disk is a medium; prints a message if that fails. The boot continues.
fn write(firmware: &Firmware, disk: &Disk, place: Place, record: &Record) {
    if !disk.is_medium && !record::write(firmware, disk.bootstate.as_ref(), place, record) {
        say!(firmware, "the boot record could not be written");
    }
}

/// Arms the firmware's watchdog; a kernel that takes over disarms it.
fn watch(firmware: &Firmware) {
    if !firmware.arm_watchdog(WATCHDOG_SECS) {
        say!(firmware, "the firmware has no watchdog");
    }
}
