//! A bundle to the node, in pieces: what has arrived is not sent twice, also not by another run of the command,
//! since the node knows the file by its digest.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use api::{
    Client, ClientError, MAX_PIECE_BYTES, Upgrade, UpgradeRequest, UpgradeSource, UpgradeStage, Upload,
};
use inputs::Progress;
use inputs::progress::Unit;
use sha2::{Digest, Sha256};

use super::{PAUSE, SILENCE};
use crate::progress::Shown;

/// Uploads what the node does not have of a file.
pub(super) fn upload(
    client: &Client,
    path: &Path,
    request: impl Fn(UpgradeSource) -> UpgradeRequest,
) -> Result<Upgrade> {
    // What is no bundle is told before minutes go into it.
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
                std::thread::sleep(PAUSE);
                // The node says how far it got.
                if let Ok(next) = client.begin_upgrade(&request) {
                    state = next;
                }
            }
            Err(e) => return Err(e.context(format!("uploading {}", path.display()))),
        }
        shown.advanced(step, state.done_bytes);
    }
    shown.finished(step, began.elapsed());
    Ok(state)
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
            return Ok((bytes, context.finalize().iter().map(|b| format!("{b:02x}")).collect()));
        }
        context.update(&piece[..n]);
        bytes += n as u64;
    }
}

/// Returns whether the network, not the node, is in the way.
fn is_passing(error: &anyhow::Error) -> bool {
    use ClientError as E;
    matches!(
        error.downcast_ref::<ClientError>(),
        Some(E::Lost { .. } | E::Timeout { .. } | E::Refused { .. } | E::Unreachable { .. })
    )
}
