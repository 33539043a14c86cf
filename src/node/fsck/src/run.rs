//! One run of a program, watched: its output is read as it comes, and it does not run longer than it may.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::lines::Lines;

/// Time between two looks at it.
const LOOK: Duration = Duration::from_millis(20);
/// Pieces of 4 KiB that are read between two looks: a pipe holds 16 (pipe(7)).
const PIECES: usize = 64;
/// How long it may take to stop: it finishes what it has begun to write.
const STOP: Duration = Duration::from_secs(10);
/// `SIGTERM` (signal(7)).
const TERMINATE: i32 = 15;

/// Runs it with these arguments; returns how it ended, `None` if it did not by itself.
pub(crate) fn run(
    (program, arguments): (&Path, &[OsString]),
    limit: Duration,
    kept: &mut Lines,
) -> std::io::Result<Option<ExitStatus>> {
    let (mut output, writer) = sys::pipe().map_err(std::io::Error::other)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // With its ends of the pipe, so that the output has an end.
    drop(command);
    if let Some(status) = watch((&mut child, &mut output), limit, kept)? {
        return Ok(Some(status));
    }
    // It may have ended this moment.
    drop(sys::kill(child.id(), TERMINATE));
    if watch((&mut child, &mut output), STOP, kept)?.is_none() {
        // One that waits for a disk ends when that answers; it is not waited for.
        child.kill()?;
    }
    Ok(None)
}

/// Takes the output until the program ends; `None` if it has not after `limit`.
fn watch(
    (child, output): (&mut Child, &mut File),
    limit: Duration,
    kept: &mut Lines,
) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        let ended = child.try_wait()?;
        drain(output, kept)?;
        if ended.is_some() || began.elapsed() >= limit {
            return Ok(ended);
        }
        sleep(LOOK);
    }
}

/// Takes what there is: more than a pipe holds, but not all of a program that never stops talking.
fn drain(output: &mut File, kept: &mut Lines) -> std::io::Result<()> {
    let mut piece = [0; 4096];
    for _ in 0..PIECES {
        match output.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => kept.take(piece.get(..length).unwrap_or_default()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> (Option<ExitStatus>, Vec<String>) {
        let mut kept = Lines::default();
        let arguments = ["-c".into(), script.into()];
        let ended = run((Path::new("/bin/sh"), &arguments), limit, &mut kept).unwrap();
        (ended, kept.finish())
    }

    #[test]
    fn all_output_of_a_program_that_ends_is_taken() {
        let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo end >&2; exit 4";
        let (ended, lines) = shell(script, Duration::MAX);
        assert_eq!(ended.unwrap().code(), Some(4));
        assert_eq!((lines[0].as_str(), lines.last().unwrap().as_str()), ("line 0", "end"));
    }

    #[test]
    fn a_program_that_takes_too_long_is_stopped() {
        assert_eq!(shell("while :; do sleep 0.01; done", Duration::ZERO).0, None);
        assert_eq!(shell("while :; do echo talks; done", Duration::ZERO).0, None);
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let mut kept = Lines::default();
        assert!(run((Path::new("/nowhere"), &[]), Duration::MAX, &mut kept).is_err());
    }
}
