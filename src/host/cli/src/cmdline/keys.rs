//! `ironhull keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Make keys for Secure Boot.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull keys create keys")]
pub struct Keys {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the three keys of Secure Boot and what enrols them
    Create(KeysCreate),
}

/// Make the three keys of Secure Boot and what enrols them.
///
/// Of each of PK, KEK and db: .key, the private key; .crt and .cer, the
/// certificate (PEM, DER); .esl and .auth, what firmware takes to enrol it
/// (plain, signed). No file is overwritten.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull keys create keys --owner \"Example Ltd\"")]
pub struct KeysCreate {
    /// Directory, made if it is not there
    pub directory: PathBuf,
    /// Whose keys they are, as firmware menus show it
    #[arg(long, value_name = "NAME", default_value = "ironhull")]
    pub owner: String,
}
