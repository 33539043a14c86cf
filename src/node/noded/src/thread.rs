//! Threads with small stacks: nothing in this program recurses deeply.

use std::thread;

use anyhow::{Context, Result};

/// Stack size of threads in bytes.
pub const STACK_BYTES: usize = 256 << 10;

/// Starts a thread with the given name.
///
/// # Errors
/// If the kernel can't create it; `run` is dropped then.
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    thread.spawn(run).map(drop).with_context(|| format!("starting thread {name}"))
}

/// Starts a thread; if that fails, the failure is logged and the node runs without it.
pub fn spawn_or_tell(name: &str, run: impl FnOnce() + Send + 'static) {
    if let Err(e) = spawn(name, run) {
        eprintln!("noded: {e:#}");
    }
}
