//! `ironhull token`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use config::Role;

use super::Access;
use super::values::duration;

/// Create, list and revoke tokens for machines that join.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull token create controller --output token")]
pub struct Token {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What to do with tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token
    ///
    /// The token is a secret: with it a machine joins the cluster under a name
    /// that no node has. It goes into join.token of the machine's config.
    Create(TokenCreate),
    /// List the tokens, without their secrets
    #[command(after_help = "Example: ironhull token list controller")]
    List {
        /// The node, and the credentials for it.
        #[command(flatten)]
        access: Access,
    },
    /// Revoke a token
    ///
    /// No machine can join with it any more. Those that have joined stay.
    #[command(after_help = "Example: ironhull token revoke controller k3x9f2")]
    Revoke {
        /// The node, and the credentials for it.
        #[command(flatten)]
        access: Access,
        /// Id of the token, as `token list` shows it
        id: String,
    },
}

/// Create a token.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull token create controller --expiry 1h --output token")]
pub struct TokenCreate {
    /// The node, and the credentials for it.
    #[command(flatten)]
    pub access: Access,
    /// Role of the machines that may join with it
    #[arg(long, default_value = "worker", value_parser = role())]
    pub role: Role,
    /// Time until it ends
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub expiry: Duration,
    /// URL of the API server as the machines reach it
    /// [default: the cluster's own]
    #[arg(long, value_name = "URL", verbatim_doc_comment)]
    pub server: Option<String>,
    /// Output file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Parses a role that machines can join in.
fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new([Role::Worker.name()])
        .map(|word| Role::from_name(&word).expect("only the names of roles are taken"))
}
