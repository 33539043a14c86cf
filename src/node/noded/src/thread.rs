//! Threads with small stacks: nothing in this program recurses deeply.

use std::thread;

use anyhow::{Context, Result};

/// Stacks of our threads, in bytes.
pub const STACK_BYTES: usize = 256 << 10;

/// Starts a thread that is named `name`.
///
/// # Errors
/// If the kernel refuses one; `run` is dropped then.
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    thread.spawn(run).map(drop).with_context(|| format!("starting thread {name}"))
}

/// Starts a thread; without it the node lacks one thing, which is logged, but runs.
pub fn spawn_or_tell(name: &str, run: impl FnOnce() + Send + 'static) {
    if let Err(e) = spawn(name, run) {
        eprintln!("noded: {e:#}");
    }
}
