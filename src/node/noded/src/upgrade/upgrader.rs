//! The state of the node's only upgrade, and its allowed transitions.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::{PieceQuery, Upgrade, UpgradeRequest, UpgradeSource, UpgradeStage};
use update::Staged;

use super::fetch;
use super::job::{self, Bundle, Then};
use super::progress::Progress;
use super::refused::Refused;
use super::staging::{STAGING, free_bytes};
use crate::node::Node;
use crate::thread::spawn;
use crate::upload::{has_digest, source, source_id};

/// After this time without a piece, an upload no longer blocks other upgrades.
const HOLD: Duration = Duration::from_secs(60);

/// The node's one upgrade.
#[derive(Debug)]
pub struct Upgrader {
    node: Arc<Node>,
    progress: Arc<Progress>,
    upload: Mutex<Upload>,
}

/// The running upload. Locked by whoever begins an upgrade or receives a piece.
#[derive(Debug, Default)]
struct Upload {
    staged: Option<Staged>,
    /// When the last piece arrived.
    heard: Option<Instant>,
    /// What to do afterwards, according to the request.
    then: Then,
}

impl Upgrader {
    /// Returns the upgrader of a node without an upgrade.
    pub fn new(node: Arc<Node>) -> Upgrader {
        Upgrader { node, progress: Arc::default(), upload: Mutex::default() }
    }

    /// Returns the state of the upgrade.
    pub fn status(&self) -> Upgrade {
        self.progress.status()
    }

    /// Begins an upgrade; an upload resumes where it was interrupted.
    ///
    /// # Errors
    /// [`Refused::Malformed`] if the source is invalid, [`Refused::Conflict`] if another upgrade is running
    /// or the state of the slots forbids it, [`Refused::Failed`] if `init` or the disk fails. No upgrade
    /// begins then.
    pub fn begin(&self, request: &UpgradeRequest) -> Result<Upgrade, Refused> {
        check_source(&request.source)?;
        may_begin(&self.node)?;
        let mut upload = self.lock();
        if self.status().stage.is_busy() {
            return Err(Refused::conflict(
                "an upgrade is in progress",
                "wait for it, or cancel it with `ironhull node ADDRESS cancel`",
            ));
        }
        let arriving = upload.staged.as_ref().map(|s| s.source().id.as_str());
        if is_held(arriving, &request.source, upload.heard.map(|h| h.elapsed())) {
            return Err(Refused::conflict(
                "another bundle is being uploaded",
                "wait for it, or cancel it with `ironhull node ADDRESS cancel`",
            ));
        }
        self.progress.call_off(false);
        upload.then = Then { drain: request.drain, reboot: request.reboot };
        match &request.source {
            UpgradeSource::Url(url) => {
                upload.staged = None;
                self.progress.begin(UpgradeStage::Fetching, 0, 0);
                self.start(Bundle::At(url.clone()), upload.then);
            }
            UpgradeSource::Upload(wanted) => {
                let source = source(wanted);
                let free = free_bytes().map_err(Refused::Failed)?;
                let staged = Staged::open(Path::new(STAGING), source, free)?;
                self.receive(&mut upload, staged);
            }
        }
        Ok(self.status())
    }

    /// Stores a piece of an upload.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if it does not continue the running upload, [`Refused::Failed`] if it can't be
    /// stored. The upload is unchanged then.
    pub fn take(&self, query: &PieceQuery, piece: &[u8]) -> Result<Upgrade, Refused> {
        let mut upload = self.lock();
        let expected = source_id(&query.id);
        let Some(mut staged) = upload.staged.take_if(|s| s.source().id == expected) else {
            let what = if upload.staged.is_some() { "another bundle is" } else { "no upload is" };
            return Err(Refused::conflict(&format!("{what} expected"), "begin with POST /v1/upgrade"));
        };
        let appended = staged.append(query.offset, piece);
        self.receive(&mut upload, staged);
        appended?;
        Ok(self.status())
    }

    /// Cancels the upgrade.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if there is none that can be cancelled.
    pub fn cancel(&self) -> Result<Upgrade, Refused> {
        let mut upload = self.lock();
        match self.status().stage {
            UpgradeStage::Receiving => {
                upload.staged = None;
                self.progress.begin(UpgradeStage::Cancelled, 0, 0);
            }
            stage if stage.is_busy() && stage != UpgradeStage::Rebooting => self.progress.call_off(true),
            _ => return Err(Refused::conflict("no upgrade is in progress", "the status shows the slots")),
        }
        Ok(self.status())
    }

    /// Updates the progress, and starts the job if the bundle is complete.
    fn receive(&self, upload: &mut Upload, staged: Staged) {
        let (done_bytes, total_bytes) = (staged.received(), staged.source().bytes);
        if staged.is_whole() {
            self.progress.begin(UpgradeStage::Verifying, 0, total_bytes);
            self.start(Bundle::Here(staged), upload.then);
        } else {
            self.progress.begin(UpgradeStage::Receiving, done_bytes, total_bytes);
            upload.staged = Some(staged);
            upload.heard = Some(Instant::now());
        }
    }

    /// Starts the job.
    fn start(&self, bundle: Bundle, then: Then) {
        let (node, progress) = (Arc::clone(&self.node), Arc::clone(&self.progress));
        if let Err(e) = spawn("upgrade", move || job::run(&node, &progress, bundle, then)) {
            self.progress.show(|u| {
                u.stage = UpgradeStage::Failed;
                u.error = Some(format!("{e:#}"));
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Upload> {
        self.upload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether `wanted` must wait for the upload `arriving`, whose last piece arrived `silence` ago.
fn is_held(arriving: Option<&str>, wanted: &UpgradeSource, silence: Option<Duration>) -> bool {
    let Some(arriving) = arriving else { return false };
    let same = matches!(wanted, UpgradeSource::Upload(u) if source_id(&u.sha256) == arriving);
    !same && silence.is_some_and(|s| s <= HOLD)
}

/// Checks a source without any request.
fn check_source(source: &UpgradeSource) -> Result<(), Refused> {
    let malformed = |text: &str| Err(Refused::Malformed(text.to_owned()));
    match source {
        UpgradeSource::Url(url) if !fetch::is_url(url.secret()) => {
            malformed("source.url: expected http://HOST/PATH or https://HOST/PATH")
        }
        UpgradeSource::Upload(u) if !has_digest(u) => {
            malformed("source.upload.sha256: expected 64 hex digits")
        }
        UpgradeSource::Upload(u) if u.bytes == 0 => malformed("source.upload.bytes: expected 1 or more"),
        _ => Ok(()),
    }
}

/// Asks `init` whether it would refuse the update, so that this is known before the transfer. `init` decides
/// again at the end.
fn may_begin(node: &Node) -> Result<(), Refused> {
    match node.init.may_update() {
        Ok(answer) => answer.map_err(|r| Refused::Conflict(r.message, Some(r.hint))),
        Err(e) => Err(Refused::Failed(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_keeps_others_off_while_it_goes_on() {
        let upload =
            |sha256: &str| UpgradeSource::Upload(api::Upload { bytes: 5, sha256: sha256.to_owned() });
        let url = UpgradeSource::Url(api::WebUrl::new("https://a.example/b.hull"));
        let (now, later) = (Some(Duration::ZERO), Some(HOLD + Duration::from_secs(1)));
        let cases = [
            (None, upload("ab"), None, false),
            (None, url.clone(), now, false),
            (Some("sha256:ab"), upload("ab"), now, false),
            (Some("sha256:ab"), upload("cd"), now, true),
            (Some("sha256:ab"), url.clone(), now, true),
            (Some("sha256:ab"), upload("cd"), later, false),
            (Some("sha256:ab"), url, later, false),
        ];
        for (arriving, wanted, silence, held) in cases {
            assert_eq!(is_held(arriving, &wanted, silence), held, "{arriving:?} {wanted:?} {silence:?}");
        }
    }
}
