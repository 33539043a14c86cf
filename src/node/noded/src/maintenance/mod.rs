//! Maintenance: a node that can't take its role is no mute box. It brings up a provisional network, says on its console
//! what it waits for, and takes a config over the network from whoever reads the pairing code there.
//!
//! The sources of user-data are searched meanwhile; whichever config comes first wins, and ends maintenance. What is
//! served here ends with it (but for one that has a node which runs from an installation medium install itself: that is
//! done here, and the node reboots): a configured node has none of these routes, and a node in maintenance none of the
//! others.
//!
//! A node whose state can't be mounted is in maintenance too ([`MaintenanceReason::StateUnusable`]), takes no config, as
//! it could not keep it, and takes orders about the partition instead. Only a reboot ends that: the partition is
//! prepared by `init`, in one way.

mod block;
pub mod disks;
mod door;
mod install;
mod medium;
mod text;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use api::{ImageFacts, MaintenanceReason, PartitionName, PassedOver};
use config::user_data::Beside;
use config::{NodeDocuments, NodeNetwork};
use net::{Network, UNNAMED};
use tokio::sync::oneshot;

use crate::back_off::BackOff;
use crate::config_source::{self, Accepted, Online, Unusable};
use crate::console;
use crate::followers::Followers;
use crate::init::Init;
use crate::partitions::Partitions;
use crate::serve::{self, Admission, Service};
use crate::thread;
use text::Said;

pub use self::install::{Installer, NotInstalled, Overwrite, Wanted};
pub use door::Door;

/// TLS of the node API, as it follows from a config.
pub type Tls = Arc<rustls::ServerConfig>;
/// Makes TLS from a config, or says why that can't be.
pub type Check = Box<dyn Fn(&NodeDocuments) -> Result<Tls> + Send + Sync>;

/// Pause between two searches of user-data.
const PAUSE: Duration = Duration::from_secs(5);
/// Pauses between two questions to servers.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Between the answer to a config and the end of maintenance.
const LEAVE_DELAY: Duration = Duration::from_millis(300);
const _: () = assert!(api::MAX_CONFIG_BYTES == config::MAX_BYTES, "a config is as long however it comes");

/// Why the node does not take its role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The reason.
    pub reason: MaintenanceReason,
    /// What is wrong in full: a text of several lines.
    pub problem: String,
    /// The sources of user-data that have none.
    pub passed_over: Vec<PassedOver>,
    /// What the platform says beside user-data: the network until there is a config.
    pub beside: Box<Beside>,
}

impl From<Unusable> for Trouble {
    fn from(unusable: Unusable) -> Trouble {
        let reason = match unusable.problems.is_empty() {
            true => MaintenanceReason::NoConfig,
            false => MaintenanceReason::ConfigRefused,
        };
        let problem = unusable.to_string();
        Trouble { reason, problem, passed_over: unusable.passed_over, beside: unusable.beside }
    }
}

/// Why a config that an operator gives is not taken. Nothing has changed.
#[derive(Debug)]
pub enum NotTaken {
    /// It can't be used: all its errors, a text of several lines.
    Invalid(String),
    /// The node has got another one meanwhile.
    Decided,
    /// It can't be kept.
    Unkept(String),
    /// It orders an installation that can't be carried out.
    NotInstalled(NotInstalled),
}

/// A node in maintenance. Shared by all threads.
pub struct Maintenance {
    /// The client of `init`.
    pub init: Init,
    /// Those who follow logs.
    pub followers: Followers,
    image: ImageFacts,
    /// Where the machine's file system begins.
    root: PathBuf,
    check: Check,
    /// The partitions that could not be mounted.
    pub partitions: Arc<Partitions>,
    /// Installs the node, if it runs from a medium.
    pub installer: Arc<Installer>,
    /// A config has ordered an installation that was begun or refused for good: it is carried out once.
    ordered: AtomicBool,
    /// `None` if nothing is served.
    door: Option<Arc<Door>>,
    network: OnceLock<Network>,
    trouble: Mutex<Trouble>,
    /// What the sources lack that need a network.
    online: Mutex<Unusable>,
    /// Where the config goes that ends maintenance; `None` once there is one.
    decision: Mutex<Option<oneshot::Sender<Accepted<Tls>>>>,
}

impl std::fmt::Debug for Maintenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maintenance").field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

/// What a node that enters maintenance is.
pub struct Entering {
    /// The client of `init`.
    pub init: Init,
    /// The facts the image states about itself.
    pub image: ImageFacts,
    /// Where the machine's file system begins, `/` on a node.
    pub root: PathBuf,
    /// Makes TLS from a config.
    pub check: Check,
    /// The partitions that could not be mounted.
    pub partitions: Arc<Partitions>,
    /// Why it enters.
    pub trouble: Trouble,
}

/// Returns the order of a config to install a node that runs from the medium; `None` if it has none, or the node is
/// installed.
fn ordered(accepted: &Accepted<Tls>, medium: Option<&str>) -> Option<Wanted> {
    let order = accepted.documents.node.install.as_ref().filter(|_| medium.is_some())?;
    let overwrite = if order.wipe { Overwrite::Data } else { Overwrite::Nothing };
    Some(Wanted { disk: order.disk.clone(), overwrite, config: accepted.given.clone() })
}

impl std::fmt::Debug for Entering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entering").field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

/// What a node has when it leaves maintenance.
#[derive(Debug)]
pub struct Left {
    /// The config.
    pub accepted: Accepted<Tls>,
    /// The provisional network, if it could be started.
    pub network: Option<Network>,
}

/// Searches for a config; without one, or with nowhere to keep it, the node is in maintenance until there is.
///
/// # Errors
/// If there can be no runtime or no thread.
pub fn config_or_wait(
    init: &Init,
    image: &ImageFacts,
    check: Check,
    partitions: &Arc<Partitions>,
) -> Result<Left> {
    let root = PathBuf::from("/");
    let trouble = match partitions.problem(PartitionName::State) {
        Some(problem) => Trouble {
            reason: MaintenanceReason::StateUnusable,
            problem,
            passed_over: Vec::new(),
            beside: Box::default(),
        },
        None => match config_source::look(&root, &check) {
            Ok(accepted) => match ordered(&accepted, medium::running(&root).as_deref()) {
                None => return Ok(Left { accepted, network: None }),
                Some(wanted) => {
                    let (init, image, partitions) = (init.clone(), image.clone(), Arc::clone(partitions));
                    let trouble = Unusable::default().into();
                    let entering = Entering { init, image, root, check, partitions, trouble };
                    return wait(entering, Some(&wanted));
                }
            },
            Err(unusable) => unusable.into(),
        },
    };
    let (init, image, partitions) = (init.clone(), image.clone(), Arc::clone(partitions));
    wait(Entering { init, image, root, check, partitions, trouble }, None)
}

/// Enters maintenance, carries out what a config has ordered, and waits for a config.
fn wait(entering: Entering, wanted: Option<&Wanted>) -> Result<Left> {
    entering.init.stage("maintenance");
    let (door, tls) = match enter() {
        Ok((door, tls)) => (Some(door), Some(tls)),
        Err(e) => {
            console::announce(&format!("ironhull: there is no node API in maintenance: {e:#}"));
            (None, None)
        }
    };
    let (maintenance, mut decided) = Maintenance::new(entering, door);
    let maintenance = Arc::new(maintenance);
    if let Some(wanted) = wanted {
        maintenance.install_once(wanted);
    }
    let watching = Arc::clone(&maintenance);
    thread::spawn("maintenance", move || watching.watch())?;
    let asking = Arc::clone(&maintenance);
    thread::spawn("online", move || asking.ask_online())?;
    let service = maintenance.door.clone().zip(tls).map(|(door, tls)| Service {
        tls,
        admission: Admission::Code(door),
        routes: serve::maintenance_router(Arc::clone(&maintenance)),
    });
    let runtime = serve::runtime()?;
    let accepted = runtime.block_on(async {
        let mut accepted = None;
        let decision = async { accepted = (&mut decided).await.ok() };
        match service {
            Some(service) => {
                let serving = async { serve::serve(serve::listen(api::PORT).await, service).await };
                serve::unless(decision, serving).await;
            }
            None => decision.await,
        }
        accepted
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    // It is kept already: whoever starts next finds it.
    let accepted = accepted.context("the thread that hands over the config has ended")?;
    Ok(Left { accepted, network: maintenance.network.get().cloned() })
}

fn enter() -> Result<(Arc<Door>, Tls)> {
    let (door, shown) = Door::new()?;
    Ok((Arc::new(door), serve::maintenance_config(shown.certificate_der, &shown.key_pem)?))
}

impl Maintenance {
    /// A node that enters maintenance, and where the config comes that ends it.
    pub fn new(
        entering: Entering,
        door: Option<Arc<Door>>,
    ) -> (Maintenance, oneshot::Receiver<Accepted<Tls>>) {
        let Entering { init, image, root, check, partitions, trouble } = entering;
        let (sender, receiver) = oneshot::channel();
        let maintenance = Maintenance {
            followers: Followers::of(init.clone()),
            installer: Arc::new(Installer::new(init.clone(), image.clone(), root.clone())),
            ordered: AtomicBool::new(false),
            init,
            image,
            root,
            check,
            partitions,
            door,
            network: OnceLock::new(),
            trouble: Mutex::new(trouble),
            online: Mutex::default(),
            decision: Mutex::new(Some(sender)),
        };
        (maintenance, receiver)
    }

    /// Takes a config from an operator: checks it as user-data, keeps it durably, and ends maintenance a moment later.
    ///
    /// # Errors
    /// [`NotTaken`]; nothing is kept then.
    pub fn take(&self, bytes: &[u8]) -> Result<(), NotTaken> {
        if self.trouble().reason == MaintenanceReason::StateUnusable {
            return Err(NotTaken::Unkept(
                "the state partition can't be used: the config could not be kept".to_owned(),
            ));
        }
        let mut decision = lock(&self.decision);
        if decision.is_none() {
            return Err(NotTaken::Decided);
        }
        let accepted = self.accept(bytes)?;
        if let Some(wanted) = ordered(&accepted, self.installer.medium().as_deref()) {
            return self.installer.start(&wanted).map(drop).map_err(NotTaken::NotInstalled);
        }
        let text = accepted.given.as_deref().unwrap_or_default();
        config_source::keep_given(&self.root, text)
            .map_err(|e| NotTaken::Unkept(format!("keeping the config: {e:#}")))?;
        if let Some(sender) = decision.take() {
            // Not at once: the operator shall get the answer.
            thread::spawn_or_tell("leave", move || {
                std::thread::sleep(LEAVE_DELAY);
                // Nobody waits any more only if the program ends.
                drop(sender.send(accepted));
            });
        }
        Ok(())
    }

    /// Checks a config that an operator gives.
    ///
    /// # Errors
    /// [`NotTaken::Invalid`].
    pub fn accept(&self, bytes: &[u8]) -> Result<Accepted<Tls>, NotTaken> {
        let mut beside = Beside::clone(&self.trouble().beside);
        beside.complete(&lock(&self.online).beside);
        let accepted = config_source::given_by_operator(bytes, beside, &self.check);
        accepted.map_err(|e| NotTaken::Invalid(format!("{e:#}")))
    }

    /// Carries out the order of a config, unless one was before. As long as there is no such disk it is tried again at
    /// the next search: some controllers need long to find their disks.
    fn install_once(&self, wanted: &Wanted) {
        if !self.ordered.swap(true, Ordering::Relaxed)
            && let Err(NotInstalled::NoDisk(_)) = self.installer.start_as_configured(wanted)
        {
            self.ordered.store(false, Ordering::Relaxed);
        }
    }

    /// Returns why the node does not take its role: because of its installation, or what was found before.
    fn reason(&self) -> Trouble {
        self.installer.trouble().unwrap_or_else(|| self.trouble().clone())
    }

    /// Fills in what is known here; stages, uptime and slots come from `init`.
    pub fn describe(&self) -> api::Maintenance {
        let Trouble { reason, problem, passed_over, .. } = self.reason();
        let state = self.network.get().map(Network::state).unwrap_or_default();
        let partitions = self.partitions.list();
        api::Maintenance {
            image: self.image.clone(),
            reason,
            problem,
            passed_over,
            damage: partitions.iter().map(|p| format!("{}: {}", p.name, p.problem)).collect(),
            partitions,
            addresses: state.addresses.iter().map(ToString::to_string).collect(),
            network: [state.problems, state.waits, state.remarks].concat(),
            medium: self.installer.medium(),
            wrong_codes: self.door.as_ref().map_or(0, |door| door.wrong_in_all()),
            ..api::Maintenance::default()
        }
    }

    /// Keeps the console, the network and the search going until there is a config.
    fn watch(&self) {
        let (mut seen, mut said) = (0, String::new());
        self.report();
        loop {
            if self.network.get().is_none() {
                self.start_network();
            }
            let next = Instant::now() + PAUSE;
            loop {
                if self.is_decided() {
                    return;
                }
                self.say(&mut said);
                let left = next.saturating_duration_since(Instant::now());
                match self.network.get() {
                    _ if left.is_zero() => break,
                    Some(network) => seen = network.wait(seen, left),
                    None => std::thread::sleep(left),
                }
            }
            self.search();
        }
    }

    /// Returns the provisional network: what the platform says, else DHCP on every link.
    fn provisional(&self) -> NodeNetwork {
        // One that can't be read is told with the trouble.
        self.trouble().beside.network().ok().flatten().map(|given| given.network).unwrap_or_default()
    }

    fn start_network(&self) {
        match Network::start(UNNAMED, &self.provisional()) {
            // It is set only here.
            Ok(network) => drop(self.network.set(network)),
            Err(e) => eprintln!("noded: starting the provisional network: {e}"),
        }
    }

    /// Writes what the operator has to know to the console if it is not what was `said` last. The log has it without the
    /// pairing code.
    fn say(&self, said: &mut String) {
        let state = self.network.get().map(Network::state);
        let Trouble { reason, problem, .. } = self.reason();
        let code = self.door.as_ref().map(|door| door.code());
        let medium = self.installer.medium();
        let medium = medium.as_deref();
        let all =
            Said { image: &self.image, reason, problem: &problem, network: state.as_ref(), code, medium };
        let text = text::text(&all);
        if text != *said {
            eprintln!("{}", text::text(&Said { code: None, ..all }));
            console::show(&text);
            *said = text;
        }
    }

    /// Searches user-data once more; reports to `init` that the node still waits if there is none.
    fn search(&self) {
        if self.trouble().reason != MaintenanceReason::StateUnusable {
            match config_source::look(&self.root, &self.check) {
                Ok(accepted) => self.decide(accepted),
                Err(mut unusable) => {
                    let before = self.provisional();
                    let online = lock(&self.online).clone();
                    unusable.problems.extend(online.problems);
                    unusable.passed_over.extend(online.passed_over);
                    *self.trouble() = unusable.into();
                    let now = self.provisional();
                    if let Some(network) = self.network.get().filter(|_| now != before) {
                        network.apply(&now);
                    }
                }
            }
        }
        if !self.is_decided() {
            self.report();
        }
    }

    /// Asks the sources that need a network as soon as there is an address, and again as long as none has a config. A
    /// server that does not answer holds up nothing else.
    fn ask_online(&self) {
        let mut pauses = BackOff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while !self.is_decided() {
            let Some(network) = self.network.get().filter(|network| !network.addresses().is_empty()) else {
                std::thread::sleep(FIRST_PAUSE);
                continue;
            };
            if self.trouble().reason == MaintenanceReason::StateUnusable {
                return;
            }
            let seen = network.state();
            let beside = self.trouble().beside.clone();
            let Online { accepted, unusable } = config_source::look_online(&self.root, &beside, &self.check);
            *lock(&self.online) = unusable;
            match accepted {
                Some(accepted) => self.decide(accepted),
                // Another network may lead to a server that this one does not lead to.
                None if network.state() != seen => pauses.reset(),
                None => pauses.sleep(),
            }
        }
    }

    /// Ends maintenance with a config, unless another one came first; one that has a node which runs from a medium
    /// install itself is carried out instead.
    fn decide(&self, accepted: Accepted<Tls>) {
        if let Some(wanted) = ordered(&accepted, self.installer.medium().as_deref()) {
            return self.install_once(&wanted);
        }
        if let Some(sender) = lock(&self.decision).take() {
            // Nobody waits any more only if the program ends.
            drop(sender.send(accepted));
        }
    }

    fn report(&self) {
        let problem = match self.trouble().reason {
            MaintenanceReason::StateUnusable => "StateUsable: the state partition can't be used",
            _ => "ConfigAccepted: no usable config",
        };
        self.init.waiting(problem, self.partitions.deadline_secs());
    }

    fn is_decided(&self) -> bool {
        lock(&self.decision).is_none()
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        lock(&self.trouble)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
