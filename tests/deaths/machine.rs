//! A machine with the firmware, watchdog and disk that `ironhull run` gives it: booted until its serial log
//! has a line, then switched off hard.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::disk::{Disk, text};

/// The firmware and its variables.
const CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// Both.
pub const FIRMWARE: &[&str] = &[CODE, VARIABLES];
/// A limit against hanging, no figure.
const LIMIT: Duration = Duration::from_secs(600);
/// Stops a process, and lets it go on (`signal(7)`).
const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;
/// What `init` says when generation 1 runs.
pub const GENERATION_1: &str = "slot a, generation 1, started because";
/// What `init` says when generation 2 runs.
pub const GENERATION_2: &str = "slot b, generation 2, started because";
/// What the kernel says when its own watchdog ends it.
pub const SOFTDOG: &str = "softdog: Initiating system reboot";
/// What the boot loader says when it starts generation 2.
pub const STARTING_2: &str = "starting slot b, generation 2";

/// What `noded` says when it can be asked.
pub const ANSWERS: &str = "stage node-api";
/// What `init` says of whatever runs.
pub const STARTED: &str = ", started because";

/// What a machine has besides its disk.
#[derive(Clone, Default)]
pub struct Machine {
    /// It has no watchdog of hardware; the chipset of a q35 has one, too.
    pub bare: bool,
    /// What the node finds as its config.
    pub user_data: Option<PathBuf>,
    /// The address of this host whose port 9443 leads to the node API.
    pub api: Option<Ipv4Addr>,
}

/// A running machine; killed when dropped.
pub struct Running {
    child: Child,
    serial: PathBuf,
    begun: Instant,
}

impl Machine {
    /// Switches the machine on.
    pub fn start(&self, disk: &Disk) -> Running {
        let (serial, variables) = (disk.path.with_extension("serial"), disk.path.with_extension("vars"));
        std::fs::copy(VARIABLES, &variables).unwrap();
        std::fs::write(&serial, "").unwrap();
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args([
            "-machine",
            if self.bare { "pc" } else { "q35,vmport=off" },
            "-accel",
            // One thread for both processors: with two, QEMU now and then runs kernel code that is just being
            // changed by the other one (`Oops: int3`), which is another death than the one to be shown.
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
        file("-drive", "if=pflash,unit=0,format=raw,readonly=on,file=", Path::new(CODE));
        file("-drive", "if=pflash,unit=1,format=raw,file=", &variables);
        file("-drive", "if=none,id=disk0,format=raw,file=", &disk.path);
        file("-serial", "file:", &serial);
        if let Some(path) = &self.user_data {
            file("-fw_cfg", "name=opt/ironhull/config,file=", path);
        }
        if !self.bare {
            qemu.args(["-device", "i6300esb"]);
        }
        let child = qemu.stdin(Stdio::null()).spawn().unwrap();
        Running { child, serial, begun: Instant::now() }
    }

    /// Boots the disk until generation 1 runs, and switches off. Returns what was written to the serial
    /// line, and what the test shall tell.
    pub fn until_generation_1(&self, disk: &Disk) -> (String, String) {
        let mut running = self.start(disk);
        let took = running.wait_for(GENERATION_1);
        let serial = running.serial();
        (serial, format!("generation 1 ran {:.0} s after power-on", took.as_secs_f32()))
    }
}

impl Running {
    /// Waits for a text on the serial line; returns how long after power-on that was.
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

    /// Does something while the machine stands still, as it would be found if it were killed now.
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

    /// Returns what was written to the serial line.
    pub fn serial(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.serial).unwrap_or_default()).into_owned()
    }
}

/// Returns whether every thread of a process is stopped. One that is in the middle of a write is so only after it.
fn stands_still(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.map(|t| std::fs::read_to_string(t.unwrap().path().join("status")).unwrap_or_default()).all(
        |status| {
            // A thread that has ended since has no status, and writes nothing.
            status.is_empty() || status.lines().any(|l| l.starts_with("State:\tT"))
        },
    )
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
