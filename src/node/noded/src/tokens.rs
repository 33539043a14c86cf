//! Tokens with which machines join: made, listed and revoked as Kubernetes' bootstrap tokens, which are secrets in
//! `kube-system`. The API server knows them from there, and the controller manager removes those that have expired.

use anyhow::{Context, Result};
use api::{CreatedToken, TokenFacts, TokenList};
use cluster::approval::WORKERS_JOINING_GROUP;
use config::join_token::{ID_CHARS, SECRET_CHARS};
use config::{JoinToken, Role, Secret};
use data_encoding::BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::issue::own_server;
use crate::kube::refused_with;
use crate::node::Node;
use crate::plan::authority;

const COLLECTION: &str = "/api/v1/namespaces/kube-system/secrets";
const KIND: &str = "bootstrap.kubernetes.io/token";
const PREFIX: &str = "bootstrap-token-";
/// The label that says that a token is ours, and for which role.
const ROLE: &str = "ironhull.dev/join-role";
/// The characters of a token.
const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Makes a token for machines of `role` that ends after `ttl_secs`. `server` must have passed
/// [`config::join_token::is_server_url`].
///
/// # Errors
/// If the cluster's authority is not there yet, or the API server can't be reached or refuses; there is no token then.
pub fn create(node: &Node, role: Role, server: Option<String>, ttl_secs: u64) -> Result<CreatedToken> {
    let token = JoinToken {
        role,
        servers: vec![server.unwrap_or_else(|| own_server(node))],
        authority: authority()?,
        id: random(ID_CHARS)?,
        secret: Secret::new(random(SECRET_CHARS)?),
        expires_secs: net::clock::now().as_secs() + ttl_secs,
    };
    node.kube()?.post(COLLECTION, &object(&token))?;
    eprintln!("noded: made token {} for role {}, which ends in {ttl_secs} s", token.id, role.name());
    Ok(CreatedToken { token: token.to_text(), id: token.id, expires_epoch_secs: token.expires_secs })
}

/// Lists all tokens of ours.
///
/// # Errors
/// If the API server can't be reached, or refuses.
pub fn list(node: &Node) -> Result<TokenList> {
    #[derive(Deserialize)]
    struct List {
        items: Vec<Value>,
    }
    let list: List = node.kube()?.get(&format!("{COLLECTION}?labelSelector={}", ROLE.replace('/', "%2F")))?;
    Ok(TokenList { tokens: list.items.iter().filter_map(facts).collect() })
}

/// Revokes a token; returns whether there was one. Machines that have joined with it stay.
///
/// # Errors
/// If the API server can't be reached, or refuses.
pub fn revoke(node: &Node, id: &str) -> Result<bool> {
    let known = list(node)?.tokens.iter().any(|t| t.id == id);
    if !known {
        return Ok(false);
    }
    match node.kube()?.delete(&format!("{COLLECTION}/{PREFIX}{id}")) {
        Err(e) if refused_with(&e) == Some(404) => Ok(false),
        other => other.map(|()| eprintln!("noded: revoked token {id}")).map(|()| true),
    }
}

/// Returns the secret for a token.
fn object(token: &JoinToken) -> Value {
    let role = token.role.name();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": KIND,
        "metadata": {
            "name": format!("{PREFIX}{}", token.id),
            "namespace": "kube-system",
            "labels": { ROLE: role },
        },
        "stringData": {
            "description": format!("joins machines of role {role}"),
            "token-id": token.id,
            "token-secret": token.secret.expose(),
            "expiration": api::utc(token.expires_secs),
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": WORKERS_JOINING_GROUP,
        },
    })
}

/// Returns what is shown of a secret; `None` if it is no token of ours.
fn facts(secret: &Value) -> Option<TokenFacts> {
    let id = secret["metadata"]["name"].as_str()?.strip_prefix(PREFIX)?;
    let expiration =
        secret["data"]["expiration"].as_str().and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let expires = expiration.and_then(|text| api::parse_utc(&String::from_utf8_lossy(&text)));
    Some(TokenFacts {
        id: id.to_owned(),
        role: secret["metadata"]["labels"][ROLE].as_str()?.to_owned(),
        expires_epoch_secs: expires,
    })
}

/// Returns random characters of a token. Bytes that would make some of them likelier are left out.
fn random(chars: usize) -> Result<String> {
    let mut text = String::new();
    while text.len() < chars {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).ok().context("the kernel gives no random numbers")?;
        let fair = bytes.iter().filter(|b| usize::from(**b) < 256 / ALPHABET.len() * ALPHABET.len());
        text.extend(fair.map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()])));
    }
    text.truncate(chars);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_the_api_server_takes_for_a_token() {
        let token = JoinToken {
            role: Role::Worker,
            servers: vec!["https://a".into()],
            authority: String::new(),
            id: "abcdef".into(),
            secret: Secret::new("0123456789abcdef".into()),
            expires_secs: 1_790_000_000,
        };
        let mut secret = object(&token);
        assert_eq!(secret["metadata"]["name"], "bootstrap-token-abcdef");
        assert_eq!(secret["stringData"]["expiration"], "2026-09-21T14:13:20Z");
        secret["data"] = json!({ "expiration": BASE64.encode(b"2026-09-21T14:13:20Z") });
        let expected = TokenFacts {
            id: "abcdef".into(),
            role: "worker".into(),
            expires_epoch_secs: Some(1_790_000_000),
        };
        assert_eq!(facts(&secret), Some(expected));
        assert_eq!(facts(&json!({ "metadata": { "name": "other" } })), None);
    }

    #[test]
    fn random_characters_are_a_tokens() {
        let (one, other) = (random(SECRET_CHARS).unwrap(), random(SECRET_CHARS).unwrap());
        assert_ne!(one, other);
        assert!(one.len() == SECRET_CHARS && one.bytes().all(|b| ALPHABET.contains(&b)));
    }
}
