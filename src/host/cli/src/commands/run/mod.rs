//! `ironhull run`: boots an image in QEMU and follows it until its cluster is up.

mod cluster;
mod demo;
mod hello;
mod kubectl;
mod target;
mod user_data;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use api::{KubeconfigRequest, Stage};
use config::Role;
use files::Access;
use serde_json::json;
use vm::{Accelerator, Choice, Definition, DiskChoice, Machine, MachineDir, Request, State};

use crate::access::{KUBERNETES_PORT, Reached, reach_machine};
use crate::cmdline::{Global, Run};
use crate::hint::{Usage, hinted};
use crate::interrupt::heeded;
use crate::output;
use crate::progress::seconds;
use target::Target;
use user_data::UserData;
use watch::{Boot, Seen};

/// Validity of the kubeconfig that is written next to the disk: machines are tried out for days.
const KUBECONFIG_SECS: u64 = 30 * 24 * 3600;
/// Time limit for a machine to shut down when the command is interrupted.
const GRACE: Duration = Duration::from_secs(60);
/// Pause between two attempts to reach the demo.
const PAUSE: Duration = Duration::from_millis(200);
/// Time limit for each step of a request to the demo, for the first and for the last ones. A request sent
/// before the route exists gets no response, but the next one does; a slow machine needs more time.
const DEMO_LIMIT: Duration = Duration::from_millis(200);
const LONGEST_DEMO_LIMIT: Duration = Duration::from_secs(2);

/// Runs the command.
pub fn run(global: &Global, options: &Run) -> Result<()> {
    match (&options.cluster, &options.target) {
        (Some(file), _) => cluster::run(global, options, file),
        (None, Some(target)) => one(global, options, target),
        (None, None) => Err(Usage("expected a profile, an image or --cluster FILE".to_owned()).into()),
    }
}

/// Runs one machine.
fn one(global: &Global, options: &Run, target: &Path) -> Result<()> {
    let probe = probe();
    // Errors about the machine are reported before anything is built.
    let named = target::find(global, options, target)?;
    let machine = Machine::new(machine_dir(options, named.name())?);
    not_running(&machine)?;
    let target = target::prepare(named, options)?;
    let request = request(options, &target, accelerator(probe)?)?;
    machine.needs_disk(&request)?;
    let user_data = user_data::prepare(options, machine.dir(), target.role)?;
    let request = Request { user_data: Some(user_data.file.clone()), ..request };
    let interrupted = heed_interrupts()?;
    let began = Instant::now();
    let state = machine.start(&request)?;
    let followed = follow(
        global,
        options,
        &Started {
            machine: &machine,
            state,
            user_data,
            role: target.role,
            kube: target.kube,
            began,
            interrupted: &interrupted,
        },
    );
    if followed.is_err() && interrupted.load(Ordering::Relaxed) {
        output::tell("stopping the machine");
        machine.stop(GRACE)?;
    }
    followed
}

/// Begins to look which accelerator works. The probe may take two seconds, so it runs during the build.
fn probe() -> JoinHandle<Choice> {
    std::thread::spawn(|| vm::choose(&Definition::q35().program))
}

/// Returns and reports the accelerator.
fn accelerator(probe: JoinHandle<Choice>) -> Result<Accelerator> {
    let choice = probe.join().map_err(|_| anyhow::anyhow!("probing KVM failed"))?;
    output::tell(&format!("running under {}: {}", choice.accelerator, choice.reason));
    Ok(choice.accelerator)
}

/// Fails if the machine is running.
fn not_running(machine: &Machine) -> Result<()> {
    match machine.pid() {
        Some(pid) => Err(vm::VmError::Running(machine.dir().name().to_owned(), pid).into()),
        None => Ok(()),
    }
}

/// Returns what is set when the user interrupts.
fn heed_interrupts() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in heeded(&[signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM]) {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("handling Ctrl-C")?;
    }
    Ok(interrupted)
}

/// Returns the directory of the machine, which has the image's name by default.
fn machine_dir(options: &Run, image: &str) -> Result<MachineDir> {
    match (&options.name, MachineDir::named(options.name.as_deref().unwrap_or(image))) {
        (None, Err(error @ vm::VmError::Name(_))) => {
            Err(hinted(format!("naming the machine after the image: {error}"), "name it with --name"))
        }
        (_, dir) => Ok(dir?),
    }
}

/// Returns the settings of the machine.
fn request(options: &Run, target: &Target, accelerator: Accelerator) -> Result<Request> {
    let disk = match (options.fresh, options.keep) {
        (true, _) => DiskChoice::Fresh,
        (_, true) => DiskChoice::Keep,
        _ => DiskChoice::Same,
    };
    Ok(Request {
        image: target.image.clone(),
        image_id: target.id.clone(),
        disk,
        disk_bytes: options.disk,
        memory_mib: u32::try_from(options.memory >> 20).context("memory is out of range")?,
        cpus: options.cpus,
        firmware: target.firmware.clone(),
        accelerator,
        segment: None,
        guest_ports: vec![KUBERNETES_PORT, api::PORT, hello::NODE_PORT],
        user_data: None,
    })
}

/// A machine that was started.
struct Started<'a> {
    machine: &'a Machine,
    state: State,
    user_data: UserData,
    role: Role,
    kube: Option<PathBuf>,
    began: Instant,
    interrupted: &'a Arc<AtomicBool>,
}

/// Follows the boot to its end, then prints the result.
fn follow(global: &Global, options: &Run, started: &Started<'_>) -> Result<()> {
    let machine = started.machine;
    let reached = reach_machine(machine.dir(), Some(&started.user_data.credentials))?;
    let boot = Boot {
        machine,
        client: &reached.client,
        began: started.began,
        deadline: started.began + options.time_limit,
        interrupted: started.interrupted,
    };
    let last = match started.role {
        Role::Single if started.user_data.has_manifests => "pod",
        Role::Single | Role::Worker => "node-ready",
        // Its pods run elsewhere, if there are any.
        Role::Controller => "manifests",
    };
    let seen = boot.wait_for(last, tell)?;
    let answer = match started.user_data.has_demo {
        true => Some(ask_demo(&boot, &started.state)?),
        false => None,
    };
    // A worker is no authority for operators: its controller is.
    let kubeconfig = match started.role {
        Role::Worker => None,
        Role::Single | Role::Controller => Some(write_kubeconfig(machine, &reached)?),
    };
    if let Some(kube) = &started.kube {
        kubectl::link(machine.dir().path(), kube)?;
    }
    let kubectl = kubectl::find(machine.dir().path(), std::env::var_os("PATH").as_deref());
    let result = Answers { machine, state: &started.state, seen: &seen, answer, kubeconfig, kubectl };
    let json = result.json();
    output::result(global.json, &json, |_| result.text(started.began.elapsed()))?;
    match options.detach {
        true => Ok(()),
        false => stay(machine, started.interrupted),
    }
}

/// Reports a stage when it is reached.
fn tell(seen: &Seen, stage: &Stage) {
    if seen.stages.len() == 1
        && let Some(firmware) = seen.firmware
    {
        output::tell(&format!("{:12} {:>7.1} s", "firmware", firmware.as_secs_f64()));
    }
    output::tell(&format!("{:12} {:>5}.{} s", stage.name, stage.at_ms / 1000, stage.at_ms % 1000 / 100));
}

/// Queries the demo until it responds.
fn ask_demo(boot: &Boot<'_>, state: &State) -> Result<(u16, String)> {
    let port = host_port(state, hello::NODE_PORT).context("the demo's port is not forwarded")?;
    let mut limit = DEMO_LIMIT;
    loop {
        match demo::fetch(port, limit) {
            Ok(line) => return Ok((port, line)),
            Err(_) => boot.check("the demo's answer", false)?,
        }
        limit = (2 * limit).min(LONGEST_DEMO_LIMIT);
        std::thread::sleep(PAUSE);
    }
}

/// Fetches a kubeconfig and writes it next to the disk.
fn write_kubeconfig(machine: &Machine, reached: &Reached) -> Result<PathBuf> {
    let request = KubeconfigRequest { server: reached.kubernetes.clone(), ttl_secs: Some(KUBECONFIG_SECS) };
    let path = machine.dir().file("kubeconfig");
    files::write(&path, reached.client.kubeconfig(&request)?.kubeconfig.as_bytes(), Access::Private)?;
    Ok(path)
}

/// Returns the host port that is forwarded to a port of the guest.
fn host_port(state: &State, guest: u16) -> Option<u16> {
    state.ports.iter().find(|p| p.guest == guest).map(|p| p.host)
}

/// The result of a boot.
struct Answers<'a> {
    machine: &'a Machine,
    state: &'a State,
    seen: &'a Seen,
    answer: Option<(u16, String)>,
    kubeconfig: Option<PathBuf>,
    kubectl: Option<PathBuf>,
}

impl Answers<'_> {
    fn json(&self) -> serde_json::Value {
        json!({
            "name": self.machine.dir().name(),
            "directory": output::path(self.machine.dir().path()),
            "accelerator": self.state.accelerator,
            "ports": self.state.ports,
            "firmwareMs": self.seen.firmware.map(|f| f.as_millis()),
            "stages": self.seen.stages,
            "kubeconfig": self.kubeconfig.as_deref().map(output::path),
            "kubectl": self.kubectl.as_deref().map(output::path),
            "demo": self.answer.as_ref().map(|(_, line)| line),
        })
    }

    fn text(&self, took: Duration) -> String {
        let name = self.machine.dir().name();
        let mut text = format!("\nmachine {name} is up after {}\n", seconds(took));
        if let Some((port, line)) = &self.answer {
            text.push_str(&format!("http://127.0.0.1:{port}/ answers: {line}\n"));
        }
        if let Some(kubeconfig) = &self.kubeconfig {
            let kubectl = self.kubectl.as_deref().unwrap_or(Path::new("kubectl"));
            text.push_str(&format!("\n  {}\n\n", kubectl::line(kubectl, kubeconfig)));
            if self.kubectl.is_none() {
                text.push_str("kubectl is not on this host; `ironhull run` of a profile builds one\n");
            }
        }
        text.push_str(&format!(
            "`ironhull node {name} status` shows more, `ironhull stop {name}` stops it\n"
        ));
        text
    }
}

/// Waits until the machine ends or the user interrupts.
fn stay(machine: &Machine, interrupted: &AtomicBool) -> Result<()> {
    output::tell("Ctrl-C shuts the machine down");
    while !machine.ended_within(PAUSE) {
        if interrupted.load(Ordering::Relaxed) {
            return Err(anyhow::anyhow!("interrupted"));
        }
    }
    output::tell("the machine has stopped");
    Ok(())
}
