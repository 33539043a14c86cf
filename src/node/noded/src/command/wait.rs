//! Waits for a service to respond. Each wait has a limit; the caller tries again.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::kube::{Access, Kube};

/// Pause between two connection attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// Pause between two requests to the API server. Each makes it run all its checks, while it is starting.
const KUBE_PAUSE: Duration = Duration::from_millis(500);
/// Time limit for waiting for the API server or another service on this machine.
const LONGEST: Duration = Duration::from_secs(600);
/// Time limit for waiting for a unix socket, which is also used as a health check.
const LONGEST_UNIX: Duration = Duration::from_secs(10);
/// Directory with the certificates for probing the API server as its own user.
const PROBE_DIRECTORY: &str = "/state/pki/apiserver";

/// Waits until the API server is ready. The connection is kept between requests: on an emulated machine a new
/// one for each costs more than the response.
pub fn for_apiserver(url: &str) -> Result<()> {
    let kube = Kube::new(&Access::in_directory(url, Path::new(PROBE_DIRECTORY), "probe"))?;
    until(LONGEST, KUBE_PAUSE, || match kube.is_ready() {
        Ok(true) => Ok(()),
        Ok(false) => bail!("the apiserver at {url} is not ready"),
        Err(e) => Err(e),
    })
}

/// Waits until the API server responds, even with an error. An open port is not enough: it listens first and
/// responds only when its store does.
pub fn for_answer(url: &str) -> Result<()> {
    let kube = Kube::new(&Access::in_directory(url, Path::new(PROBE_DIRECTORY), "probe"))?;
    until(LONGEST, KUBE_PAUSE, || kube.is_serving().map(drop))
}

/// Waits until the API server authorizes its clients, ready or not: it refuses them until it has created the
/// roles.
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

/// Calls `attempt`, with pauses, until it succeeds or the time is over; then returns its last error.
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
