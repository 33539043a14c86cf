//! Builds the QEMU command line from a machine definition and the settings of one launch. Pure.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::directory::SOCKET;
use crate::{Accelerator, Definition, FirmwareKind, Forward, Segment};

/// The settings of one launch: everything that may differ between two starts of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Name of the machine.
    pub name: String,
    /// What runs the guest.
    pub accelerator: Accelerator,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub cpus: u32,
    /// The machine's directory: disk, firmware variables, log and sockets.
    pub directory: PathBuf,
    /// Kind of firmware.
    pub firmware: FirmwareKind,
    /// Firmware code, read-only.
    pub firmware_code: PathBuf,
    /// Forwarded ports.
    pub ports: Vec<Forward>,
    /// Place on a segment shared with other machines.
    pub segment: Option<Segment>,
    /// File passed to the guest as `opt/ironhull/config`.
    pub user_data: Option<PathBuf>,
}

/// Returns the arguments of QEMU, without the program name. QEMU moves to the background once the machine
/// runs.
#[must_use]
pub fn command_line(definition: &Definition, launch: &Launch) -> Vec<OsString> {
    let options = definition.options(launch.accelerator);
    let mut line = Line(Vec::new());
    line.add("-name", &launch.name);
    line.add("-machine", &definition.machine);
    line.add("-accel", &options.accel);
    line.add("-cpu", &options.cpu);
    line.add("-smp", launch.cpus.to_string());
    line.add("-m", format!("{}M", launch.memory_mib));
    let secure: &[_] =
        if launch.firmware == FirmwareKind::SecureBoot { &definition.secure_boot } else { &[] };
    for row in definition.arguments.iter().chain(secure) {
        line.0.extend(row.iter().map(OsString::from));
    }
    let at = |name| launch.directory.join(name);
    line.add_file("-drive", "if=pflash,unit=0,format=raw,readonly=on,file=", &launch.firmware_code);
    line.add_file("-drive", "if=pflash,unit=1,format=raw,file=", &at("firmware-vars.fd"));
    line.add_file("-drive", "if=none,id=disk0,format=qcow2,discard=unmap,file=", &at("disk.qcow2"));
    line.add("-device", &definition.disk);
    line.add("-netdev", user_network(&launch.ports));
    line.add("-device", &definition.network);
    if let Some(segment) = &launch.segment {
        let device = definition.network.split(',').next().unwrap_or_default();
        segment.add_to(&mut line, device);
    }
    line.add_file("-serial", "file:", &at("serial.log"));
    line.add_socket("-qmp", &at(SOCKET));
    if let Some(file) = &launch.user_data {
        line.add_file("-fw_cfg", "name=opt/ironhull/config,file=", file);
    }
    line.add_file("-pidfile", "", &at("pid"));
    line.0.push("-daemonize".into());
    line.0
}

/// Returns the user network with its forwarded ports, on the loopback address only.
fn user_network(ports: &[Forward]) -> String {
    let forwards = ports.iter().map(|p| format!(",hostfwd=tcp:127.0.0.1:{}-:{}", p.host, p.guest));
    std::iter::once("user,id=net0".to_owned()).chain(forwards).collect()
}

/// Arguments under construction.
pub(crate) struct Line(Vec<OsString>);

impl Line {
    /// Adds an option and its value.
    pub(crate) fn add(&mut self, option: &str, value: impl Into<OsString>) {
        self.0.extend([option.into(), value.into()]);
    }

    /// Adds an option whose value ends with a path. QEMU requires commas in it to be doubled, unless the path
    /// is the whole value.
    fn add_file(&mut self, option: &str, before: &str, path: &Path) {
        let mut value = OsString::from(before);
        if before.contains(',') {
            value.push(escaped(path));
        } else {
            value.push(path);
        }
        self.add(option, value);
    }

    /// Adds an option whose value has several paths, each after some text.
    pub(crate) fn add_files(&mut self, option: &str, parts: &[(String, PathBuf)]) {
        let mut value = OsString::new();
        for (before, path) in parts {
            value.push(before);
            value.push(escaped(path));
        }
        self.add(option, value);
    }

    /// Adds a listening unix socket.
    fn add_socket(&mut self, option: &str, path: &Path) {
        let mut value = OsString::from("unix:");
        value.push(escaped(path));
        value.push(",server=on,wait=off");
        self.add(option, value);
    }
}

/// Doubles the commas of a path.
fn escaped(path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = path.as_os_str().as_bytes();
    let doubled = bytes.iter().flat_map(|b| std::iter::repeat_n(*b, if *b == b',' { 2 } else { 1 }));
    OsString::from_vec(doubled.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch() -> Launch {
        Launch {
            name: "single".into(),
            accelerator: Accelerator::Tcg,
            memory_mib: 4096,
            cpus: 2,
            directory: "/m/single".into(),
            firmware: FirmwareKind::Uefi,
            firmware_code: "/c/OVMF,CODE.fd".into(),
            ports: vec![Forward { host: 6443, guest: 6443 }, Forward { host: 41000, guest: 9443 }],
            user_data: Some("/m/single/node.yaml".into()),
            segment: None,
        }
    }

    fn text(launch: &Launch) -> String {
        let words = command_line(&Definition::q35(), launch);
        words.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ").replace(" -", "\n-")
    }

    #[test]
    fn the_whole_line() {
        let expected = "\
-name single
-machine q35,vmport=off
-accel tcg,thread=multi,tb-size=512
-cpu max,-avx,-avx2,-f16c,-erms,-fsrm
-smp 2
-m 4096M
-nodefaults
-no-user-config
-display none
-rtc base=utc
-object rng-random,id=rng0,filename=/dev/urandom
-device virtio-rng-pci,rng=rng0
-device i6300esb
-action watchdog=reset
-drive if=pflash,unit=0,format=raw,readonly=on,file=/c/OVMF,,CODE.fd
-drive if=pflash,unit=1,format=raw,file=/m/single/firmware-vars.fd
-drive if=none,id=disk0,format=qcow2,discard=unmap,file=/m/single/disk.qcow2
-device virtio-blk-pci,drive=disk0,bootindex=1
-netdev user,id=net0,hostfwd=tcp:127.0.0.1:6443-:6443,hostfwd=tcp:127.0.0.1:41000-:9443
-device virtio-net-pci,netdev=net0,romfile=
-serial file:/m/single/serial.log
-qmp unix:/m/single/qmp.sock,server=on,wait=off
-fw_cfg name=opt/ironhull/config,file=/m/single/node.yaml
-pidfile /m/single/pid
-daemonize";
        assert_eq!(text(&launch()), expected);
    }

    #[test]
    fn a_segment_is_a_star_around_its_first_machine() {
        let directories: Vec<PathBuf> = ["/m/a,b", "/m/c", "/m/d"].map(PathBuf::from).into();
        let line = |index| {
            let segment = Some(Segment { directories: directories.clone(), index });
            text(&Launch { segment, ..launch() })
        };
        let adapter = "-device virtio-net-pci,netdev=segment,mac=52:54:00:5e:00:0";
        let centre = format!(
            "-netdev hubport,id=segment,hubid=1
-netdev dgram,id=cable1,local.type=unix,local.path=/m/a,,b/cable-1,remote.type=unix,remote.path=/m/c/cable-0
-netdev hubport,id=port1,hubid=1,netdev=cable1
-netdev dgram,id=cable2,local.type=unix,local.path=/m/a,,b/cable-2,remote.type=unix,remote.path=/m/d/cable-0
-netdev hubport,id=port2,hubid=1,netdev=cable2
{adapter}0,romfile=
"
        );
        assert!(line(0).contains(&centre), "{}", line(0));
        let other = format!(
            "-netdev dgram,id=segment,local.type=unix,local.path=/m/d/cable-0,remote.type=unix,remote.path=/m/a,,b/cable-2
{adapter}2,romfile=
"
        );
        assert!(line(2).contains(&other), "{}", line(2));
    }

    #[test]
    fn variables_are_the_firmwares_alone_with_secure_boot() {
        let line = text(&Launch { firmware: FirmwareKind::SecureBoot, ..launch() });
        assert!(
            line.contains("-machine smm=on\n-global driver=cfi.pflash01,property=secure,value=on\n"),
            "{line}"
        );
    }

    #[test]
    fn kvm_uses_the_hosts_processor_and_user_data_may_be_absent() {
        let kvm = Launch { accelerator: Accelerator::Kvm, user_data: None, ..launch() };
        let line = text(&kvm);
        assert!(line.contains("-accel kvm\n-cpu host\n"), "{line}");
        assert!(!line.contains("fw_cfg"), "{line}");
    }
}
