//! `ironhull run --cluster FILE`: several machines on one private segment, one cluster, one kubeconfig.
//!
//! Each machine has two adapters: one to the outside with its own forwarded ports, as a single machine has, and one on
//! the segment, by whose address the cluster knows it. The controller starts first; once its API server answers, it is
//! asked for a join token for the workers. A machine that exists already keeps its disk and its config, so the same
//! command starts a stopped cluster again.

mod documents;
mod file;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use api::TokenRequest;
use config::Role;
use serde_json::json;
use vm::{Accelerator, Machine, MachineDir, Request, Segment, State};

use super::target::{self, Target};
use super::user_data;
use super::watch::Boot;
use super::{GRACE, KUBERNETES_PORT, ask_demo, host_port, kubectl, not_running, write_kubeconfig};
use crate::access::{Reached, reach_machine};
use crate::cmdline::{Global, Run};
use crate::commands::config::{make, make_joining};
use crate::hint::hinted;
use crate::output;
use crate::progress::seconds;
use documents::Place;
use file::ClusterFile;

/// The stage of a controller from which on machines can join.
const JOINABLE: &str = "apiserver";
/// The stage of a worker at which pods can run on it.
const READY: &str = "node-ready";
/// Time for which the join token of one run is valid.
const TOKEN_SECS: u64 = 3600;

/// A machine of the cluster.
struct Member {
    machine: Machine,
    segment: Segment,
    target: Target,
    request: Request,
}

/// Runs the command.
pub fn run(global: &Global, options: &Run, path: &Path) -> Result<()> {
    let probe = super::probe();
    let file = ClusterFile::load(path)?;
    let dirs = file.machines.iter().map(|m| MachineDir::named(&m.name)).collect::<Result<Vec<_>, _>>()?;
    for dir in &dirs {
        not_running(&Machine::new(dir.clone()))?;
    }
    let mut targets = Vec::new();
    for entry in &file.machines {
        let named = target::find(global, options, &entry.profile)?;
        targets.push(target::prepare(named, options)?);
    }
    check_roles(&file, &targets)?;
    let accelerator = super::accelerator(probe)?;
    let members = members(options, &file, dirs.into_iter().zip(targets).collect(), accelerator)?;
    let interrupted = super::heed_interrupts()?;
    let cluster =
        Cluster { options, file: &file, members: &members, interrupted: &interrupted, began: Instant::now() };
    let followed = cluster.follow(global);
    if followed.is_err() && interrupted.load(Ordering::Relaxed) {
        output::tell("stopping the machines");
        cluster.stop()?;
    }
    followed
}

/// Checks that the first machine founds a cluster that the others can join.
fn check_roles(file: &ClusterFile, targets: &[Target]) -> Result<()> {
    let roles = file.machines.iter().zip(targets).enumerate();
    for (index, (entry, target)) in roles {
        let fits = match index {
            0 => target.role != Role::Worker,
            _ => target.role == Role::Worker,
        };
        if !fits {
            let found = target.role.name();
            return Err(hinted(
                format!("machine {} has role {found}", entry.name),
                "the first machine founds the cluster (role controller or single), the others are workers",
            ));
        }
    }
    Ok(())
}

/// Returns the machines with their images, none of them started.
fn members(
    options: &Run,
    file: &ClusterFile,
    machines: Vec<(MachineDir, Target)>,
    accelerator: Accelerator,
) -> Result<Vec<Member>> {
    let directories: Vec<PathBuf> = machines.iter().map(|(dir, _)| dir.path().to_owned()).collect();
    let mut members = Vec::new();
    for (index, (entry, (dir, target))) in file.machines.iter().zip(machines).enumerate() {
        let segment = Segment { directories: directories.clone(), index };
        let sized = Run { memory: entry.memory, cpus: entry.cpus, disk: entry.disk, ..options.clone() };
        let request = Request {
            segment: Some(segment.clone()),
            user_data: Some(user_data::file(&dir)),
            ..super::request(&sized, &target, accelerator)?
        };
        let machine = Machine::new(dir);
        machine.needs_disk(&request)?;
        members.push(Member { machine, segment, target, request });
    }
    Ok(members)
}

/// What came of a start.
struct Outcome<'a> {
    controller: &'a Member,
    state: State,
    kubeconfig: PathBuf,
    /// What the demo answers through each worker.
    answers: Vec<String>,
}

/// A cluster that is being started.
struct Cluster<'a> {
    options: &'a Run,
    file: &'a ClusterFile,
    members: &'a [Member],
    interrupted: &'a AtomicBool,
    began: Instant,
}

impl Cluster<'_> {
    /// Starts the machines, follows them until all are part of the cluster, and prints the result.
    fn follow(&self, global: &Global) -> Result<()> {
        let [controller, workers @ ..] = self.members else { anyhow::bail!("the file has no machines") };
        self.write_controller(controller)?;
        let state = controller.machine.start(&controller.request)?;
        let reached = reach_machine(controller.machine.dir(), None)?;
        self.wait(controller, &reached, JOINABLE)?;
        self.write_workers(&reached)?;
        let started = workers.iter().map(|w| w.machine.start(&w.request)).collect::<Result<Vec<_>, _>>()?;
        let mut answers = Vec::new();
        for worker in workers {
            self.wait(worker, &reach_machine(worker.machine.dir(), None)?, READY)?;
        }
        // Whichever node the pod runs on, each of them leads to it.
        for (worker, state) in workers.iter().zip(&started) {
            let reached = reach_machine(worker.machine.dir(), None)?;
            let (port, line) = ask_demo(&self.boot(worker, &reached), state)?;
            answers
                .push(format!("http://127.0.0.1:{port}/ ({}) answers: {line}", worker.machine.dir().name()));
        }
        let kubeconfig = write_kubeconfig(&controller.machine, &reached)?;
        self.report(global, &Outcome { controller, state, kubeconfig, answers })?;
        match self.options.detach {
            true => Ok(()),
            false => self.stay(),
        }
    }

    fn boot<'a>(&'a self, member: &'a Member, reached: &'a Reached) -> Boot<'a> {
        Boot {
            machine: &member.machine,
            client: &reached.client,
            began: self.began,
            deadline: self.began + self.options.time_limit,
            interrupted: self.interrupted,
        }
    }

    /// Waits until a machine reaches a stage, and tells the stages.
    fn wait(&self, member: &Member, reached: &Reached, stage: &str) -> Result<()> {
        let name = member.machine.dir().name();
        self.boot(member, reached).wait_for(stage, |_, stage| {
            let secs = Duration::from_millis(stage.at_ms).as_secs_f64();
            output::tell(&format!("{name:12} {:12} {secs:>7.1} s", stage.name));
        })?;
        Ok(())
    }

    /// Returns a machine's place on the segment.
    fn place<'a>(&self, member: &'a Member) -> Place<'a> {
        let segment = &member.segment;
        Place { segment, range: self.file.segment, address: self.file.address(segment.index) }
    }

    /// Makes the controller's config, if it has none; with `--fresh` always.
    fn write_controller(&self, controller: &Member) -> Result<()> {
        let dir = controller.machine.dir();
        if user_data::is_kept(dir, self.options.fresh)? {
            return Ok(());
        }
        dir.create()?;
        let text = make(dir.path(), dir.name(), dir.name())?;
        let node = documents::connected(&text, &self.place(controller));
        let text = documents::with_provider(&node, self.file.provider.as_deref());
        user_data::write(dir, &(text + &user_data::demo_objects()?))
    }

    /// Makes the configs of those workers that have none; the controller gives them a token.
    fn write_workers(&self, controller: &Reached) -> Result<()> {
        let [first, workers @ ..] = self.members else { return Ok(()) };
        let mut token = None;
        for worker in workers {
            let dir = worker.machine.dir();
            if user_data::is_kept(dir, self.options.fresh)? {
                continue;
            }
            let token = match &token {
                Some(token) => token,
                None => token.insert(self.token(controller)?),
            };
            dir.create()?;
            // One operator for all: whoever may order one of the machines about may do so with the others.
            documents::share_credentials(first.machine.dir().path(), dir.path())?;
            let text = make_joining(dir.path(), dir.name(), first.machine.dir().name(), Some(token))?;
            user_data::write(dir, &documents::connected(&text, &self.place(worker)))?;
        }
        Ok(())
    }

    fn token(&self, controller: &Reached) -> Result<String> {
        let request = TokenRequest {
            role: Role::Worker.name().to_owned(),
            ttl_secs: Some(TOKEN_SECS),
            server: Some(format!("https://{}:{KUBERNETES_PORT}", self.file.address(0))),
        };
        Ok(controller.client.create_token(&request).context("asking the controller for a join token")?.token)
    }

    fn report(&self, global: &Global, outcome: &Outcome<'_>) -> Result<()> {
        let Outcome { controller, state, kubeconfig, answers } = outcome;
        let dir = controller.machine.dir();
        if let Some(kube) = &controller.target.kube {
            kubectl::link(dir.path(), kube)?;
        }
        let kubectl = kubectl::find(dir.path(), std::env::var_os("PATH").as_deref());
        let names: Vec<&str> = self.members.iter().map(|m| m.machine.dir().name()).collect();
        let json = json!({
            "machines": names,
            "kubeconfig": output::path(kubeconfig),
            "kubectl": kubectl.as_deref().map(output::path),
            "demo": answers,
            "kubernetes": host_port(state, KUBERNETES_PORT).map(|port| format!("https://127.0.0.1:{port}")),
        });
        output::result(global.json, &json, |_| {
            let kubectl = kubectl.as_deref().unwrap_or(Path::new("kubectl"));
            format!(
                "\n{} machines are up after {}\n{}\n\n  {}\n\n`ironhull node {} status` shows more, `ironhull stop {}` \
                 stops them\n",
                names.len(),
                seconds(self.began.elapsed()),
                answers.join("\n"),
                kubectl::line(kubectl, kubeconfig),
                dir.name(),
                names.iter().rev().copied().collect::<Vec<_>>().join(" "),
            )
        })
    }

    /// Waits until a machine ends or the user interrupts.
    fn stay(&self) -> Result<()> {
        output::tell("Ctrl-C shuts the machines down");
        while self.members.iter().all(|m| m.machine.pid().is_some()) {
            if self.interrupted.load(Ordering::Relaxed) {
                anyhow::bail!("interrupted");
            }
            std::thread::sleep(super::PAUSE);
        }
        output::tell("a machine has stopped; the others run on");
        Ok(())
    }

    /// Stops what runs, the controller last: the others reach it through the segment until they have ended.
    fn stop(&self) -> Result<()> {
        let mut running = self.members.iter().rev().filter(|m| m.machine.pid().is_some());
        running.try_for_each(|m| m.machine.stop(GRACE).map(drop))?;
        Ok(())
    }
}
