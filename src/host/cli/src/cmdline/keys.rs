//! `ironhull keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Create Secure Boot keys.
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
    /// Create the Secure Boot keys PK, KEK and db
    ///
    /// Writes for each key: the private key (.key), the certificate in PEM (.crt)
    /// and DER (.cer), and files to enrol it in the firmware (.esl, .auth). No file
    /// is overwritten.
    Create(KeysCreate),
}

/// Create the Secure Boot keys PK, KEK and db.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull keys create keys --owner \"Example Ltd\"")]
pub struct KeysCreate {
    /// Output directory; created if missing
    pub directory: PathBuf,
    /// Name of the owner, as shown in firmware menus
    #[arg(long, value_name = "NAME", default_value = "ironhull")]
    pub owner: String,
}
