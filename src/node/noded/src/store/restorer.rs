//! The node's only restore of the store: its request, its upload, and its state. `job` does the work.
//!
//! The snapshot is staged on the state partition, where its content has to go: pods can fill the other one.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use api::{MAX_SNAPSHOT_BYTES, PieceQuery, StoreRestore, StoreRestoreRequest, StoreStage};
use update::{Source, Staged};

use super::job;
use super::program::Program;
use crate::node::Node;
use crate::thread::spawn;
use crate::upgrade::Refused;
use crate::upload::{has_digest, source, source_id};

/// The name of the uploaded file in the staging directory.
const STAGED: &str = "bundle";
/// Bytes of the state partition that a restore leaves free.
const RESERVE_BYTES: u64 = 64 << 20;

/// Where things are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The directory of the upload.
    pub(super) staging: PathBuf,
    /// Certificate of the authority that the cluster's objects name.
    pub(super) authority: PathBuf,
}

impl Places {
    /// Those of a node.
    fn of_node() -> Places {
        Places { staging: "/state/incoming".into(), authority: "/state/pki/apiserver/ca.crt".into() }
    }

    /// Returns the path of the uploaded file.
    pub(super) fn staged(&self) -> PathBuf {
        self.staging.join(STAGED)
    }
}

/// The restore of the store, if there is one.
#[derive(Debug)]
pub struct Restorer {
    node: Arc<Node>,
    places: Places,
    progress: Arc<Progress>,
    upload: Mutex<Option<(Staged, Foreign)>>,
}

/// The state, as it is shown.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<StoreRestore>);

/// What is done with a snapshot of a cluster with other authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It is refused.
    Refused,
    /// It is restored.
    Accepted,
}

impl Progress {
    /// Returns the state.
    pub(super) fn status(&self) -> StoreRestore {
        self.lock().clone()
    }

    /// Changes the state.
    pub(super) fn show(&self, change: impl FnOnce(&mut StoreRestore)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, StoreRestore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Restorer {
    /// The restorer of a node; nothing is restored yet.
    pub fn new(node: Arc<Node>) -> Restorer {
        Restorer::at(node, Places::of_node())
    }

    /// The same with other places.
    pub(super) fn at(node: Arc<Node>, places: Places) -> Restorer {
        Restorer { node, places, progress: Arc::default(), upload: Mutex::default() }
    }

    /// Returns the state of the restore.
    pub fn status(&self) -> StoreRestore {
        self.progress.status()
    }

    /// Begins a restore, or goes on with the upload of one; replaces the upload of another snapshot.
    ///
    /// # Errors
    /// [`Refused::Malformed`] if the request is invalid, [`Refused::Conflict`] if a restore is running, the node is
    /// not ready for one or has no room, [`Refused::Failed`] if the disk fails. Nothing is restored then.
    pub fn begin(&self, request: &StoreRestoreRequest) -> Result<StoreRestore, Refused> {
        check(request)?;
        let mut upload = self.lock();
        if self.status().stage.is_busy() {
            return Err(Refused::conflict("a restore is in progress", "wait for it"));
        }
        let program = Program::of(&self.node).ok_or_else(|| {
            Refused::conflict(
                "the store was not started yet",
                "the status of the node shows what it waits for",
            )
        })?;
        let free = self.node.state.free_bytes().map_err(|e| Refused::Failed(e.into()))?;
        let (source, foreign) = wanted(request);
        let needed = needed(source.bytes);
        // What arrived before a break is there already; another snapshot takes its place.
        let received = fs::metadata(self.places.staged()).map_or(0, |m| m.len());
        if needed > free.saturating_add(received) {
            let message =
                format!("a restore needs {needed} bytes of the state partition, which has {free} free");
            let hint = "remove a snapshot that nobody needs with `ironhull node ADDRESS state remove`";
            return Err(Refused::conflict(&message, hint));
        }
        if request.dry_run {
            return Ok(self.status());
        }
        let staging = &self.places.staging;
        make_staging(staging, program.user().gid)
            .with_context(|| format!("making {}", staging.display()))
            .map_err(Refused::Failed)?;
        let staged = Staged::open(staging, source, free)?;
        self.receive(&mut upload, staged, foreign);
        Ok(self.status())
    }

    /// Stores a piece of the upload.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if it does not continue the upload, [`Refused::Failed`] if it can't be stored. The upload
    /// is unchanged then.
    pub fn take(&self, query: &PieceQuery, piece: &[u8]) -> Result<StoreRestore, Refused> {
        let mut upload = self.lock();
        let Some((mut staged, foreign)) = upload.take_if(|(s, _)| s.source().id == source_id(&query.id))
        else {
            return Err(Refused::conflict(
                "no upload of this snapshot is expected",
                "begin with POST /v1/store/restore",
            ));
        };
        let appended = staged.append(query.offset, piece);
        self.receive(&mut upload, staged, foreign);
        appended?;
        Ok(self.status())
    }

    /// Updates the progress, and starts the job if the snapshot is complete.
    fn receive(&self, upload: &mut Option<(Staged, Foreign)>, staged: Staged, foreign: Foreign) {
        let (done_bytes, total_bytes) = (staged.received(), staged.source().bytes);
        let is_whole = staged.is_whole();
        let stage = if is_whole { StoreStage::Checking } else { StoreStage::Receiving };
        self.progress
            .show(|p| *p = StoreRestore { stage, done_bytes, total_bytes, ..StoreRestore::default() });
        if !is_whole {
            *upload = Some((staged, foreign));
            return;
        }
        let (node, progress, places) =
            (Arc::clone(&self.node), Arc::clone(&self.progress), self.places.clone());
        let started = spawn("store-restore", move || job::run(&node, &progress, &places, foreign));
        if let Err(e) = started {
            self.progress.show(|p| {
                p.stage = StoreStage::Failed;
                p.error = Some(format!("{e:#}"));
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Staged, Foreign)>> {
        self.upload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the directory of the upload: the store's program may read what is in it, and change nothing, as this program
/// writes there with all rights. One that is somebody else's is removed, with whatever it holds.
fn make_staging(staging: &Path, gid: u32) -> std::io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    match fs::symlink_metadata(staging) {
        Ok(facts) if facts.is_dir() && facts.uid() == own => {}
        Ok(facts) if facts.is_dir() => fs::remove_dir_all(staging)?,
        Ok(_) => fs::remove_file(staging)?,
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(staging)?;
    chown(staging, None, Some(gid))?;
    fs::set_permissions(staging, fs::Permissions::from_mode(0o750))
}

/// Returns the bytes that a restore takes while it is made: the upload, the new data, and what a database allocates
/// beyond its length.
fn needed(bytes: u64) -> u64 {
    bytes.saturating_mul(2).saturating_add(RESERVE_BYTES)
}

fn wanted(request: &StoreRestoreRequest) -> (Source, Foreign) {
    let foreign = if request.foreign { Foreign::Accepted } else { Foreign::Refused };
    (source(&request.upload), foreign)
}

fn check(request: &StoreRestoreRequest) -> Result<(), Refused> {
    let upload = &request.upload;
    let malformed = |text: String| Err(Refused::Malformed(text));
    if !has_digest(upload) {
        return malformed("upload.sha256: expected 64 hex digits".to_owned());
    }
    if !(1..=MAX_SNAPSHOT_BYTES).contains(&upload.bytes) {
        return malformed(format!(
            "upload.bytes: expected 1 to {MAX_SNAPSHOT_BYTES}, found {}",
            upload.bytes
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_write_where_this_program_does() {
        let folder = tempfile::tempdir().unwrap();
        let (staging, gid) = (folder.path().join("incoming"), rustix::process::getegid().as_raw());
        std::os::unix::fs::symlink(folder.path(), &staging).unwrap();
        make_staging(&staging, gid).unwrap();
        fs::write(staging.join("bundle"), "part").unwrap();
        make_staging(&staging, gid).unwrap();
        let facts = fs::symlink_metadata(&staging).unwrap();
        assert_eq!((facts.is_dir(), facts.mode() & 0o7777, facts.gid()), (true, 0o750, gid));
        assert!(staging.join("bundle").exists(), "an upload goes on");
        if rustix::process::geteuid().is_root() {
            chown(&staging, Some(1234), None).unwrap();
            make_staging(&staging, gid).unwrap();
            assert_eq!((fs::metadata(&staging).unwrap().uid(), staging.join("bundle").exists()), (0, false));
        }
    }
}
