//! `ironhull stop`.

use std::time::Duration;

use clap::Args;

use super::values::duration;

/// Stop machines that `run` started.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull stop single")]
pub struct Stop {
    /// Names of the machines, which are stopped one after the other
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Kill a machine after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = duration)]
    pub grace: Duration,
}
