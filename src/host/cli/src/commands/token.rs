//! `ironhull token`: tokens with which machines join a cluster.

use anyhow::Result;
use api::TokenRequest;
use files::{Access, Output};
use serde_json::json;

use crate::access;
use crate::cmdline::{Global, Token, TokenCommand, TokenCreate};
use crate::output::{self, table};

/// Runs the command.
pub fn run(global: &Global, options: &Token) -> Result<()> {
    match &options.command {
        TokenCommand::Create(options) => create(global, options),
        TokenCommand::List { access } => {
            let tokens = access::reach(access)?.client.tokens()?;
            output::result(global.json, &tokens, |tokens| {
                let head = ["TOKEN", "ROLE", "EXPIRES"].map(str::to_owned).to_vec();
                let ends = |secs: Option<u64>| secs.map_or_else(|| "never".to_owned(), api::utc);
                let row =
                    |t: &api::TokenFacts| vec![t.id.clone(), t.role.clone(), ends(t.expires_epoch_secs)];
                table(&std::iter::once(head).chain(tokens.tokens.iter().map(row)).collect::<Vec<_>>())
            })
        }
        TokenCommand::Revoke { access, id } => {
            access::reach(access)?.client.revoke_token(id)?;
            output::result(global.json, &json!({ "revoked": id }), |_| format!("token {id} is revoked\n"))
        }
    }
}

/// Creates a token and prints or writes it.
fn create(global: &Global, options: &TokenCreate) -> Result<()> {
    // An output that can't be written is reported before there is a token.
    let file = options.output.as_deref().map(|path| Output::at(path, Access::Private)).transpose()?;
    let request = TokenRequest {
        role: options.role.name().to_owned(),
        ttl_secs: Some(options.expiry.as_secs()),
        server: options.server.clone(),
    };
    let created = access::reach(&options.access)?.client.create_token(&request)?;
    if let Some((path, file)) = options.output.as_ref().zip(file) {
        file.write_all(format!("{}\n", created.token).as_bytes())?;
        let json = json!({
            "file": output::path(path),
            "id": created.id,
            "expiresEpochSecs": created.expires_epoch_secs,
        });
        return output::result_beside(path, global.json, &json, |_| {
            format!(
                "{}: token {}, ends {}\n",
                path.display(),
                created.id,
                api::utc(created.expires_epoch_secs)
            )
        });
    }
    output::result(global.json, &created, |c| format!("{}\n", c.token))
}
