//! `ironhull stop`: shuts down machines that `run` started.

use anyhow::Result;
use serde_json::json;
use vm::{Machine, MachineDir, Stopped};

use crate::cmdline::{Global, Stop};
use crate::output;

/// Runs the command.
pub fn run(global: &Global, options: &Stop) -> Result<()> {
    // One that can't be stopped must not keep the others running.
    let stopped: Vec<_> = options.names.iter().map(|name| (name, stop(name, options))).collect();
    let mut first_error = None;
    for (name, stopped) in stopped {
        match stopped {
            Ok(stopped) => report(global, name, stopped == Stopped::Clean)?,
            Err(e) if first_error.is_none() => first_error = Some(e),
            Err(e) => output::tell(&crate::hint::report(&e)),
        }
    }
    first_error.map_or(Ok(()), Err)
}

fn stop(name: &str, options: &Stop) -> Result<Stopped> {
    let machine = Machine::new(MachineDir::named(name)?);
    if machine.pid().is_some() {
        output::tell(&format!("asking machine {name} to shut down"));
    }
    Ok(machine.stop(options.grace)?)
}

fn report(global: &Global, name: &str, clean: bool) -> Result<()> {
    output::result(global.json, &json!({ "name": name, "clean": clean }), |_| {
        let how = if clean { "has shut down" } else { "did not shut down in time and was cut off" };
        format!("machine {name} {how}; its disk is kept\n")
    })
}
