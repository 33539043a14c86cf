//! `ironhull`: builds, boots and manages immutable Kubernetes appliances.
//!
//! Results go to standard output, messages and progress to standard error. Exit codes: 0 done, 1 failed,
//! 2 wrong usage.
#![forbid(unsafe_code)]

mod access;
mod cmdline;
mod commands;
mod credentials;
mod hint;
mod interrupt;
mod output;
mod progress;
mod source_tree;
mod workspace;

use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue};

use cmdline::{Cli, Command};

fn main() -> ExitCode {
    let Cli { global, command } = Cli::try_parse().unwrap_or_else(|e| without_credentials(e).exit());
    let outcome = match command {
        Command::Build(options) => commands::build::run(&global, &options),
        Command::Run(options) => commands::run::run(&global, &options),
        Command::Stop(options) => commands::stop::run(&global, &options),
        Command::Inspect(options) => commands::inspect::run(&global, &options),
        Command::Bundle(options) => commands::bundle::run(&global, &options),
        Command::Config(options) => commands::config::run(&global, &options),
        Command::Keys(options) => commands::keys::run(&global, &options),
        Command::Cache(options) => commands::cache::run(&global, &options),
        Command::Lock(options) => commands::lock::run(&global, &options),
        Command::Netboot(options) => commands::netboot::run(&global, &options),
        Command::Node(options) => commands::node::run(&global, &options),
        Command::Token(options) => commands::token::run(&global, &options),
        Command::Kubeconfig(options) => commands::kubeconfig::run(&global, &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(hint::report(&error).trim_end());
            ExitCode::from(hint::exit_code(&error))
        }
    }
}

/// Removes credentials from the URLs in an error about the command line.
fn without_credentials(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        let shown = match error.get(kind) {
            Some(ContextValue::String(text)) if text.contains("://") => api::WebUrl::new(text).to_string(),
            _ => continue,
        };
        error.insert(kind, ContextValue::String(shown));
    }
    error
}
