//! `ironhull kubeconfig`: a short-lived kubeconfig of an administrator.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use api::KubeconfigRequest;
use serde_json::json;

use crate::access;
use crate::cmdline::{Global, Kubeconfig};
use crate::output;

/// Runs the command.
pub fn run(global: &Global, options: &Kubeconfig) -> Result<()> {
    let reached = access::reach(&options.access)?;
    let server = options.server.clone().or(reached.kubernetes);
    let request = KubeconfigRequest { server, ttl_secs: Some(options.ttl.as_secs()) };
    let answer = reached.client.kubeconfig(&request)?;
    if let Some(path) = &options.output {
        write(path, &answer.kubeconfig)?;
        let json = json!({ "file": output::path(path), "notAfterEpochSecs": answer.not_after_epoch_secs });
        return output::result(global.json, &json, |_| format!("{}\n", path.display()));
    }
    output::result(global.json, &answer, |a| a.kubeconfig.clone())
}

/// Writes a kubeconfig, readable by its owner only, whole or not at all.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let doing = || format!("writing {}", path.display());
    let draft = path.with_extension("new");
    let mut options = File::options();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&draft).with_context(doing)?;
    file.write_all(text.as_bytes()).with_context(doing)?;
    std::fs::rename(&draft, path).with_context(doing)
}
