//! `ironhull stop`.

use std::time::Duration;

use clap::Args;

use super::values::duration;

/// Stop a machine that `run` started.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull stop single")]
pub struct Stop {
    /// Name of the machine
    pub name: String,
    /// Kill the machine after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = duration)]
    pub grace: Duration,
}
