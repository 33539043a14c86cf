//! A machine with OVMF: runs until it switches itself off, resets, or a time limit passes.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::pc::{FIRMWARE_CODE as PLAIN, FIRMWARE_VARIABLES as VARIABLES};

use crate::disk::{Contents, DiskFile};

/// The firmware with Secure Boot.
const SECURE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
/// File name of a machine's variables.
pub const VARIABLES_NAME: &str = "variables.fd";
/// A time limit against hanging; not a measurement.
const LIMIT: Duration = Duration::from_secs(300);

/// What the machine does when it resets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// It ends.
    Ends,
    /// It boots again.
    BootsAgain,
}

/// How the disk is attached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    Virtio,
    Sata,
    Nvme,
}

/// The machine's firmware, and its variables when it is switched on.
#[derive(Clone, Copy)]
pub enum Firmware<'a> {
    /// Without Secure Boot.
    Plain,
    /// With Secure Boot; no key is enrolled.
    SetupMode,
    /// With Secure Boot, and the variables of this file.
    Secure(&'a Path),
}

/// A machine to run.
pub struct Machine<'a> {
    pub firmware: Firmware<'a>,
    pub disk: &'a DiskFile,
    /// Further arguments for QEMU.
    pub more: Vec<String>,
    pub reset: Reset,
    pub bus: Bus,
    /// Bytes sent to the serial line, again and again.
    pub noise: Option<&'a [u8]>,
}

/// The result of a boot.
pub struct Outcome {
    /// The lines printed by boot loader and probes.
    pub lines: Vec<String>,
    pub disk: DiskFile,
}

/// Returns whether this host has everything that these tests need.
pub fn present() -> bool {
    judges::present(&["qemu-system-x86_64", PLAIN, SECURE, VARIABLES])
}

/// Boots a disk, attached by virtio, once.
pub fn boot(contents: &Contents) -> Outcome {
    boot_until(contents, Reset::Ends)
}

/// Boots a disk until the machine switches off, or, with [`Reset::Ends`], resets.
pub fn boot_until(contents: &Contents, reset: Reset) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let disk = contents.write(&dir.path().join("disk.raw"));
    let machine = Machine { reset, ..Machine::new(&disk) };
    let lines = machine.run(dir.path());
    Outcome { lines, disk }
}

impl<'a> Machine<'a> {
    /// Returns a machine with plain firmware and the disk attached by virtio, which ends at a reset.
    pub fn new(disk: &'a DiskFile) -> Machine<'a> {
        let (firmware, reset, bus) = (Firmware::Plain, Reset::Ends, Bus::Virtio);
        Machine { firmware, disk, more: vec![], reset, bus, noise: None }
    }

    /// Runs the machine with files in `dir`; returns the lines of boot loader and probes.
    ///
    /// The firmware's variables are left in `dir`, as [`VARIABLES_NAME`].
    pub fn run(&self, dir: &Path) -> Vec<String> {
        let variables = dir.join(VARIABLES_NAME);
        std::fs::copy(self.firmware.variables(), &variables).unwrap();
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-accel", "tcg", "-m", "256", "-nodefaults", "-display", "none"])
            .args(self.firmware.arguments())
            .arg("-drive")
            .arg(format!("if=pflash,format=raw,readonly=on,file={}", self.firmware.code()))
            .arg("-drive")
            .arg(format!("if=pflash,format=raw,file={}", variables.display()))
            .arg("-drive")
            .arg(format!("if=none,id=disk,format=raw,file={}", self.disk.path.display()))
            .args(["-device", self.bus.device()])
            .args(["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"])
            .args(&self.more);
        if self.reset == Reset::Ends {
            command.arg("-no-reboot");
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        lines(&watch(child, self.noise))
    }
}

impl Firmware<'_> {
    fn code(&self) -> &str {
        if matches!(self, Firmware::Plain) { PLAIN } else { SECURE }
    }

    /// Returns the file with the initial variables.
    pub fn variables(&self) -> &Path {
        if let Firmware::Secure(variables) = self { variables } else { Path::new(VARIABLES) }
    }

    /// Returns the machine type. With Secure Boot only the firmware itself may write its variables, which it
    /// does in system management mode.
    fn arguments(&self) -> &[&str] {
        match self {
            Firmware::Plain => &["-machine", "q35"],
            _ => &["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"],
        }
    }
}

impl Bus {
    fn device(self) -> &'static str {
        match self {
            Bus::Virtio => "virtio-blk-pci,drive=disk,bootindex=1",
            Bus::Sata => "ide-hd,drive=disk,bootindex=1",
            Bus::Nvme => "nvme,drive=disk,serial=1,bootindex=1",
        }
    }
}

/// Waits until the machine ends; returns everything it printed.
fn watch(mut child: Child, noise: Option<&[u8]>) -> String {
    let (mut typed, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        output.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("still running after {} s:\n{}", LIMIT.as_secs(), reader.join().unwrap());
        }
        if let Some(noise) = noise {
            // A machine that has ended reads no more.
            let _ = typed.write_all(noise);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    reader.join().unwrap()
}

/// Returns the lines of boot loader and probes; the firmware's own output is full of cursor movements. Which partition
/// a probe is told is left out: it differs with the disk.
fn lines(text: &str) -> Vec<String> {
    let without_partition = |line: &str| line.split(" partition=").next().map(|l| l.trim_end().to_owned());
    let of = |line: &str| without_partition(line.split("ironhull loader: ").nth(1)?);
    text.lines().filter_map(of).collect()
}
