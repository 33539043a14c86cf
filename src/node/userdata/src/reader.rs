//! A block device that is read by a thread of its own. A disk that is dying, or a LUN without a path, keeps whoever reads
//! it in the kernel for minutes, where nothing can end the wait; so the thread waits, and everybody else goes on.
//!
//! A thread whose device does not answer is left behind, and the device is not asked again before it has: searches come
//! every few seconds, and each would leave another one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use formats::disk::ReadAt;
use formats::volume::{Volume, VolumeError};

/// Stack of a thread in bytes.
const STACK_BYTES: usize = 256 << 10;
/// Most bytes of one request.
const PIECE_BYTES: usize = 64 << 10;

/// Devices of which a thread waits for the first answer.
static WAITING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn waiting() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a device says of itself.
pub(crate) type Answer = Result<Option<(String, Volume<Device>)>, VolumeError>;

/// A read, and where its result goes.
struct Request {
    offset: u64,
    length: usize,
    reply: SyncSender<io::Result<Vec<u8>>>,
}

/// A device that a thread reads.
#[derive(Debug)]
pub(crate) struct Device {
    bytes: u64,
    requests: Sender<Request>,
    /// When reading has to be done.
    until: Instant,
    /// It did not answer once.
    silent: AtomicBool,
}

/// Asks all devices for their volumes at once, and waits for `patience` at most. Returns the answer of each; `None` of
/// one that has not answered.
pub(crate) fn ask(devices: &[PathBuf], patience: Duration) -> Vec<Option<Answer>> {
    let began = Instant::now();
    let (answers, inbox) = channel();
    let mut all: Vec<Option<Answer>> = Vec::new();
    let mut open = 0;
    for (index, path) in devices.iter().enumerate() {
        all.push(None);
        if !waiting().insert(path.clone()) {
            continue;
        }
        match begin(path.clone(), index, answers.clone()) {
            Ok(()) => open += 1,
            Err(e) => {
                waiting().remove(path);
                all[index] = Some(Err(e.into()));
            }
        }
    }
    while open > 0 {
        let left = patience.saturating_sub(began.elapsed());
        let Ok((index, first)) = inbox.recv_timeout(left) else { break };
        open -= 1;
        // Reading what was found may take as long again.
        let until = began + 2 * patience;
        all[index] = Some(first.and_then(|first| first.map_or(Ok(None), |found| volume(found, until))));
    }
    all
}

/// The first answer of a thread: how large the device is, whether it has a volume with a label, and where further reads
/// are asked for.
type First = Result<Option<(u64, Sender<Request>)>, VolumeError>;

/// Starts the thread of a device.
fn begin(path: PathBuf, index: usize, answers: Sender<(usize, First)>) -> io::Result<()> {
    let run = move || {
        let (first, work) = match open(&path) {
            Ok(Some(opened)) => {
                let (requests, inbox) = channel();
                (Ok(Some((opened.bytes, requests))), Some((opened, inbox)))
            }
            Ok(None) => (Ok(None), None),
            Err(e) => (Err(e), None),
        };
        waiting().remove(&path);
        // Whoever asked may have gone on, and then wants nothing more.
        if answers.send((index, first)).is_ok()
            && let Some((opened, inbox)) = work
        {
            serve(&opened, &inbox);
        }
    };
    thread::Builder::new().name("device".to_owned()).stack_size(STACK_BYTES).spawn(run).map(drop)
}

/// Opens a device; `None` if it has no volume with a label.
fn open(path: &Path) -> Result<Option<Opened>, VolumeError> {
    let mut file = File::open(path)?;
    let bytes = file.seek(SeekFrom::End(0))?;
    let opened = Opened { file, bytes };
    let has_label = match Volume::open(&opened)? {
        Some(volume) => !volume.label()?.is_empty(),
        None => false,
    };
    Ok(has_label.then_some(opened))
}

/// Reads what is asked for, until nobody asks any more.
fn serve(opened: &Opened, inbox: &Receiver<Request>) {
    for Request { offset, length, reply } in inbox {
        let mut bytes = vec![0; length];
        let read = opened.file.read_exact_at(&mut bytes, offset).map(|()| bytes);
        // Whoever asked may have gone on.
        drop(reply.send(read));
    }
}

/// Opens the volume once more, through the thread.
fn volume((bytes, requests): (u64, Sender<Request>), until: Instant) -> Answer {
    let device = Device { bytes, requests, until, silent: AtomicBool::new(false) };
    let Some(volume) = Volume::open(device)? else { return Ok(None) };
    let label = volume.label()?;
    Ok(Some((label, volume)).filter(|(label, _)| !label.is_empty()))
}

/// A device as its thread reads it.
#[derive(Debug)]
struct Opened {
    file: File,
    bytes: u64,
}

impl ReadAt for Opened {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buf, offset)
    }
}

impl Device {
    /// Asks for one piece.
    fn piece(&self, length: usize, offset: u64) -> io::Result<Vec<u8>> {
        let silence = || io::Error::new(ErrorKind::TimedOut, "the device does not answer");
        if self.silent.load(Ordering::Relaxed) {
            return Err(silence());
        }
        let (reply, inbox) = sync_channel(1);
        // A thread that has ended does not answer either.
        drop(self.requests.send(Request { offset, length, reply }));
        let left = self.until.saturating_duration_since(Instant::now());
        inbox.recv_timeout(left).unwrap_or_else(|e: RecvTimeoutError| {
            self.silent.store(e == RecvTimeoutError::Timeout, Ordering::Relaxed);
            Err(silence())
        })
    }
}

impl ReadAt for Device {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut at = offset;
        for part in buf.chunks_mut(PIECE_BYTES) {
            let piece = self.piece(part.len(), at)?;
            part.copy_from_slice(&piece);
            at += piece.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any read of a file takes.
    const LONG: Duration = Duration::from_secs(600);

    fn iso(folder: &Path, name: &str) -> PathBuf {
        let files = [("user-data".to_owned(), vec![b'a'; 200_000])].into();
        let path = folder.join(name);
        std::fs::write(&path, formats::iso9660::write("cidata", &files).unwrap()).unwrap();
        path
    }

    /// A device that does not answer: opening it waits for somebody who writes.
    fn silent(folder: &Path) -> PathBuf {
        let path = folder.join("sda");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    #[test]
    fn devices_are_read_through_their_threads() {
        let folder = tempfile::tempdir().unwrap();
        let (good, other) = (iso(folder.path(), "sr0"), folder.path().join("vda"));
        std::fs::write(&other, [0; 9000]).unwrap();
        let missing = folder.path().join("sr1");
        let mut answers = ask(&[good, other, missing], LONG).into_iter();
        let (label, volume) = answers.next().unwrap().unwrap().unwrap().unwrap();
        assert_eq!(label, "cidata");
        assert_eq!(volume.read("user-data", 1 << 20).unwrap().unwrap(), vec![b'a'; 200_000]);
        assert!(matches!(answers.next(), Some(Some(Ok(None)))));
        assert!(matches!(answers.next(), Some(Some(Err(VolumeError::Io(_))))));
    }

    #[test]
    fn one_that_does_not_answer_holds_nobody_up_and_is_asked_once() {
        let folder = tempfile::tempdir().unwrap();
        let (dead, good) = (silent(folder.path()), iso(folder.path(), "sr0"));
        assert!(matches!(ask(std::slice::from_ref(&dead), Duration::ZERO)[..], [None]));
        // It is not waited for again: this would last for minutes.
        let answers = ask(&[dead.clone(), good], LONG);
        assert!(matches!(&answers[..], [None, Some(Ok(Some(_)))]), "{answers:?}");
        // It comes back, and says that it is no volume.
        drop(File::options().write(true).open(&dead).unwrap());
        while waiting().contains(&dead) {
            thread::yield_now();
        }
        std::fs::remove_file(&dead).unwrap();
        std::fs::write(&dead, [0; 9000]).unwrap();
        assert!(matches!(ask(&[dead], LONG)[..], [Some(Ok(None))]));
    }

    #[test]
    fn a_device_that_falls_silent_later_is_given_up() {
        let (requests, inbox) = channel();
        let device = Device { bytes: 4096, requests, until: Instant::now(), silent: AtomicBool::new(false) };
        let error = device.read_exact_at(&mut [0; 16], 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(inbox);
        assert!(device.read_exact_at(&mut [0; 16], 0).is_err() && device.silent.load(Ordering::Relaxed));
    }
}
