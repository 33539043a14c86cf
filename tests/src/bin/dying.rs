//! PID 1 of a generation that dies, by the word `death=` of its command line; in place of `noded`, one that
//! reports once and hangs. Nothing here tells an error or resets: that is what others are tested for.

use std::path::Path;
use std::time::Duration;

use sys::{MountFlags, Watchdog};

/// Shorter than that of `init`, since nobody learns anything from waiting.
const TIMEOUT_SECS: i32 = 10;

fn main() {
    if std::process::id() != 1 {
        report();
        sleep();
    }
    // What the kernel does not know of its command line is the environment of its first program.
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

/// Reports to `init` that `noded` runs and is not healthy yet.
fn report() {
    let health = control::Request::Health { problem: Some("dying".to_owned()), deadline_secs: None };
    match std::os::unix::net::UnixStream::connect(control::SOCKET_PATH) {
        Ok(stream) => drop(control::write_message(&stream, &health)),
        Err(e) => println!("dying: {e}"),
    }
}

/// Arms the first watchdog, the one of hardware where there is one, with the call that `init` arms it with.
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
