//! Creates, starts, watches and stops a machine.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sha2::{Digest, Sha256};

use crate::directory::SOCKET;
use crate::disk::{self, Blank};
use crate::qmp::Qmp;
use crate::{
    Accelerator, Definition, Firmware, Forward, Launch, MachineDir, Segment, State, VmError, command_line,
    ports,
};

/// How many times ports are chosen for one start.
const PORT_CHOICES: u32 = 3;
/// QEMU's message for a host port that is in use.
const PORT_TAKEN: &str = "Could not set up host forwarding rule";

/// The settings of a start.
#[derive(Clone, Debug)]
pub struct Request {
    /// The image for a new disk.
    pub image: PathBuf,
    /// Identifies the content of the image.
    pub image_id: String,
    /// What to do with an existing disk.
    pub disk: DiskChoice,
    /// Size of a new disk in bytes.
    pub disk_bytes: u64,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub cpus: u32,
    /// Firmware.
    pub firmware: Firmware,
    /// What runs the guest.
    pub accelerator: Accelerator,
    /// Ports of the guest to forward.
    pub guest_ports: Vec<u16>,
    /// Place on a segment shared with other machines.
    pub segment: Option<Segment>,
    /// File passed to the guest as `opt/ironhull/config`.
    pub user_data: Option<PathBuf>,
}

/// What to do with a disk that the machine already has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskChoice {
    /// Keep it if it was made from the same image; otherwise fail.
    #[default]
    Same,
    /// Keep it, whatever image it was made from.
    Keep,
    /// Replace it.
    Fresh,
}

/// How a machine was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The guest shut itself down.
    Clean,
    /// It did not shut down in time and was killed.
    Forced,
}

/// A machine and its directory.
#[derive(Clone, Debug)]
pub struct Machine {
    dir: MachineDir,
}

impl Machine {
    /// Returns the machine whose directory is `dir`; it need not exist yet.
    #[must_use]
    pub fn new(dir: MachineDir) -> Machine {
        Machine { dir }
    }

    /// Returns its directory.
    #[must_use]
    pub fn dir(&self) -> &MachineDir {
        &self.dir
    }

    /// Decides whether a start needs a new disk.
    ///
    /// # Errors
    /// [`VmError::OtherImage`] if the disk was made from another image and `request` does not say to keep or
    /// replace it; [`VmError::File`] if the machine's state can't be read. Nothing changes.
    pub fn needs_disk(&self, request: &Request) -> Result<bool, VmError> {
        if request.disk == DiskChoice::Fresh || !self.dir.exists() || !self.dir.file("disk.qcow2").exists() {
            return Ok(true);
        }
        let state = self.dir.load()?;
        if request.disk == DiskChoice::Same && state.image != request.image_id {
            return Err(VmError::OtherImage {
                name: self.dir.name().to_owned(),
                found: state.image,
                expected: request.image_id.clone(),
            });
        }
        Ok(false)
    }

    /// Starts the machine in the background and returns its state.
    ///
    /// # Errors
    /// [`VmError::Locked`] if another command holds the machine, [`VmError::Running`] if it is running
    /// already, [`VmError::OtherImage`] as in [`Machine::needs_disk`]; nothing changes then.
    /// [`VmError::File`], [`VmError::Files`] or [`VmError::Failed`] if disk, firmware variables or state
    /// can't be written, or QEMU refuses to start; [`VmError::Program`] if QEMU or qemu-img can't be started.
    /// The machine does not run then; its disk and its ports may be new.
    pub fn start(&self, request: &Request) -> Result<State, VmError> {
        self.dir.create()?;
        let _lock = self.dir.lock()?;
        if let Some(pid) = self.pid() {
            return Err(VmError::Running(self.dir.name().to_owned(), pid));
        }
        let mut state = self.prepare(request)?;
        state.accelerator = Some(request.accelerator);
        let definition = Definition::q35();
        let mut choices = 0;
        loop {
            choices += 1;
            state.ports = ports::choose(&request.guest_ports, &state.ports)?;
            self.dir.save(&state)?;
            let mut qemu = Command::new(&definition.program);
            qemu.args(command_line(&definition, &self.launch(request, &state.ports)));
            match self.daemonize(&mut qemu) {
                // Another program took a port between the choice and QEMU's start.
                Err(VmError::Failed { output, .. })
                    if choices < PORT_CHOICES && output.contains(PORT_TAKEN) => {}
                started => return started.map(|()| state),
            }
        }
    }

    /// Prepares the disk and the firmware variables; returns the machine's state.
    fn prepare(&self, request: &Request) -> Result<State, VmError> {
        let fresh = self.needs_disk(request)?;
        let before = self.dir.exists().then(|| self.dir.load()).transpose()?;
        let ports = before.as_ref().map(|s| s.ports.clone()).unwrap_or_default();
        let made_from = before.as_ref().map(|s| s.variables.clone()).unwrap_or_default();
        let kept = before.map(|s| s.image);
        let image = if fresh { request.image_id.clone() } else { kept.unwrap_or_default() };
        if fresh {
            disk::create(&self.dir, Blank { image: &request.image, bytes: request.disk_bytes })?;
        }
        let file = self.dir.file("firmware-vars.fd");
        let variables = data_encoding::HEXLOWER.encode(&Sha256::digest(&request.firmware.variables));
        // With other firmware or other keys, what the old firmware stored is of no use.
        if fresh || !file.exists() || made_from != variables {
            files::write(&file, &request.firmware.variables, files::Access::Private)?;
        }
        Ok(State { image, ports, accelerator: None, variables })
    }

    /// Returns the settings for the command line.
    fn launch(&self, request: &Request, ports: &[Forward]) -> Launch {
        Launch {
            name: self.dir.name().to_owned(),
            accelerator: request.accelerator,
            memory_mib: request.memory_mib,
            cpus: request.cpus,
            directory: self.dir.path().to_owned(),
            firmware: request.firmware.kind,
            firmware_code: request.firmware.code.clone(),
            ports: ports.to_vec(),
            segment: request.segment.clone(),
            user_data: request.user_data.clone(),
        }
    }

    /// Runs QEMU until it has moved to the background. Its output goes to a file: the machine would hold a
    /// pipe open as long as it runs.
    fn daemonize(&self, qemu: &mut Command) -> Result<(), VmError> {
        let log = self.dir.file("qemu.log");
        let file = File::create(&log).map_err(VmError::file("writing", &log))?;
        let again = file.try_clone().map_err(VmError::file("writing", &log))?;
        qemu.stdin(Stdio::null()).stdout(file).stderr(again);
        let program = qemu.get_program().to_string_lossy().into_owned();
        let status = qemu.status().map_err(|source| VmError::Program { program, source })?;
        if status.success() {
            return Ok(());
        }
        let words = std::iter::once(qemu.get_program()).chain(qemu.get_args());
        Err(VmError::Failed {
            line: words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" "),
            status: status.to_string(),
            output: fs::read_to_string(&log).unwrap_or_default().trim().to_owned(),
        })
    }

    /// Returns the machine's process, if it is running.
    ///
    /// The pid file may be left over from a power cut, and the number may have been reused: only a process
    /// with this machine's socket on its command line counts.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let pid: u32 = fs::read_to_string(self.dir.file("pid")).ok()?.trim().parse().ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let own = self.dir.file(SOCKET);
        let own = own.as_os_str().as_encoded_bytes();
        let ours = !own.is_empty() && line.windows(own.len()).any(|w| w == own);
        // An exiting process has no command line any more, but still holds the disk.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.count();
        let leaving = line.is_empty() && (threads > 1 || !stat.contains(") Z"));
        (ours || leaving).then_some(pid)
    }

    /// Presses the machine's power button and waits; kills it after `grace`.
    ///
    /// # Errors
    /// [`VmError::Unknown`] if there is no such machine, [`VmError::NotRunning`] if it is not running,
    /// [`VmError::File`] if its process can't be killed; it may still be running then.
    pub fn stop(&self, grace: Duration) -> Result<Stopped, VmError> {
        if !self.dir.exists() {
            return Err(self.dir.unknown());
        }
        let pid = self.pid().ok_or_else(|| VmError::NotRunning(self.dir.name().to_owned()))?;
        let asked = Qmp::connect(&self.dir.file(SOCKET)).and_then(|mut q| q.execute("system_powerdown"));
        if asked.is_ok() && self.ended_within(grace) {
            return Ok(Stopped::Clean);
        }
        let quit = Qmp::connect(&self.dir.file(SOCKET)).and_then(|mut q| q.execute("quit"));
        if quit.is_err() || !self.ended_within(Duration::from_secs(5)) {
            self.kill(pid)?;
        }
        Ok(Stopped::Forced)
    }

    /// Returns whether QEMU has stopped the guest for good, for example after an internal error.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        let status = Qmp::connect(&self.dir.file(SOCKET)).and_then(|mut q| q.execute("query-status"));
        status.is_ok_and(|s| {
            matches!(s["status"].as_str(), Some("internal-error" | "io-error" | "guest-panicked"))
        })
    }

    /// Waits until the machine has ended; returns false if it still runs after `limit`.
    #[must_use]
    pub fn ended_within(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.pid().is_some() {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        true
    }

    /// Kills the process.
    fn kill(&self, pid: u32) -> Result<(), VmError> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(()) };
        match kill_process(pid, Signal::KILL) {
            Err(e) if test_kill_process(pid).is_ok() => {
                Err(VmError::file("killing the process of", self.dir.path())(e.into()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FirmwareKind;
    use std::path::Path;

    fn request(root: &Path, disk: DiskChoice, image_id: &str) -> Request {
        let image = root.join("image.raw");
        fs::write(&image, vec![0; 1 << 20]).unwrap();
        Request {
            image,
            image_id: image_id.into(),
            disk,
            disk_bytes: 2 << 20,
            memory_mib: 128,
            cpus: 1,
            firmware: Firmware {
                kind: FirmwareKind::Uefi,
                code: "/usr/share/OVMF/OVMF_CODE_4M.fd".into(),
                variables: fs::read("/usr/share/OVMF/OVMF_VARS_4M.fd").unwrap_or_default(),
            },
            accelerator: Accelerator::Tcg,
            guest_ports: vec![9443],
            segment: None,
            user_data: None,
        }
    }

    /// Reports that a test can't run here; fails if `CI` is set.
    fn tools_are_missing() -> bool {
        !judges::present(&["/usr/share/OVMF/OVMF_CODE_4M.fd", "qemu-system-x86_64", "qemu-img"])
    }

    #[test]
    fn qemu_says_in_these_words_that_a_port_is_taken() {
        let Some(qemu) = judges::find("qemu-system-x86_64") else { return };
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let forward = format!("user,id=n,hostfwd=tcp:{}-:1", taken.local_addr().unwrap());
        let machine = ["-machine", "none", "-nodefaults", "-display", "none", "-netdev", &forward];
        let (started, said) = qemu.ask(&machine);
        assert!(!started && said.contains(PORT_TAKEN), "{said}");
    }

    #[test]
    fn variables_are_kept_until_they_come_from_others() {
        if tools_are_missing() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::new(MachineDir::below(root.path(), "m").unwrap());
        machine.dir().create().unwrap();
        let mut request = request(root.path(), DiskChoice::Same, "one");
        let file = machine.dir().file("firmware-vars.fd");
        let mut content_after = |variables: &[u8]| {
            request.firmware.variables = variables.to_vec();
            let state = machine.prepare(&request).unwrap();
            machine.dir().save(&state).unwrap();
            let found = fs::read(&file).unwrap();
            // As the firmware does when it stores a variable.
            fs::write(&file, b"written to").unwrap();
            found
        };
        assert_eq!(content_after(b"one"), b"one");
        assert_eq!(content_after(b"one"), b"written to");
        assert_eq!(content_after(b"two"), b"two");
    }

    #[test]
    fn starts_is_seen_running_and_stops() {
        if tools_are_missing() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::new(MachineDir::below(root.path(), "m").unwrap());
        let request = request(root.path(), DiskChoice::Same, "one");
        let state = machine.start(&request).unwrap();
        assert_eq!(state.ports[0].guest, 9443);
        assert!(machine.pid().is_some());
        assert!(!machine.is_broken());
        assert!(matches!(machine.start(&request), Err(VmError::Running(..))));
        assert_eq!(machine.stop(Duration::ZERO).unwrap(), Stopped::Forced);
        assert_eq!(machine.pid(), None);
        assert!(matches!(machine.stop(Duration::ZERO), Err(VmError::NotRunning(_))));
    }

    #[test]
    fn the_first_machine_passes_frames_on_between_the_others() {
        use std::os::unix::net::UnixDatagram;
        if tools_are_missing() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let directories = ["a", "b", "c"].map(|name| root.path().join(name));
        // Two ends of cables where other machines would be.
        let [b, c] = [1, 2].map(|other: usize| {
            fs::create_dir(&directories[other]).unwrap();
            let end = UnixDatagram::bind(directories[other].join("cable-0")).unwrap();
            end.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            end
        });
        let machine = Machine::new(MachineDir::below(root.path(), "a").unwrap());
        let segment = Segment { directories: directories.to_vec(), index: 0 };
        let request = Request { segment: Some(segment), ..request(root.path(), DiskChoice::Same, "one") };
        machine.start(&request).unwrap();
        let frame: Vec<u8> = [[0xff; 6].as_slice(), &[2; 6], &[0x88, 0xb5], &[7; 1486]].concat();
        b.send_to(&frame, directories[0].join("cable-1")).unwrap();
        let mut found = [0; 2048];
        // The firmware may send frames of its own.
        while c.recv(&mut found).map(|length| &found[..length] != frame.as_slice()).unwrap() {}
        machine.stop(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_disk_of_another_image_is_never_replaced_unasked() {
        let root = tempfile::tempdir().unwrap();
        let dir = MachineDir::below(root.path(), "m").unwrap();
        dir.create().unwrap();
        let state = State { image: "one".into(), ports: vec![], accelerator: None, variables: String::new() };
        dir.save(&state).unwrap();
        fs::write(dir.file("disk.qcow2"), "").unwrap();
        let machine = Machine::new(dir);
        let needs = |disk, id| machine.needs_disk(&request(root.path(), disk, id));
        assert!(!needs(DiskChoice::Same, "one").unwrap());
        assert!(matches!(needs(DiskChoice::Same, "two"), Err(VmError::OtherImage { .. })));
        assert!(!needs(DiskChoice::Keep, "two").unwrap());
        assert!(needs(DiskChoice::Fresh, "one").unwrap());
    }

    #[test]
    fn a_left_over_process_number_is_not_a_running_machine() {
        let root = tempfile::tempdir().unwrap();
        let dir = MachineDir::below(root.path(), "m").unwrap();
        dir.create().unwrap();
        fs::write(dir.file("pid"), std::process::id().to_string()).unwrap();
        assert_eq!(Machine::new(dir).pid(), None);
    }
}
