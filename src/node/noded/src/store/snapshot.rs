//! A snapshot of the store, streamed while it is made: nothing of it stays on the node.
//!
//! An error before the first byte is the request's; later ones end the stream early, and the client misses the SHA-256
//! at its end.

use std::io::Read;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use config::StorageKind;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::program::{Program, failure, read_error};
use crate::node::Node;
use crate::thread::spawn;

/// Bytes of a piece, and pieces on their way to a slow client.
const PIECE_BYTES: usize = 64 << 10;
const PIECES: usize = 4;
/// How long a client may take no piece, and the pause between two tries.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Whether one is being made: each reads the whole store.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Gives the turn back when it is dropped.
#[derive(Debug)]
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        RUNNING.store(false, Ordering::SeqCst);
    }
}

/// Begins a snapshot; returns its pieces as they come. Blocks until the first one is there, with kine as long as it takes
/// to copy the database. The inner error is why the
/// node can't do it now.
///
/// # Errors
/// If the program or a thread can't be started.
pub fn snapshot(node: &Node) -> Result<Result<Receiver<Bytes>, String>> {
    let Some(program) = Program::of(node) else {
        return Ok(Err("the store was not started yet".to_owned()));
    };
    if let Err(why) = check_room(node)? {
        return Ok(Err(why));
    }
    if RUNNING.swap(true, Ordering::SeqCst) {
        return Ok(Err("another snapshot is being made".to_owned()));
    }
    let turn = Turn;
    let mut child = program.command("snapshot-save", &[])?.spawn().context("starting snapshot-save")?;
    let (Some(mut out), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
        bail!("snapshot-save has no output");
    };
    let (told, error) = std::sync::mpsc::channel();
    spawn("snapshot-error", move || drop(told.send(read_error(errors))))?;
    let error = move || error.recv().unwrap_or_default();
    match read_piece(&mut out) {
        Ok(first) if !first.is_empty() => {
            let (sender, receiver) = channel(PIECES);
            spawn("snapshot", move || {
                let listener = pass_on(out, first, &sender);
                finish(child, error, listener);
                drop(turn);
            })?;
            Ok(Ok(receiver))
        }
        _ => {
            let status = child.wait().context("waiting for snapshot-save")?;
            Ok(Err(failure("snapshot-save", status, &error())))
        }
    }
}

/// Checks that a snapshot has room: that of kine is a copy beside its database, which a full partition would stop. The
/// inner error is why there is none.
///
/// # Errors
/// If the room can't be asked for.
pub(super) fn check_room(node: &Node) -> Result<Result<(), String>> {
    if node.documents.cluster.spec.storage.kind != StorageKind::Kine {
        return Ok(Ok(()));
    }
    let (needed, free) = node.state.room_to_copy("kine")?;
    Ok(if needed <= free { Ok(()) } else { Err(no_room(needed, free)) })
}

fn no_room(needed: u64, free: u64) -> String {
    format!(
        "a snapshot of kine is a copy first, which needs {needed} bytes of the state partition, which has {free} free: \
         `ironhull node ADDRESS state remove` makes room"
    )
}

/// Streams a snapshot that the node has kept.
///
/// # Errors
/// If no thread can be started.
pub fn stream(mut file: std::fs::File) -> Result<Receiver<Bytes>> {
    let (sender, receiver) = channel(PIECES);
    spawn("snapshot", move || {
        let first = read_piece(&mut file).unwrap_or_default();
        pass_on(file, first, &sender);
    })?;
    Ok(receiver)
}

/// Whether the client took all pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listener {
    Stayed,
    Left,
}

/// Passes all pieces on, until there are no more or nobody takes them. What can't be read is missing at the end.
fn pass_on(mut out: impl Read, first: Bytes, to: &Sender<Bytes>) -> Listener {
    let mut piece = first;
    while !piece.is_empty() {
        if send(to, piece) == Listener::Left {
            return Listener::Left;
        }
        piece = read_piece(&mut out).unwrap_or_default();
    }
    Listener::Stayed
}

/// Passes a piece on. Whoever takes none for [`PATIENCE`] has left: etcd holds what the snapshot needs until its end, and
/// would use up its quota.
fn send(to: &Sender<Bytes>, piece: Bytes) -> Listener {
    let (mut piece, end) = (piece, Instant::now() + PATIENCE);
    loop {
        piece = match to.try_send(piece) {
            Ok(()) => return Listener::Stayed,
            Err(TrySendError::Full(piece)) if Instant::now() < end => piece,
            Err(_) => return Listener::Left,
        };
        thread::sleep(PAUSE);
    }
}

/// Waits for the program's end, and logs its failure. Its output has ended, or nobody wants it any more.
fn finish(mut child: Child, error: impl FnOnce() -> Vec<u8>, listener: Listener) {
    if listener == Listener::Left {
        eprintln!("noded: nobody takes the snapshot of the store any more");
        drop(child.kill());
    }
    match child.wait() {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("noded: {}", failure("snapshot-save", status, &error())),
        Err(e) => eprintln!("noded: waiting for snapshot-save: {e}"),
    }
}

/// Reads the next piece; an empty one is the end.
fn read_piece(from: &mut impl Read) -> std::io::Result<Bytes> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut length = 0;
    while length < piece.len() {
        match from.read(&mut piece[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    piece.truncate(length);
    Ok(piece.into())
}
