//! The store's program as a tool: `PROGRAM ORDER --name=value …`, with the flags with which it serves. The orders are
//! described in `rootfs/components/etcd/cmd/etcd/order.go`; kine has the same.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use control::{ServiceSpec, User};

use crate::node::Node;

/// Longest error that is taken from the program.
const MAX_ERROR_BYTES: u64 = 16 << 10;
/// Longest part of an error that is told.
const MAX_TOLD_CHARS: usize = 500;

/// The store's program, with the flags with which it serves.
#[derive(Clone, Debug)]
pub(super) struct Program(ServiceSpec);

impl Program {
    /// The program of the store that was planned last; `None` if none was.
    pub(super) fn of(node: &Node) -> Option<Program> {
        node.planned().services.iter().find(|s| s.name == cluster::STORE).cloned().map(Program)
    }

    /// The program at `path`, run as the caller.
    #[cfg(test)]
    pub(super) fn running(path: &std::path::Path) -> Program {
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let path = path.display();
        let text = format!(
            r#"{{"name":"etcd","command":["{path}"],"environment":{{"PATH":"/usr/bin:/bin"}},"user":{{"uid":{uid},"gid":{gid}}}}}"#
        );
        Program(serde_json::from_str(&text).expect("this is a service"))
    }

    /// Returns whose the data is.
    pub(super) fn user(&self) -> User {
        self.0.user
    }

    /// Returns the command of an order with flags of its own; nothing is started.
    ///
    /// # Errors
    /// If the service has no program.
    pub(super) fn command(&self, order: &str, flags: &[String]) -> Result<Command> {
        let (program, served) = self.0.command.split_first().context("the store has no program")?;
        let mut command = Command::new(program);
        command.arg(order).args(served).args(flags);
        command.env_clear().envs(&self.0.environment).uid(self.0.user.uid).gid(self.0.user.gid);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// Carries an order out; returns its result.
    ///
    /// # Errors
    /// If it can't be started, or fails: its own error.
    pub(super) fn run(&self, order: &str, flags: &[String]) -> Result<Vec<u8>> {
        let output = self.command(order, flags)?.output().with_context(|| format!("starting {order}"))?;
        if !output.status.success() {
            bail!("{}", failure(order, output.status, &output.stderr));
        }
        Ok(output.stdout)
    }
}

/// Reads what a program says of its failure, to its end.
pub(super) fn read_error(mut from: impl Read) -> Vec<u8> {
    let mut text = Vec::new();
    // What can't be read is missing in the error; the program's end tells the rest.
    let _ = from.by_ref().take(MAX_ERROR_BYTES).read_to_end(&mut text);
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    text
}

/// Returns why an order failed: the program's own line, or how it ended.
pub(super) fn failure(order: &str, status: ExitStatus, error: &[u8]) -> String {
    let text = String::from_utf8_lossy(error);
    let first = text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let told: String = first.chars().take(MAX_TOLD_CHARS).collect();
    match told.strip_prefix("error: ") {
        Some(why) if status.code() == Some(1) => why.to_owned(),
        // The database's library answers some damage by ending the program.
        _ => format!("{order}: {status}: {told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn an_error_is_the_programs_own_line_or_how_it_ended() {
        let code = |code: i32| ExitStatus::from_raw(code << 8);
        let own = failure("snapshot-check", code(1), b"error: snapshot-check: it is damaged\n");
        assert_eq!(own, "snapshot-check: it is damaged");
        let fatal =
            failure("snapshot-check", code(2), b"\nunexpected fault address 0x7f\nfatal error: fault\n");
        assert_eq!(fatal, "snapshot-check: exit status: 2: unexpected fault address 0x7f");
        let killed = failure("snapshot-check", ExitStatus::from_raw(9), b"");
        assert_eq!(killed, "snapshot-check: signal: 9 (SIGKILL): ");
    }

    #[test]
    fn a_long_error_is_read_to_its_end_and_cut() {
        let long = vec![b'x'; 1 << 20];
        let mut rest = long.as_slice();
        let length = u64::try_from(read_error(&mut rest).len()).unwrap();
        assert_eq!((length, rest.len()), (MAX_ERROR_BYTES, 0));
    }
}
