//! Foreign data changes nothing: variables, files on the ESP, noise on the serial line.

use std::collections::BTreeMap;

use crate::disk::Contents;
use crate::machine::{Machine, Reset, boot, boot_until, present};
use crate::programs::{Order, probe};

const LAST: &str = "probe B was told: slot=b generation=2 tries=2 reason=has-tries";

fn contents() -> Contents {
    Contents::new(&probe(Order::SwitchOff, b'A'), &probe(Order::SwitchOff, b'B'))
}

#[test]
fn an_esp_full_of_foreign_files() {
    if !present() {
        return;
    }
    let program = probe(Order::SwitchOff, b'X');
    let files = [
        ("EFI/Microsoft/Boot/bootmgfw.efi", program.clone()),
        ("EFI/systemd/systemd-bootx64.efi", program.clone()),
        ("EFI/Linux/other+3.efi", program),
        ("loader/loader.conf", b"default other\n".to_vec()),
        ("startup.nsh", b"exit\r\n".to_vec()),
        ("filler", vec![7; 37 << 20]),
    ];
    let files: BTreeMap<_, _> = files.map(|(path, bytes)| (path.to_owned(), bytes)).into();
    assert_eq!(boot(&Contents { files, ..contents() }).lines.last().unwrap(), LAST);
}

#[test]
fn stale_variables() {
    if !present() {
        return;
    }
    let litter = Contents::new(&probe(Order::SwitchOff, b'A'), &probe(Order::Litter, b'B'));
    let spent = litter.with_record(&crate::disk::record(1, 9, 1));
    let found = boot_until(&spent, Reset::BootsAgain);
    let told = "probe A was told: slot=a generation=1 tries=8 reason=has-tries";
    assert_eq!(found.lines.last().unwrap(), told, "{:#?}", found.lines);
    assert!(!found.lines.iter().any(|l| l.contains("can't")), "{:#?}", found.lines);
}

#[test]
fn noise_on_the_serial_line() {
    if !present() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = contents().write(&dir.path().join("disk.raw"));
    // No Escape: the firmware itself reacts to that key, long before the boot loader starts.
    let noise = Some(&b"\r\n q\x04\x7fe \xff\x00y12"[..]);
    let machine = Machine { noise, ..Machine::new(&disk) };
    assert_eq!(machine.run(dir.path()).last().unwrap(), LAST);
}
