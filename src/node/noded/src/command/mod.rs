//! Small commands that services use as probes and tasks. They start fast: no async runtime, no threads.

mod images;
mod part;
mod read_slot;
mod scrub_slots;
mod wait;

use std::path::PathBuf;

use anyhow::{Result, bail};

pub use images::import_images;
pub use read_slot::read_slot;
pub use scrub_slots::scrub_slots;

/// Usage, for errors.
const USAGE: &str = "noded [wait-answer URL | wait-serving URL | wait-apiserver URL | wait-unix PATH | \
                     import-images | read-slot KERNEL ROOT | scrub-slots | --version]";

/// A command of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run as the node's first service.
    Serve,
    /// Wait until the API server at a URL responds, even with an error.
    WaitAnswer(String),
    /// Wait until the API server at a URL authorizes its clients.
    WaitServing(String),
    /// Wait until the API server at a URL is ready.
    WaitApiserver(String),
    /// Wait until a unix socket accepts a connection.
    WaitUnix(String),
    /// Import the container images of the root into containerd.
    ImportImages,
    /// Read a kernel partition and a verified root completely.
    ReadSlot(PathBuf, PathBuf),
    /// Read all slots with a generation, and print the damage found.
    ScrubSlots,
    /// Print the version.
    Version,
}

/// Parses the arguments after the program's name.
///
/// # Errors
/// If they are not a valid command; the error contains the usage.
pub fn parse(arguments: &[String]) -> Result<Command> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => Ok(Command::Serve),
        ["wait-answer", url] => Ok(Command::WaitAnswer(url.to_owned())),
        ["wait-apiserver", url] => Ok(Command::WaitApiserver(url.to_owned())),
        ["wait-serving", url] => Ok(Command::WaitServing(url.to_owned())),
        ["wait-unix", path] => Ok(Command::WaitUnix(path.to_owned())),
        ["import-images"] => Ok(Command::ImportImages),
        ["read-slot", kernel, root] => Ok(Command::ReadSlot(kernel.into(), root.into())),
        ["scrub-slots"] => Ok(Command::ScrubSlots),
        ["--version"] => Ok(Command::Version),
        _ => bail!("expected {USAGE}, found {:?}", words.join(" ")),
    }
}

/// Runs a command other than [`Command::Serve`].
///
/// # Errors
/// The error of the command.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Serve => Ok(()),
        Command::WaitAnswer(url) => wait::for_answer(url),
        Command::WaitApiserver(url) => wait::for_apiserver(url),
        Command::WaitServing(url) => wait::for_serving(url),
        Command::WaitUnix(path) => wait::for_unix(path),
        Command::ImportImages => import_images(),
        Command::ReadSlot(kernel, root) => read_slot(kernel, root),
        Command::ScrubSlots => scrub_slots(),
        Command::Version => {
            println!("noded {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_only_its_own_words() {
        let parse = |text: &str| parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), Command::Serve);
        assert_eq!(parse("wait-unix /x").unwrap(), Command::WaitUnix("/x".into()));
        for bad in ["wait-unix", "wait-serving a b", "serve", "--help"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
