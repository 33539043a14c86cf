//! Installs the medium that runs to a disk: checks what an operator or a config orders, then works in a thread of its
//! own, and reboots.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use api::{ImageFacts, InstallStage, Installation, MaintenanceReason};
use config::DiskSelector;
use control::ShutdownKind;
use disk::{Layout, Sizes};
use formats::disk::ReadAt;
use install::{Holds, Medium, Order, Step, choose, look};
use ring::rand::{SecureRandom, SystemRandom};
use slots::RootParams;

use super::block::BlockDevice;
use super::{Trouble, disks, medium};
use crate::config_source;
use crate::console;
use crate::init::Init;

/// Between the end of an installation and the reboot: whoever follows it learns that it is done.
const REBOOT_DELAY: Duration = Duration::from_secs(3);

/// Stack of the thread that installs: it makes file systems, with libraries that need more than our own code.
const STACK_BYTES: usize = 4 << 20;

/// What is ordered.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which disk.
    pub disk: DiskSelector,
    /// What may be overwritten.
    pub overwrite: Overwrite,
    /// The config of the installed node.
    pub config: Option<String>,
}

/// What may be overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Only an empty disk.
    Nothing,
    /// A disk with data, but no installation of Ironhull: nobody is asked, and a machine that starts from the medium again
    /// must not lose its state.
    Data,
    /// Anything.
    Anything,
}

/// Why nothing is installed. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotInstalled {
    /// The node does not run from a medium, or an installation is under way.
    NotNow(String),
    /// There is no such disk, or it is too small: a text of several lines.
    NoDisk(String),
    /// The disk holds data.
    Holds(String),
    /// The disk has an installation of Ironhull.
    Installed(String),
    /// Something can't be read.
    Failed(String),
}

impl NotInstalled {
    /// Returns the reason as the operator reads it.
    pub fn text(&self) -> &str {
        let (NotInstalled::NotNow(text)
        | NotInstalled::NoDisk(text)
        | NotInstalled::Holds(text)
        | NotInstalled::Installed(text)
        | NotInstalled::Failed(text)) = self;
        text
    }
}

impl From<anyhow::Error> for NotInstalled {
    fn from(error: anyhow::Error) -> NotInstalled {
        NotInstalled::Failed(format!("{error:#}"))
    }
}

/// The installer of a node. At most one installation runs.
#[derive(Debug)]
pub struct Installer {
    init: Init,
    image: ImageFacts,
    /// Where the machine's file system begins.
    root: PathBuf,
    status: Mutex<Installation>,
    /// Why a config's order was not carried out.
    refused: Mutex<Option<NotInstalled>>,
}

impl Installer {
    /// Returns an idle installer.
    pub fn new(init: Init, image: ImageFacts, root: PathBuf) -> Installer {
        let status = Mutex::new(Installation { stage: InstallStage::Idle, ..Installation::default() });
        Installer { init, image, root, status, refused: Mutex::default() }
    }

    /// Returns how far the installation is.
    pub fn status(&self) -> Installation {
        lock(&self.status).clone()
    }

    /// Returns the name of the medium that runs; `None` on an installed node.
    pub fn medium(&self) -> Option<String> {
        medium::running(&self.root)
    }

    /// Returns what the operator has to know of the installation; `None` if there is none.
    pub fn trouble(&self) -> Option<Trouble> {
        let status = self.status();
        let of = |reason, problem| {
            Some(Trouble { reason, problem, passed_over: Vec::new(), beside: Box::default() })
        };
        if let Some(error) = status.error {
            return of(MaintenanceReason::InstallFailed, format!("installing to {}: {error}", status.disk));
        }
        match (status.stage, &*lock(&self.refused)) {
            (InstallStage::Idle, None) => None,
            (InstallStage::Idle, Some(NotInstalled::Installed(text))) => {
                of(MaintenanceReason::Installed, text.clone())
            }
            (InstallStage::Idle, Some(refused)) => {
                of(MaintenanceReason::InstallFailed, refused.text().to_owned())
            }
            (InstallStage::Done, _) => {
                of(MaintenanceReason::Installed, format!("installed to {}; rebooting", status.disk))
            }
            _ => of(MaintenanceReason::Installing, format!("installing to {}", status.disk)),
        }
    }

    /// Carries out the order of a config; what keeps it from that is told until it begins.
    ///
    /// # Errors
    /// As [`Installer::start`].
    pub fn start_as_configured(self: &Arc<Installer>, wanted: &Wanted) -> Result<(), NotInstalled> {
        let refused = self.start(wanted).err();
        let mut told = lock(&self.refused);
        if let Some(refused) = refused.as_ref().filter(|refused| told.as_ref() != Some(refused)) {
            eprintln!("noded: nothing is installed: {}", refused.text());
        }
        told.clone_from(&refused);
        refused.map_or(Ok(()), Err)
    }

    /// Begins an installation.
    ///
    /// # Errors
    /// [`NotInstalled`].
    pub fn start(self: &Arc<Installer>, wanted: &Wanted) -> Result<Installation, NotInstalled> {
        let mut status = lock(&self.status);
        if !matches!(status.stage, InstallStage::Idle | InstallStage::Failed) {
            return Err(NotInstalled::NotNow(format!("the node is being installed to {}", status.disk)));
        }
        let job = self.job(wanted)?;
        let total_bytes = job.total_bytes;
        let disk = job.device.path().display().to_string();
        *status = Installation { stage: InstallStage::Writing, disk, total_bytes, ..Installation::default() };
        let began = status.clone();
        drop(status);
        console::announce(&format!("ironhull: installing to {}", began.disk));
        let working = Arc::clone(self);
        let thread = thread::Builder::new().name("install".to_owned()).stack_size(STACK_BYTES);
        if let Err(error) = thread.spawn(move || working.work(&job)) {
            lock(&self.status).stage = InstallStage::Idle;
            return Err(anyhow!(error).context("starting the installation").into());
        }
        Ok(began)
    }

    /// Checks everything that can be checked before the first write.
    fn job(&self, wanted: &Wanted) -> Result<Job, NotInstalled> {
        let Some(medium) = self.medium() else {
            let text = "the node does not run from an installation medium, it is installed";
            return Err(NotInstalled::NotNow(text.to_owned()));
        };
        let disks = disks::list(&self.root)?;
        let chosen = choose(&disks, &wanted.disk, Some(medium.as_str()))
            .map_err(|refused| NotInstalled::NoDisk(refused.0))?;
        let sizes = self.sizes()?;
        let path = self.root.join("dev").join(&chosen.name);
        let device = BlockDevice::open_to_write(&path)?;
        let least = Layout::new(&sizes).disk_bytes();
        if device.len() < least {
            let found = device.len();
            let text = format!("{} has {found} bytes, the image needs {least}", path.display());
            return Err(NotInstalled::NoDisk(text));
        }
        let holds = look(&device).with_context(|| format!("reading {}", path.display()))?;
        may_overwrite(&path, &holds, wanted.overwrite)?;
        let line = fs::read_to_string(self.root.join("proc/cmdline")).context("reading /proc/cmdline")?;
        let params = RootParams::parse(&line).map_err(|e| anyhow!("{e}"))?;
        let source = BlockDevice::open(&self.root.join("dev").join(&medium))?;
        let total_bytes = Medium::open(&source, params).map_err(|e| anyhow!(e))?.bytes();
        let config = wanted.config.clone();
        Ok(Job { source, params, device, sizes, config, total_bytes })
    }

    fn sizes(&self) -> Result<Sizes> {
        let sizes =
            self.image.disk.context("the image does not say how large the partitions of a disk are")?;
        let api::DiskSizes { root_mib, kernel_mib, state_mib, data_mib } = sizes;
        Ok(Sizes { root_mib, kernel_mib, state_mib, data_mib })
    }

    /// Does the work, and reboots if it succeeds.
    fn work(&self, job: &Job) {
        if let Err(error) = self.install(job) {
            let error = format!("{error:#}");
            console::announce(&format!("ironhull: installing to {}: {error}", job.device.path().display()));
            let mut status = lock(&self.status);
            (status.stage, status.error) = (InstallStage::Failed, Some(error));
            return;
        }
        lock(&self.status).stage = InstallStage::Done;
        console::announce(&format!("ironhull: installed to {}; rebooting", job.device.path().display()));
        thread::sleep(REBOOT_DELAY);
        if let Err(error) = self.init.shutdown(ShutdownKind::Reboot) {
            console::announce(&format!("ironhull: rebooting after the installation: {error:#}"));
        }
    }

    fn install(&self, job: &Job) -> Result<()> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).ok().context("the system provides no random numbers")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let order = Order {
            name: &self.image.name,
            sizes: job.sizes,
            seed,
            config: job.config.as_deref().map(|text| (config_source::given_name(), text)),
            now_secs: i64::try_from(now.as_secs()).unwrap_or_default(),
        };
        let medium = Medium::open(&job.source, job.params)?;
        install::install(&medium, &order, &job.device, &mut |step, done| {
            let mut status = lock(&self.status);
            status.stage = match step {
                Step::Writing => InstallStage::Writing,
                Step::Checking => InstallStage::Checking,
                Step::Committing => InstallStage::Committing,
            };
            status.done_bytes = done.min(status.total_bytes);
        })?;
        Ok(())
    }
}

/// An installation for which everything was checked.
#[derive(Debug)]
struct Job {
    source: BlockDevice,
    params: RootParams,
    device: BlockDevice,
    sizes: Sizes,
    config: Option<String>,
    total_bytes: u64,
}

/// Decides whether a disk may be overwritten.
fn may_overwrite(path: &Path, holds: &Holds, overwrite: Overwrite) -> Result<(), NotInstalled> {
    let path = path.display();
    match (holds, overwrite) {
        (Holds::Nothing, _) | (_, Overwrite::Anything) | (Holds::Data(_), Overwrite::Data) => Ok(()),
        (Holds::Data(what), Overwrite::Nothing) => {
            Err(NotInstalled::Holds(format!("{path} holds data: {what}")))
        }
        (Holds::Ironhull, _) => Err(NotInstalled::Installed(format!(
            "{path} has an installation of Ironhull, maybe with its state"
        ))),
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_overwritten_depends_on_who_orders_it() {
        let of = |holds: &Holds, overwrite| {
            may_overwrite(Path::new("/dev/vda"), holds, overwrite).map_err(|e| e.text().to_owned())
        };
        let data = Holds::Data("2 partitions: a, b".into());
        for overwrite in [Overwrite::Nothing, Overwrite::Data, Overwrite::Anything] {
            assert!(of(&Holds::Nothing, overwrite).is_ok());
        }
        assert_eq!(of(&data, Overwrite::Nothing).unwrap_err(), "/dev/vda holds data: 2 partitions: a, b");
        assert!(of(&data, Overwrite::Data).is_ok() && of(&data, Overwrite::Anything).is_ok());
        for overwrite in [Overwrite::Nothing, Overwrite::Data] {
            assert!(of(&Holds::Ironhull, overwrite).unwrap_err().contains("an installation of Ironhull"));
        }
        assert!(of(&Holds::Ironhull, Overwrite::Anything).is_ok());
    }
}
