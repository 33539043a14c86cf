//! PID 1 of a generation that fails in the way given by `death=` on its command line; also a `noded` that
//! reports once and hangs. It never reports an error or resets the machine: others are tested for that.

use std::path::Path;
use std::time::Duration;

use sys::{MountFlags, Watchdog};

/// Shorter than that of `init`, to save time.
const TIMEOUT_SECS: i32 = 10;

fn main() {
    if std::process::id() != 1 {
        report();
        sleep();
    }
    // The kernel passes unknown words of its command line to its first program as environment variables.
    match std::env::var("death").as_deref() {
        Ok("exit") => println!("dying: ends"),
        Ok("starve") => {
            let armed = arm_watchdog();
            println!("dying: armed {armed:?}, it will not be fed");
            sleep();
        }
        _ => {
            println!("dying: never gets to a watchdog");
            sleep();
        }
    }
}

/// Reports to `init` that `noded` is running and not healthy yet.
fn report() {
    let health = control::Request::Health { problem: Some("dying".to_owned()), deadline_secs: None };
    match std::os::unix::net::UnixStream::connect(control::SOCKET_PATH) {
        Ok(stream) => drop(control::write_message(&stream, &health)),
        Err(e) => println!("dying: {e}"),
    }
}

/// Arms the first watchdog, which is the hardware one if there is one, as `init` does.
fn arm_watchdog() -> Option<Watchdog> {
    let mounted = sys::mount(("devtmpfs", "dev"), Path::new("/dev"), MountFlags::empty(), "");
    let armed = mounted.and_then(|()| Watchdog::arm(Path::new("/dev/watchdog0"), TIMEOUT_SECS));
    armed.map_err(|e| println!("dying: {e}")).ok().map(|(watchdog, _)| watchdog)
}

/// Never returns.
fn sleep() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
