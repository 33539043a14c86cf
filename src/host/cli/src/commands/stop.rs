//! `ironhull stop`: shuts down a machine that `run` started.

use anyhow::Result;
use serde_json::json;
use vm::{Machine, MachineDir, Stopped};

use crate::cmdline::{Global, Stop};
use crate::output;

/// Runs the command.
pub fn run(global: &Global, options: &Stop) -> Result<()> {
    let machine = Machine::new(MachineDir::named(&options.name)?);
    if machine.pid().is_some() {
        output::tell(&format!("asking machine {} to shut down", options.name));
    }
    let stopped = machine.stop(options.grace)?;
    let clean = stopped == Stopped::Clean;
    output::result(global.json, &json!({ "name": options.name, "clean": clean }), |_| {
        let how = if clean { "has shut down" } else { "did not shut down in time and was cut off" };
        format!("machine {} {how}; its disk is kept\n", options.name)
    })
}
