//! A machine with the firmware, watchdog and disk of `ironhull run`: booted until a line appears in its
//! serial log, then killed.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::disk::{Disk, text};

/// The firmware without and with Secure Boot, and its variables.
const CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const SECURE_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
const VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// All of them.
pub const FIRMWARE: &[&str] = &[CODE, SECURE_CODE, VARIABLES];
/// A time limit against hanging; not a measurement.
const LIMIT: Duration = Duration::from_secs(600);
/// Signals that stop and continue a process (`signal(7)`).
const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;
/// Printed by `init` when generation 1 runs.
pub const GENERATION_1: &str = "slot a, generation 1, started because";
/// Printed by `init` when generation 2 runs.
pub const GENERATION_2: &str = "slot b, generation 2, started because";
/// Printed by the kernel when its own watchdog fires.
pub const SOFTDOG: &str = "softdog: Initiating system reboot";
/// Printed by the boot loader when it starts generation 2.
pub const STARTING_2: &str = "starting slot b, generation 2";

/// Printed when `noded` serves the node API.
pub const ANSWERS: &str = "stage node-api";
/// Printed by `init` for whatever generation runs.
pub const STARTED: &str = ", started because";

/// The parts of a machine besides its disk.
#[derive(Clone, Default)]
pub struct Machine {
    /// Whether it has no hardware watchdog, not even the one in the chipset of a q35.
    pub bare: bool,
    /// The node's user-data.
    pub user_data: Option<PathBuf>,
    /// The address of this host whose port 9443 is forwarded to the node API.
    pub api: Option<Ipv4Addr>,
    /// Secure Boot is on, with the keys of this directory.
    pub keys: Option<PathBuf>,
    /// A string of its SMBIOS tables (type 11).
    pub smbios: Option<String>,
}

/// A running machine; killed when dropped.
pub struct Running {
    child: Child,
    serial: PathBuf,
    begun: Instant,
}

impl Machine {
    /// Starts the machine.
    pub fn start(&self, disk: &Disk) -> Running {
        let (serial, variables) = (disk.path.with_extension("serial"), disk.path.with_extension("vars"));
        std::fs::write(&variables, self.variables()).unwrap();
        std::fs::write(&serial, "").unwrap();
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args([
            "-machine",
            if self.bare { "pc" } else { "q35,vmport=off,smm=on" },
            "-accel",
            // One thread for both processors: with two, QEMU sometimes executes kernel code that the other
            // one is changing (`Oops: int3`), which is another failure than the intended one.
            "tcg,thread=single,tb-size=256",
        ]);
        qemu.args(["-cpu", "max,-avx,-avx2,-f16c,-erms,-fsrm", "-smp", "2", "-m", "2048"]);
        qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-action", "watchdog=reset"]);
        qemu.args(["-device", "virtio-rng-pci", "-device", "virtio-blk-pci,drive=disk0,bootindex=1"]);
        let forward = self.api.map(|own| format!(",hostfwd=tcp:{own}:9443-:9443")).unwrap_or_default();
        qemu.arg("-netdev").arg(format!("user,id=net0{forward}"));
        qemu.args(["-device", "virtio-net-pci,netdev=net0,romfile="]);
        let mut file = |option: &str, before: &str, path: &Path| {
            qemu.arg(option).arg(format!("{before}{}", text(path)));
        };
        let code = if self.keys.is_some() { SECURE_CODE } else { CODE };
        file("-drive", "if=pflash,unit=0,format=raw,readonly=on,file=", Path::new(code));
        file("-drive", "if=pflash,unit=1,format=raw,file=", &variables);
        file("-drive", "if=none,id=disk0,format=raw,file=", &disk.path);
        file("-serial", "file:", &serial);
        if let Some(path) = &self.user_data {
            file("-fw_cfg", "name=opt/ironhull/config,file=", path);
        }
        if !self.bare {
            qemu.args(["-device", "i6300esb"]);
        }
        if let Some(value) = &self.smbios {
            qemu.arg("-smbios").arg(format!("type=11,value={value}"));
        }
        if self.keys.is_some() {
            // Only the firmware's own code may change the variables.
            qemu.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
        }
        let child = qemu.stdin(Stdio::null()).spawn().unwrap();
        Running { child, serial, begun: Instant::now() }
    }

    /// Returns the firmware's variables, with the keys enrolled.
    fn variables(&self) -> Vec<u8> {
        let shipped = std::fs::read(VARIABLES).unwrap();
        match &self.keys {
            Some(keys) => secureboot::enrol(keys, &shipped).unwrap(),
            None => shipped,
        }
    }

    /// Boots the disk until generation 1 runs, and kills the machine. Returns the serial log, and the text
    /// that the test prints.
    pub fn until_generation_1(&self, disk: &Disk) -> (String, String) {
        let mut running = self.start(disk);
        let took = running.wait_for(GENERATION_1);
        let serial = running.serial();
        (serial, format!("generation 1 ran {:.0} s after power-on", took.as_secs_f32()))
    }
}

impl Running {
    /// Waits for a text in the serial log; returns the time since power-on.
    #[track_caller]
    pub fn wait_for(&mut self, wanted: &str) -> Duration {
        while !self.serial().contains(wanted) {
            let ended = self.child.try_wait().unwrap();
            let over = self.begun.elapsed() > LIMIT;
            assert!(ended.is_none() && !over, "no {wanted:?}, machine {ended:?}:\n{}", self.serial());
            std::thread::sleep(Duration::from_millis(100));
        }
        self.begun.elapsed()
    }

    /// Lets the machine run until this time after power-on.
    pub fn run_until(&self, at: Duration) {
        std::thread::sleep(at.saturating_sub(self.begun.elapsed()));
    }

    /// Calls `work` while the machine is stopped: its disk is as if the machine were killed now.
    pub fn while_frozen<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let pid = self.child.id();
        sys::kill(pid, SIGSTOP).unwrap();
        while !stands_still(pid) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "machine {ended:?}:\n{}", self.serial());
            std::thread::sleep(Duration::from_millis(1));
        }
        let result = work();
        sys::kill(pid, SIGCONT).unwrap();
        result
    }

    /// Returns the serial log.
    pub fn serial(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.serial).unwrap_or_default()).into_owned()
    }
}

/// Returns whether every thread of a process is stopped. One that is writing stops only afterwards.
fn stands_still(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.map(|t| std::fs::read_to_string(t.unwrap().path().join("status")).unwrap_or_default()).all(
        |status| {
            // A thread that has ended since then has no status, and writes nothing.
            status.is_empty() || status.lines().any(|l| l.starts_with("State:\tT"))
        },
    )
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has exited by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
