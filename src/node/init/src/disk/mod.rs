//! All writes to disks while the node runs, by a process of their own.
//!
//! A disk can stall for minutes (a path of a multipath device that fails over, a thin pool that is full, a cloud that
//! moves the volume), and whoever writes to it then waits in the kernel, where no signal reaches it. So PID 1 only
//! puts what is to be written into a bounded [`outbox`] and goes on; the process at the other end of a socket, this
//! program once more, waits instead. While the disk stalls the oldest lines of logs are dropped and counted; a boot
//! record is answered once it is on the disk, and nothing else waits for that.
//!
//! A process and not a thread: what it does to its memory, or its end, is nothing to PID 1.

mod order;
mod outbox;
mod writer;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::Context;
use control::{LogLine, MAX_LINE_BYTES};
use sys::{Child, Exit, Interest, Launch, Poll};

use crate::voice::Voice;
pub(crate) use order::Done;
use order::Order;
use outbox::Outbox;
pub(crate) use outbox::Portion;
use writer::Writer;

/// What this program is called with to be the process that writes.
pub(crate) const ARGUMENT: &str = "write";
/// This program; its file is gone, but the kernel still has it.
const PROGRAM: &str = "/proc/self/exe";
/// Where the files of logs are.
const LOGS: &str = "/var/log/ironhull";
/// Where the logs of generations are kept that failed their trial.
const FAILED: &str = "/state/failed";
/// Milliseconds before a process that has ended is replaced.
const AGAIN_MS: u64 = 1_000;
/// Milliseconds between two complaints about a slow disk.
const COMPLAINT_MS: u64 = 60_000;
/// Bytes read in one turn.
const TURN_BYTES: usize = 4 << 10;

/// PID 1's side.
#[derive(Debug)]
pub(crate) struct Disk {
    outbox: Outbox,
    /// Lines that were dropped since the last complaint, and when that was.
    dropped: u64,
    complained_ms: Option<u64>,
    link: Option<Link>,
    /// When a process may be started.
    start_ms: u64,
    token: u64,
}

/// The connection to the process.
#[derive(Debug)]
struct Link {
    stream: UnixStream,
    child: Option<Child>,
    /// What is left to be sent of an order.
    output: Vec<u8>,
    input: Vec<u8>,
    /// Orders that are still to be answered.
    open: usize,
}

/// Is the process that writes, until its standard output, the connection to PID 1, is closed.
///
/// # Errors
/// If that is no connection, or fails.
pub(crate) fn serve() -> anyhow::Result<()> {
    let connection = std::io::stdout().as_fd().try_clone_to_owned().context("taking the connection")?;
    Writer { logs: PathBuf::from(LOGS), failed: PathBuf::from(FAILED) }.serve(&UnixStream::from(connection))
}

impl Disk {
    /// Nothing waits, and there is no process yet: [`Disk::exchange`] starts it. Events come with `token`.
    pub(crate) fn new(token: u64) -> Disk {
        Disk { outbox: Outbox::default(), dropped: 0, complained_ms: None, link: None, start_ms: 0, token }
    }

    /// Has lines of a log written, or drops older ones if the disk is too slow.
    pub(crate) fn log(&mut self, portion: Portion) {
        self.dropped = self.dropped.saturating_add(self.outbox.push_log(portion));
    }

    /// Has a sector of the boot record written, before anything else that waits. Answered by [`Disk::exchange`].
    pub(crate) fn record(&mut self, path: PathBuf, offset: u64, sector: Vec<u8>) {
        self.outbox.push_urgent(Order::Record { path, offset, sector });
    }

    /// Has a log of a generation kept that failed its trial, after everything else.
    pub(crate) fn keep(&mut self, generation: u32, name: String, lines: Vec<LogLine>) {
        self.outbox.push_last(Order::Keep { generation, name, lines });
    }

    /// Answered by [`Disk::exchange`] when everything was written.
    pub(crate) fn finish(&mut self) {
        self.outbox.push_last(Order::Finish);
    }

    /// Returns whether nothing waits to be sent.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.link.as_ref().is_none_or(|link| link.output.is_empty())
    }

    /// Returns when [`Disk::exchange`] is due although nothing happens.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        (self.link.is_none() && !self.outbox.is_empty()).then_some(self.start_ms)
    }

    /// Sends what can be sent without waiting, and returns the answers that have come, starting the process if there
    /// is none. To be called in each turn.
    pub(crate) fn exchange(&mut self, poll: &Poll, voice: &mut Voice) -> Vec<Done> {
        self.complain(voice);
        if self.link.is_none() && !self.outbox.is_empty() && sys::boot_ms() >= self.start_ms {
            self.start_ms = sys::boot_ms() + AGAIN_MS;
            self.link = voice.said(start(poll, self.token));
        }
        let Some(link) = &mut self.link else { return Vec::new() };
        let answers = link.receive();
        let sent = link.send(&mut self.outbox);
        let interest = if link.output.is_empty() { Interest::Read } else { Interest::Both };
        let waits = poll.change(&link.stream, self.token, interest);
        match (answers, sent && waits.is_ok()) {
            (Ok(answers), true) => answers,
            (answers, _) => {
                voice.error("the process that writes to the disks has ended, starting another one");
                let mut answers = answers.unwrap_or_default();
                answers.extend(self.break_off());
                answers
            }
        }
    }

    /// Gives the connection up; returns an answer for each order that has none.
    fn break_off(&mut self) -> Vec<Done> {
        let open = self.link.take().map_or(0, |link| link.open) + self.outbox.forget_answered();
        let error = Some("the process that writes to the disks has ended".to_owned());
        vec![Done { error }; open]
    }

    /// Takes the end of the child with this number; returns whether it was the process.
    pub(crate) fn ended(&mut self, pid: u32, exit: Exit, voice: &mut Voice) -> bool {
        let Some(link) = &mut self.link else { return false };
        let Some(child) = link.child.take_if(|child| child.pid == pid) else { return false };
        let how = child.failure().unwrap_or_else(|| exit.to_string());
        voice.error(&format!("the process that writes to the disks ended with {how}"));
        true
    }

    /// Tells, once in a while, that lines were dropped.
    fn complain(&mut self, voice: &mut Voice) {
        let now = sys::boot_ms();
        if self.dropped > 0 && self.complained_ms.is_none_or(|at| now >= at + COMPLAINT_MS) {
            self.complained_ms = Some(now);
            let dropped = std::mem::take(&mut self.dropped);
            voice.error(&format!("the disk takes no logs: {dropped} lines are in no file"));
        }
    }
}

/// Starts the process.
fn start(poll: &Poll, token: u64) -> anyhow::Result<Link> {
    let (stream, theirs) = UnixStream::pair().context("making a connection")?;
    stream.set_nonblocking(true).context("making a connection")?;
    let child = sys::spawn(&Launch {
        command: &[PROGRAM.to_owned(), ARGUMENT.to_owned()],
        environment: &[],
        uid: 0,
        gid: 0,
        cgroup: None,
        output: theirs.as_fd(),
        oom_score_adj: Some(-999),
        open_files: None,
        timer_slack_ns: None,
        capabilities: &[],
    })?;
    poll.add(&stream, token, Interest::Read)?;
    Ok(Link::over(stream, Some(child)))
}

impl Link {
    const fn over(stream: UnixStream, child: Option<Child>) -> Link {
        Link { stream, child, output: Vec::new(), input: Vec::new(), open: 0 }
    }

    /// Sends orders until the connection takes no more; false when it is over.
    fn send(&mut self, outbox: &mut Outbox) -> bool {
        loop {
            if self.output.is_empty() {
                let Some(order) = outbox.pop() else { return true };
                self.open += usize::from(order.is_answered());
                self.output = frame(&order);
            }
            match self.stream.write(&self.output) {
                Ok(n) => drop(self.output.drain(..n.min(self.output.len()))),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// Reads the answers that have come.
    ///
    /// # Errors
    /// When the connection is over, or the other side talks nonsense.
    fn receive(&mut self) -> anyhow::Result<Vec<Done>> {
        let mut buffer = [0; TURN_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => anyhow::bail!("the connection is closed"),
            Ok(n) => self.input.extend(buffer.iter().take(n)),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(e) => return Err(e.into()),
        }
        let end = self.input.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        anyhow::ensure!(self.input.len() - end < MAX_LINE_BYTES, "an answer without an end");
        let rest = self.input.split_off(end);
        let lines = std::mem::replace(&mut self.input, rest);
        let answers: Vec<Done> =
            lines.split_inclusive(|b| *b == b'\n').map(serde_json::from_slice).collect::<Result<_, _>>()?;
        self.open = self.open.saturating_sub(answers.len());
        Ok(answers)
    }
}

/// Returns an order as a line. One that is too long, as only a log to be kept can be, becomes an empty one.
fn frame(order: &Order) -> Vec<u8> {
    // Orders consist of texts and numbers, which JSON can always say.
    let mut line = serde_json::to_vec(order).unwrap_or_default();
    line.push(b'\n');
    match order {
        Order::Keep { generation, name, .. } if line.len() > MAX_LINE_BYTES => {
            frame(&Order::Keep { generation: *generation, name: name.clone(), lines: Vec::new() })
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use std::thread;

    const TOKEN: u64 = 7;

    /// A disk whose process is a thread that writes below `base`.
    fn disk(base: &Path, poll: &Poll) -> (Disk, thread::JoinHandle<()>) {
        let (stream, theirs) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        poll.add(&stream, TOKEN, Interest::Read).unwrap();
        let writer = Writer { logs: base.join("log"), failed: base.join("failed") };
        let thread = thread::spawn(move || drop(writer.serve(&theirs)));
        (Disk { link: Some(Link::over(stream, None)), ..Disk::new(TOKEN) }, thread)
    }

    fn base(name: &str) -> PathBuf {
        let base = std::env::temp_dir().join(format!("init-disk-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&base));
        fs::create_dir_all(base.join("log")).unwrap();
        base
    }

    fn portion(n: usize) -> Portion {
        Portion { log: "etcd".into(), text: format!("{n:9}\n").repeat(1000), lines: 1000 }
    }

    #[test]
    fn a_disk_that_stalls_holds_nothing_up_and_costs_the_oldest_lines() {
        let base = base("stall");
        // Whoever opens a FIFO waits in the kernel until somebody reads it, as one does who writes to a disk that
        // does not answer.
        let stalled = base.join("log/etcd.log");
        assert!(std::process::Command::new("mkfifo").arg(&stalled).status().unwrap().success());
        let poll = Poll::new().unwrap();
        let (mut disk, thread) = disk(&base, &poll);
        let mut voice = Voice::default();
        // Far more than the connection and the outbox hold together: none of it waits.
        for n in 0..1000 {
            disk.log(portion(n));
            assert_eq!(disk.exchange(&poll, &mut voice), []);
        }
        let record = base.join("record");
        fs::write(&record, [0; 512]).unwrap();
        disk.record(record.clone(), 0, vec![5; 512]);
        assert_eq!(disk.exchange(&poll, &mut voice), [], "nobody has written it");
        assert!(voice.take_kept().iter().any(|line| line.text.contains("the disk takes no logs")));
        // The disk answers again.
        let reader = thread::spawn(move || {
            let mut text = String::new();
            loop {
                text += &fs::read_to_string(&stalled).unwrap();
                if text.contains("      999\n") {
                    return text;
                }
            }
        });
        let mut answers = Vec::new();
        while !disk.is_idle() || answers.is_empty() {
            poll.wait(None).unwrap();
            answers.extend(disk.exchange(&poll, &mut voice));
        }
        assert_eq!(answers, [Done { error: None }]);
        assert_eq!(fs::read(&record).unwrap(), [5; 512]);
        let text = reader.join().unwrap();
        assert!(text.contains("lines lost: the disk was too slow"));
        drop(disk);
        thread.join().unwrap();
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn orders_of_a_process_that_ends_are_answered() {
        let poll = Poll::new().unwrap();
        let (stream, theirs) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        poll.add(&stream, TOKEN, Interest::Read).unwrap();
        let mut disk = Disk { link: Some(Link::over(stream, None)), ..Disk::new(TOKEN) };
        disk.start_ms = u64::MAX;
        let mut voice = Voice::default();
        disk.record("/x".into(), 0, Vec::new());
        assert_eq!(disk.exchange(&poll, &mut voice), []);
        disk.record("/x".into(), 0, Vec::new());
        drop(theirs);
        let answers = disk.exchange(&poll, &mut voice);
        assert_eq!(answers.len(), 2);
        assert!(answers.iter().all(|done| done.error.is_some()));
        assert!(disk.is_idle());
    }
}
