//! `ironhull keys create`: creates the Secure Boot keys.

use anyhow::Result;
use serde_json::json;

use crate::cmdline::{Global, Keys, KeysCommand, KeysCreate};
use crate::output;

/// Runs the command.
pub fn run(global: &Global, options: &Keys) -> Result<()> {
    match &options.command {
        KeysCommand::Create(options) => create(global, options),
    }
}

fn create(global: &Global, options: &KeysCreate) -> Result<()> {
    let files = secureboot::create(&options.directory, &options.owner)?;
    let files: Vec<_> = files.iter().map(|file| output::path(file)).collect();
    let json = json!({ "directory": output::path(&options.directory), "files": files });
    output::result(global.json, &json, |_| {
        let dir = options.directory.display();
        format!(
            "{dir}/db.key    signs images, with db.crt: name both in the profile\n\
             {dir}/PK.key    owns the machines; with KEK.key only needed to change their keys: keep both away\n\
             {dir}/*.auth    what firmware takes to enrol the keys: db, KEK, then PK\n"
        )
    })
}
