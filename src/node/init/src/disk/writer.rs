//! The process that writes to the disks: takes orders from PID 1 until that closes the connection.
//!
//! It may wait for a disk as long as that takes: nothing waits for it.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::Context;
use control::LogLine;

use super::order::{Done, Order};

/// Length in bytes at which the file of a log is put aside.
const MAX_FILE_BYTES: u64 = 10 << 20;
/// `O_DSYNC`: a write returns when it is on the disk.
const DSYNC: i32 = 0o10000;
/// Generations of which the logs are kept when they failed; the highest ones.
const MAX_GENERATIONS: usize = 3;

/// Where the files are.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `NAME.log` of each log, and `NAME.log.1` when that was full.
    pub(crate) logs: PathBuf,
    /// A directory for each generation that failed.
    pub(crate) failed: PathBuf,
}

impl Writer {
    /// Carries out orders until the connection ends.
    ///
    /// # Errors
    /// If the connection fails, or what comes is no order.
    pub(crate) fn serve(&self, connection: &UnixStream) -> anyhow::Result<()> {
        let mut from = BufReader::new(connection);
        while let Some(order) = control::read_message::<Order>(&mut from)? {
            let answered = order.is_answered();
            let result = self.carry_out(order);
            if answered {
                let error = result.err().map(|e| format!("{e:#}"));
                control::write_message(connection, &Done { error })?;
            }
        }
        Ok(())
    }

    /// Carries out one order.
    fn carry_out(&self, order: Order) -> anyhow::Result<()> {
        match order {
            Order::Log { name, text } => {
                self.append(&name, &text).with_context(|| format!("writing log {name}"))
            }
            Order::Record { path, offset, sector } => {
                let opened = File::options().write(true).custom_flags(DSYNC).open(&path);
                let written = opened.and_then(|f| f.write_all_at(&sector, offset));
                written.with_context(|| format!("writing the boot record to {}", path.display()))
            }
            Order::Keep { generation, name, lines } => {
                self.keep(generation, &name, &lines).with_context(|| format!("keeping log {name}"))
            }
            Order::Finish => self.remove_old().context("removing logs of old generations"),
        }
    }

    /// Appends to the file of a log. On a full disk the text is lost.
    fn append(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.logs.join(format!("{name}.log"));
        let open = || File::options().append(true).create(true).open(&path);
        let mut file = match open() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.logs)?;
                open()?
            }
            opened => opened?,
        };
        file.write_all(text.as_bytes())?;
        if file.metadata()?.len() >= MAX_FILE_BYTES {
            // If it stays, it grows on until the next try.
            fs::rename(&path, path.with_extension("log.1"))?;
        }
        Ok(())
    }

    /// Writes a log of a generation that failed.
    fn keep(&self, generation: u32, name: &str, lines: &[LogLine]) -> io::Result<()> {
        let directory = self.failed.join(generation.to_string());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let mut file = io::BufWriter::new(File::create(directory.join(format!("{name}.log")))?);
        for line in lines {
            writeln!(file, "{:6}.{:03} {}", line.at_ms / 1000, line.at_ms % 1000, line.text)?;
        }
        file.flush()
    }

    /// Removes the logs of generations beyond the last ones.
    fn remove_old(&self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.failed) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let names = entries.flatten().filter_map(|e| e.file_name().into_string().ok());
        for old in too_many(names) {
            fs::remove_dir_all(self.failed.join(Path::new(&old.to_string())))?;
        }
        Ok(())
    }
}

/// Returns the generations beyond the highest ones; a name that is no number is nobody's.
fn too_many(names: impl Iterator<Item = String>) -> Vec<u32> {
    let mut generations: Vec<u32> = names.filter_map(|n| n.parse().ok()).collect();
    generations.sort_unstable_by(|a, b| b.cmp(a));
    generations.into_iter().skip(MAX_GENERATIONS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer in a directory of its own.
    fn writer(name: &str) -> (Writer, PathBuf) {
        let base = std::env::temp_dir().join(format!("init-writer-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&base));
        (Writer { logs: base.join("log"), failed: base.join("failed") }, base)
    }

    #[test]
    fn a_full_log_is_put_aside() {
        let (writer, base) = writer("rotate");
        let text = "y".repeat(1 << 20);
        (0..11).for_each(|_| writer.carry_out(Order::Log { name: "x".into(), text: text.clone() }).unwrap());
        let length = |name: &str| fs::metadata(base.join("log").join(name)).map_or(0, |m| m.len());
        assert_eq!((length("x.log.1"), length("x.log")), (MAX_FILE_BYTES, 1 << 20));
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn logs_of_the_highest_generations_are_kept() {
        let (writer, base) = writer("keep");
        writer.carry_out(Order::Finish).unwrap();
        for generation in [9, 2, 11, 10] {
            let lines = vec![LogLine { at_ms: 61_002, text: format!("of {generation}") }];
            writer.carry_out(Order::Keep { generation, name: "etcd".into(), lines }).unwrap();
        }
        writer.carry_out(Order::Finish).unwrap();
        let text = fs::read_to_string(base.join("failed/11/etcd.log")).unwrap();
        assert_eq!(text, "    61.002 of 11\n");
        assert!(base.join("failed/9").exists() && !base.join("failed/2").exists());
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn foreign_names_are_left_alone() {
        let names = ["1", "2", "3", "4", "notes"].map(str::to_owned);
        assert_eq!(too_many(names.into_iter()), [1]);
    }

    #[test]
    fn a_record_is_answered_with_what_became_of_it() {
        let (writer, base) = writer("record");
        fs::create_dir_all(&base).unwrap();
        let path = base.join("disk");
        fs::write(&path, [0; 2048]).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        for path in [path.clone(), base.join("none")] {
            let order = Order::Record { path, offset: 512, sector: vec![7; 512] };
            control::write_message(&ours, &order).unwrap();
        }
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        writer.serve(&theirs).unwrap();
        let mut from = BufReader::new(&ours);
        let mut next = || control::read_message::<Done>(&mut from).unwrap().unwrap();
        assert_eq!(next(), Done { error: None });
        assert!(next().error.unwrap().contains("none: No such file"));
        assert_eq!(fs::read(&path).unwrap()[512..1024], [7; 512]);
        fs::remove_dir_all(&base).unwrap();
    }
}
