//! A machine as its user sees it: started, queried and stopped with the `ironhull` command.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{image, tool};

/// Time limit for each step of an emulated machine, against hanging; not a measurement.
const LIMIT: Duration = Duration::from_secs(300);

/// A machine of `ironhull run`. Killed when dropped.
#[derive(Debug)]
pub struct Node {
    name: String,
    state: PathBuf,
    kube: PathBuf,
}

impl Node {
    /// Returns the machine `name`, with its state below `dir`; `kube` is the image's Kubernetes binary.
    #[must_use]
    pub fn new(dir: &Path, name: &str, kube: &Path) -> Node {
        Node { name: name.to_owned(), state: dir.join("state"), kube: kube.to_owned() }
    }

    /// Returns the machine's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a file of the machine's directory.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.state.join("ironhull/machines").join(&self.name).join(name)
    }

    /// Runs an image until its cluster is up; `more` are further options.
    ///
    /// # Panics
    /// If that fails.
    pub fn run(&self, image: &Path, more: &[&str]) {
        self.succeeded(&self.try_run(image, more));
    }

    /// As [`Node::run`], on a machine whose own clock shows `rtc` at power-on, as QEMU's `-rtc base=` takes it.
    ///
    /// # Panics
    /// When that fails.
    pub fn run_at(&self, image: &Path, more: &[&str], rtc: &str) {
        self.run_changed(image, more, &format!("set -- \"$@\" -rtc base={rtc}"));
    }

    /// As [`Node::run`], with QEMU called by a shell script that first does `change` to its arguments, `$@`. Probes of
    /// the accelerator are calls, too.
    ///
    /// # Panics
    /// When that fails.
    pub fn run_changed(&self, image: &Path, more: &[&str], change: &str) {
        let (dir, program) = (self.state.join("qemu"), "qemu-system-x86_64");
        let real = judges::find(program).expect("QEMU is installed");
        let script = format!("#!/bin/sh\n{change}\nexec {} \"$@\"\n", real.path().display());
        fs::create_dir_all(&dir).expect("making a directory");
        fs::write(dir.join(program), script).expect("writing a script");
        let all = fs::Permissions::from_mode(0o755);
        fs::set_permissions(dir.join(program), all).expect("setting the mode of a script");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = self.run_command(image, more);
        command.env("PATH", format!("{}:{path}", dir.display()));
        self.succeeded(&tool::output(&mut command));
    }

    fn succeeded(&self, output: &Output) {
        assert!(
            output.status.success(),
            "ironhull run: {}\n{}\nserial log:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
            self.serial()
        );
    }

    /// Runs an image; it may fail.
    #[must_use]
    pub fn try_run(&self, image: &Path, more: &[&str]) -> Output {
        tool::output(&mut self.run_command(image, more))
    }

    fn run_command(&self, image: &Path, more: &[&str]) -> Command {
        let mut command = self.ironhull();
        command.arg("run").arg(image).args(["--name", &self.name, "--detach"]).args(more);
        command
    }

    /// Returns the `ironhull` command with this machine's state directory.
    #[must_use]
    pub fn ironhull(&self) -> Command {
        let mut command = Command::new(tool::ironhull());
        command.env("XDG_STATE_HOME", &self.state).current_dir(tool::source_root());
        command
    }

    /// Runs `ironhull --json node NAME …` and returns its output.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> Value {
        let mut command = self.ironhull();
        command.args(["--json", "node", &self.name]).args(words);
        let output = tool::output(&mut command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("ironhull --json prints JSON")
    }

    /// Runs `ironhull node NAME …`, which may fail.
    #[must_use]
    pub fn order(&self, words: &[&str]) -> Output {
        tool::output(self.ironhull().args(["node", &self.name]).args(words))
    }

    /// Runs the image's kubectl and returns its output.
    ///
    /// # Errors
    /// Its output, if it fails.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn try_kubectl(&self, words: &[&str]) -> Result<String, String> {
        let output = tool::output(&mut self.kubectl_command(words));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Returns kubectl, the one in the image, with these words.
    #[must_use]
    pub fn kubectl_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.kube);
        command.arg0("kubectl").env("KUBECONFIG", self.file("kubeconfig")).args(words);
        command
    }

    /// Like [`Node::try_kubectl`].
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn kubectl(&self, words: &[&str]) -> String {
        self.try_kubectl(words).unwrap_or_else(|e| panic!("kubectl {words:?}: {e}"))
    }

    /// Returns the host port that is forwarded to a port of the guest.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn port(&self, guest: u64) -> u16 {
        let text = fs::read(self.file("state.json")).expect("reading the machine's state");
        let state: Value = serde_json::from_slice(&text).expect("the machine's state is JSON");
        let ports = state["ports"].as_array().expect("the state has ports");
        let port = ports.iter().find(|p| p["guest"] == guest).and_then(|p| p["host"].as_u64());
        u16::try_from(port.expect("the port is forwarded")).expect("ports have 16 bits")
    }

    /// Returns the output on the machine's serial port.
    #[must_use]
    pub fn serial(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.file("serial.log")).unwrap_or_default()).into_owned()
    }

    /// Returns whether QEMU is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// Returns QEMU's pid while it is running.
    fn pid(&self) -> Option<String> {
        let pid = fs::read_to_string(self.file("pid")).ok()?.trim().to_owned();
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        // An exiting process has no command line any more, but still holds its files.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.count();
        let leaving = line.is_empty() && (threads > 1 || !stat.contains(") Z"));
        (leaving || line.contains(&*self.file("qmp.sock").to_string_lossy())).then_some(pid)
    }

    /// Cuts the power: kills QEMU.
    ///
    /// # Panics
    /// If it is still running afterwards.
    pub fn cut_power(&self) {
        let Some(pid) = self.pid() else { return };
        tool::run("kill", &["-9", &pid]);
        wait("QEMU is gone", || !self.is_running());
    }

    /// Checks state and data with `e2fsck`. After a power cut the journal is replayed first, in a copy, as
    /// the next boot would do.
    ///
    /// # Panics
    /// If one of them is not clean.
    pub fn check_file_systems(&self, after: After) {
        let dir = tempfile::tempdir().expect("making a directory");
        for which in [slots::Partition::State, slots::Partition::Data] {
            let part = self.partition(which, dir.path());
            if after == After::PowerCut {
                tool::run("e2fsck", &["-E", "journal_only", "-y", &part]);
            }
            tool::run("e2fsck", &["-fn", &part]);
        }
    }

    /// Copies a partition of the stopped machine's disk to `dir` and returns the file.
    ///
    /// # Panics
    /// If the machine is running, or the disk can't be read.
    #[must_use]
    pub fn partition(&self, which: slots::Partition, dir: &Path) -> String {
        assert!(!self.is_running(), "the disk of a running machine can't be looked at");
        let raw = dir.join("disk.raw");
        if !raw.exists() {
            let (from, to) = (self.file("disk.qcow2"), raw.display().to_string());
            // The last thread of a killed QEMU releases the disk a moment after its process seems to have
            // ended.
            wait("the disk is released", || {
                tool::output(Command::new("qemu-img").arg("info").arg(&from)).status.success()
            });
            tool::run("qemu-img", &["convert", "-O", "raw", &from.display().to_string(), &to]);
        }
        let part = dir.join(which.label());
        image::cut(&raw, image::partition(&raw, which), &part);
        part.display().to_string()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.cut_power();
    }
}

/// How the machine was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Shut down: the journal must be empty.
    Shutdown,
    /// Power cut: the journal may have to be replayed.
    PowerCut,
}

/// Waits until `done` returns true; `what` is named in the panic.
///
/// # Panics
/// After five minutes.
pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < end, "still not so after {} s: {what}", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(250));
    }
}
