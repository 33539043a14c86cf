//! Waits for something to answer. Each wait is limited: the caller asks again.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::kube::{Access, Kube};

/// Between two tries at a socket.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two questions to the apiserver. Each makes it run all its checks, while it starts.
const KUBE_PAUSE: Duration = Duration::from_millis(500);
/// Longest wait for an apiserver or another service on this machine.
const LONGEST: Duration = Duration::from_secs(600);
/// Longest wait for a unix socket: this one is a health check too.
const LONGEST_UNIX: Duration = Duration::from_secs(10);
/// What may be shown by who probes the apiserver as its own user.
const PROBE_DIRECTORY: &str = "/state/pki/apiserver";

/// Waits until the apiserver says that it is ready. The connection is kept between two questions: a new
/// one for each costs an emulated machine more than the answer.
pub fn for_apiserver(url: &str) -> Result<()> {
    let kube = Kube::new(&Access::in_directory(url, Path::new(PROBE_DIRECTORY), "probe"))?;
    until(LONGEST, KUBE_PAUSE, || match kube.is_ready() {
        Ok(true) => Ok(()),
        Ok(false) => bail!("the apiserver at {url} is not ready"),
        Err(e) => Err(e),
    })
}

/// Waits until the apiserver answers, be it with a refusal. Its port accepts connections long before: it
/// listens first of all and answers when its store does.
pub fn for_answer(url: &str) -> Result<()> {
    let kube = Kube::new(&Access::in_directory(url, Path::new(PROBE_DIRECTORY), "probe"))?;
    until(LONGEST, KUBE_PAUSE, || kube.is_serving().map(drop))
}

/// Waits until the apiserver serves its clients, ready or not: before it has made the roles it refuses them.
pub fn for_serving(url: &str) -> Result<()> {
    let kube = Kube::new(&Access::in_directory(url, Path::new(PROBE_DIRECTORY), "probe"))?;
    until(LONGEST, KUBE_PAUSE, || match kube.is_serving() {
        Ok(true) => Ok(()),
        Ok(false) => bail!("the apiserver at {url} refuses its clients"),
        Err(e) => Err(e),
    })
}

/// Waits until a unix socket accepts a connection.
pub fn for_unix(path: &str) -> Result<()> {
    until(LONGEST_UNIX, PAUSE, || {
        UnixStream::connect(path).map(drop).with_context(|| format!("connecting to {path}"))
    })
}

/// Tries until `attempt` succeeds or the time is over, with a pause between; then its last error counts.
fn until(longest: Duration, pause: Duration, mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
    let end = Instant::now() + longest;
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(e) if Instant::now() >= end => return Err(e),
            Err(_) => thread::sleep(pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_a_socket_that_comes_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let later = path.clone();
        let server = thread::spawn(move || std::os::unix::net::UnixListener::bind(later).unwrap());
        for_unix(path.to_str().unwrap()).unwrap();
        drop(server.join());
    }

    #[test]
    fn gives_up_with_the_last_error() {
        let error = until(Duration::ZERO, PAUSE, || bail!("no")).unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
