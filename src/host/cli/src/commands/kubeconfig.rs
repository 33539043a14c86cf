//! `ironhull kubeconfig`: fetches a short-lived admin kubeconfig.

use anyhow::Result;
use api::KubeconfigRequest;
use files::{Access, Output};
use serde_json::json;

use crate::access;
use crate::cmdline::{Global, Kubeconfig};
use crate::output;

/// Runs the command.
pub fn run(global: &Global, options: &Kubeconfig) -> Result<()> {
    // An output that can't be written is reported before a certificate is issued.
    let file = options.output.as_deref().map(|path| Output::at(path, Access::Private)).transpose()?;
    let reached = access::reach(&options.access)?;
    let server = options.server.clone().or(reached.kubernetes);
    let request = KubeconfigRequest { server, ttl_secs: Some(options.ttl.as_secs()) };
    let answer = reached.client.kubeconfig(&request)?;
    if let Some((path, file)) = options.output.as_ref().zip(file) {
        file.write_all(answer.kubeconfig.as_bytes())?;
        let json = json!({ "file": output::path(path), "notAfterEpochSecs": answer.not_after_epoch_secs });
        return output::result_beside(path, global.json, &json, |_| format!("{}\n", path.display()));
    }
    output::result(global.json, &answer, |a| a.kubeconfig.clone())
}
