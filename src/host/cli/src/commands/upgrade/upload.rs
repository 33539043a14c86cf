//! Uploads a bundle to the node in pieces. Pieces that have arrived are not sent again, not even by another
//! run of the command, since the node identifies the file by its digest.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use api::{
    Boot, Client, ClientError, MAX_PIECE_BYTES, Upgrade, UpgradeRequest, UpgradeSource, UpgradeStage, Upload,
};
use inputs::Progress;
use inputs::progress::Unit;
use sha2::{Digest, Sha256};

use super::watch::installed_since;
use super::{PAUSE, SILENCE};
use crate::progress::Shown;

/// Uploads the part of a file that the node does not have yet. `before` is the boot record before the upload.
pub(super) fn upload(
    client: &Client,
    path: &Path,
    before: &Boot,
    request: impl Fn(UpgradeSource) -> UpgradeRequest,
) -> Result<Upgrade> {
    // A file that is not a bundle is reported before minutes of uploading.
    image::bundle::open(path)?.claims().with_context(|| format!("reading {}", path.display()))?;
    let reading = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(reading)?;
    let (bytes, sha256) = digest(&mut file).with_context(reading)?;
    let request = request(UpgradeSource::Upload(Upload { bytes, sha256: sha256.clone() }));
    let shown = Shown::default();
    let step = "upload";
    let began = Instant::now();
    shown.started(step, Unit::Bytes, Some(bytes));
    let mut answered = Instant::now();
    let mut state = client.begin_upgrade(&request)?;
    while state.stage == UpgradeStage::Receiving {
        match send(client, &sha256, &mut file, state.done_bytes) {
            Ok(next) => {
                answered = Instant::now();
                state = next;
            }
            Err(e) if is_passing(&e) && answered.elapsed() < SILENCE => {
                state = take_up(client, &request, before, answered)?;
            }
            Err(e) => return Err(e.context(format!("uploading {}", path.display()))),
        }
        shown.advanced(step, state.done_bytes);
    }
    shown.finished(step, began.elapsed());
    Ok(state)
}

/// Asks an unresponsive node how far it has got, until it responds.
fn take_up(client: &Client, request: &UpgradeRequest, before: &Boot, answered: Instant) -> Result<Upgrade> {
    loop {
        std::thread::sleep(PAUSE);
        match ask(client, request, before) {
            Err(e) if is_passing(&e) || is_conflict(&e) => {
                // The conflict may be with our own previous piece; the next status tells.
                if answered.elapsed() > SILENCE {
                    return Err(e.context("resuming the upload"));
                }
            }
            other => return other,
        }
    }
}

/// Asks how far the node has got; starts again if it no longer has the upload.
fn ask(client: &Client, request: &UpgradeRequest, before: &Boot) -> Result<Upgrade> {
    let state = client.upgrade()?;
    if has_it_all(state.stage) {
        return Ok(state);
    }
    // It may have installed the bundle, rebooted and come back.
    if installed_since(before, &client.status()?.boot.unwrap_or_default()).is_some() {
        return Ok(Upgrade::default());
    }
    Ok(client.begin_upgrade(request)?)
}

/// Returns whether a node at this stage expects no further piece, so that only the response to the last one
/// was lost.
fn has_it_all(stage: UpgradeStage) -> bool {
    use UpgradeStage as S;
    !matches!(stage, S::None | S::Receiving | S::Failed | S::Cancelled)
}

/// Sends one piece.
fn send(client: &Client, id: &str, file: &mut File, offset: u64) -> Result<Upgrade> {
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::with_capacity(MAX_PIECE_BYTES);
    file.by_ref().take(MAX_PIECE_BYTES as u64).read_to_end(&mut piece)?;
    ensure!(!piece.is_empty(), "the file became shorter while it was read");
    Ok(client.upload(id, offset, &piece)?)
}

/// Returns length and digest of a file.
fn digest(file: &mut File) -> std::io::Result<(u64, String)> {
    let mut context = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 {
            return Ok((bytes, data_encoding::HEXLOWER.encode(&context.finalize())));
        }
        context.update(&piece[..n]);
        bytes += n as u64;
    }
}

/// Returns whether the node refuses because of what it is doing now.
fn is_conflict(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ClientError::Node { status: 409, .. }))
}

/// Returns whether the error is the network's, not the node's.
pub(in crate::commands) fn is_passing(error: &anyhow::Error) -> bool {
    use ClientError as E;
    matches!(
        error.downcast_ref::<ClientError>(),
        Some(E::Lost { .. } | E::Timeout { .. } | E::Refused { .. } | E::Unreachable { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_has_it_all_is_sent_nothing() {
        use UpgradeStage as S;
        for stage in [S::Verifying, S::Writing, S::Checking, S::Installed, S::Draining, S::Rebooting] {
            assert!(has_it_all(stage), "{stage:?}");
        }
        for stage in [S::None, S::Receiving, S::Failed, S::Cancelled] {
            assert!(!has_it_all(stage), "{stage:?}");
        }
    }

    #[test]
    fn a_conflict_passes_as_the_last_piece_is_taken() {
        let address = "a".to_owned();
        let conflict =
            ClientError::Node { address, status: 409, error: "under way".into(), hint: None, details: None };
        assert!(is_conflict(&conflict.into()));
        assert!(is_passing(&ClientError::Lost { address: "a".into(), cause: "reset".into() }.into()));
    }
}
