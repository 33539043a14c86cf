//! `ironhull node ADDRESS etcd restore`: uploads a snapshot, which the node restores.
//!
//! Without `--yes` only what can be checked without an upload is checked: the file, and whether the node would take it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use api::{Client, MAX_PIECE_BYTES, StoreRestore, StoreRestoreRequest, StoreStage, Upload};
use inputs::Progress;
use inputs::progress::Unit;
use serde_json::json;

use super::file::{Failure, Snapshot, copy};
use crate::cmdline::{Global, StoreRestoreOf};
use crate::commands::upgrade::{PAUSE, SILENCE, is_passing};
use crate::hint::hinted;
use crate::output::{self, bytes};
use crate::progress::Shown;

/// Restores a snapshot, or only checks.
pub(super) fn run(global: &Global, client: &Client, options: &StoreRestoreOf) -> Result<()> {
    let path = options.file.as_path();
    let reading = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(reading)?;
    let snapshot = check(&mut file).with_context(reading)?;
    let upload = Upload { bytes: snapshot.bytes, sha256: snapshot.sha256.clone() };
    let request = StoreRestoreRequest { upload, foreign: options.foreign, dry_run: !options.yes };
    if !options.yes {
        client.begin_store_restore(&request)?;
        let what = format!(
            "{} is restored: the cluster goes on with this snapshot of {}, {}, and what there is now is put aside",
            path.display(),
            snapshot.store,
            bytes(snapshot.bytes)
        );
        let json = json!({ "what": what, "done": false });
        return output::result(global.json, &json, |_| format!("would do: {what}\nadd --yes to do it\n"));
    }
    let begun =
        send_all(client, &request, &mut file).with_context(|| format!("uploading {}", path.display()))?;
    let restored = watch(client, begun)?;
    output::result(global.json, &restored, restored_text)
}

fn restored_text(restored: &StoreRestore) -> String {
    let (revision, keys) = (restored.revision.unwrap_or_default(), restored.keys.unwrap_or_default());
    let aside = restored.aside.as_deref().unwrap_or("?");
    format!(
        "revision {revision} with {keys} keys is restored; what there was is snapshot {aside} of the state\n"
    )
}

/// Reads the file to its end.
fn check(file: &mut File) -> Result<Snapshot> {
    match copy(file, &mut std::io::sink(), |_| {}) {
        Ok(snapshot) => Ok(snapshot),
        Err(Failure::Read(e) | Failure::Write(e)) => Err(e.into()),
        Err(Failure::Content(what)) => Err(hinted(
            format!("expected a snapshot of etcd or kine, found {what}"),
            "`ironhull node ADDRESS etcd snapshot FILE` makes one",
        )),
    }
}

/// Uploads the part that the node does not have yet; goes on where a broken connection has left it.
fn send_all(client: &Client, request: &StoreRestoreRequest, file: &mut File) -> Result<StoreRestore> {
    let (shown, step, began) = (Shown::default(), "upload", Instant::now());
    shown.started(step, Unit::Bytes, Some(request.upload.bytes));
    let mut state = client.begin_store_restore(request)?;
    let mut answered = Instant::now();
    while state.stage == StoreStage::Receiving {
        let next = send(client, &request.upload.sha256, file, state.done_bytes);
        match next.or_else(|e| if is_passing(&e) { ask(client, request) } else { Err(e) }) {
            Ok(next) => (state, answered) = (next, Instant::now()),
            Err(e) if is_passing(&e) && answered.elapsed() < SILENCE => sleep(PAUSE),
            Err(e) => return Err(e),
        }
        shown.advanced(step, state.done_bytes);
    }
    shown.finished(step, began.elapsed());
    Ok(state)
}

/// Sends one piece.
fn send(client: &Client, id: &str, file: &mut File, offset: u64) -> Result<StoreRestore> {
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::with_capacity(MAX_PIECE_BYTES);
    file.by_ref().take(MAX_PIECE_BYTES as u64).read_to_end(&mut piece)?;
    ensure!(!piece.is_empty(), "the file became shorter while it was read");
    Ok(client.upload_store(id, offset, &piece)?)
}

/// Asks how far the node has got, since an answer was lost; begins again if it has forgotten the upload.
fn ask(client: &Client, request: &StoreRestoreRequest) -> Result<StoreRestore> {
    let state = client.store_restore()?;
    match state.stage {
        StoreStage::None => Ok(client.begin_store_restore(request)?),
        _ => Ok(state),
    }
}

/// Follows the restore to its end.
fn watch(client: &Client, mut state: StoreRestore) -> Result<StoreRestore> {
    let mut told = StoreStage::None;
    let mut answered = Instant::now();
    loop {
        if state.stage != told {
            told = state.stage;
            if let Some(line) = line(told) {
                output::tell(line);
            }
        }
        match state.stage {
            StoreStage::Done => return Ok(state),
            StoreStage::Failed => {
                let error = format!("restoring the store: {}", state.error.unwrap_or_default());
                return Err(match (state.hint, state.aside) {
                    (Some(hint), _) => hinted(error, hint),
                    (None, Some(aside)) => {
                        anyhow!("{error}; what there was is snapshot {aside} of the state")
                    }
                    (None, None) => anyhow!("{error}; nothing was changed"),
                });
            }
            StoreStage::None | StoreStage::Receiving => {
                bail!("the node has lost the restore: its status and `state` show what it runs on")
            }
            _ => sleep(PAUSE),
        }
        match client.store_restore() {
            Ok(next) => (state, answered) = (next, Instant::now()),
            Err(e) => {
                let e = e.into();
                if !is_passing(&e) || answered.elapsed() >= SILENCE {
                    return Err(e);
                }
            }
        }
    }
}

/// Returns what the node is doing.
fn line(stage: StoreStage) -> Option<&'static str> {
    match stage {
        StoreStage::Checking => Some("the node reads the snapshot"),
        StoreStage::Restoring => Some("the node makes the new data"),
        StoreStage::Exchanging => Some("the node stops the services and exchanges the data"),
        StoreStage::Starting => Some("the services are starting"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_names_what_was_there_before() {
        let restored = StoreRestore {
            revision: Some(7),
            keys: Some(3),
            aside: Some("g1-2".to_owned()),
            ..StoreRestore::default()
        };
        let expected = "revision 7 with 3 keys is restored; what there was is snapshot g1-2 of the state\n";
        assert_eq!(restored_text(&restored), expected);
    }
}
