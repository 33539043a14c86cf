//! The text with which a machine joins a cluster.
//!
//! It carries everything that the machine needs before it trusts anybody: where the API servers are, the certificate of
//! the cluster's authority, and a bootstrap token, the only secret. It also says for which role it is and when it ends:
//! the API server answers every bad token alike, so a node looks here first and can tell its operator what is wrong.
//! A text on one line: `ironhull1.` and a JSON object in base64url. k0s wraps a whole kubeconfig instead, which says
//! neither role nor end.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize, Serializer};

use crate::{Role, Secret, checks};

/// What the text begins with; the number is the version of its form.
const PREFIX: &str = "ironhull1.";
/// Maximum length of the text; usual is one tenth.
const MAX_BYTES: usize = 16 << 10;
/// Maximum number of API servers.
const MAX_SERVERS: usize = 16;
/// Lengths of the bootstrap token's two halves, as Kubernetes wants them.
pub const ID_CHARS: usize = 6;
/// See [`ID_CHARS`].
pub const SECRET_CHARS: usize = 16;

/// A token with which a machine joins a cluster. `Debug` and serialization show no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinToken {
    /// The role of the machine that may join with it.
    pub role: Role,
    /// URLs of the API servers, `https://HOST:PORT`; at least one.
    pub servers: Vec<String>,
    /// Certificate of the cluster's authority, PEM.
    pub authority: String,
    /// The public half of the bootstrap token.
    pub id: String,
    /// The secret half.
    pub secret: Secret,
    /// When it ends, in seconds since 1970.
    pub expires_secs: u64,
}

/// Why a text is no token. It never quotes the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinTokenError(String);

impl fmt::Display for JoinTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JoinTokenError {}

/// The JSON object in the text.
#[derive(Serialize, Deserialize)]
struct Form {
    role: String,
    servers: Vec<String>,
    ca: String,
    token: String,
    expires: u64,
}

impl JoinToken {
    /// Reads a token; space around it is ignored.
    ///
    /// # Errors
    /// [`JoinTokenError`] if it is none, is damaged, or is for no role that can join.
    pub fn parse(text: &str) -> Result<JoinToken, JoinTokenError> {
        let bad = |what: &str| JoinTokenError(format!("expected a join token, {what}"));
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(bad(&format!("found a text of more than {MAX_BYTES} bytes")));
        }
        let body = text.strip_prefix(PREFIX);
        let body = body.ok_or_else(|| bad(&format!("found a text that does not begin with {PREFIX:?}")))?;
        let damaged = || bad("found one that is damaged: copy it whole, on one line");
        let json = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| damaged())?;
        let form: Form = serde_json::from_slice(&json).map_err(|_| damaged())?;
        let role = Role::from_name(&form.role).filter(|r| *r != Role::Single);
        let role = role.ok_or_else(|| bad("found one for a role that this version does not know"))?;
        let (id, secret) = form.token.split_once('.').ok_or_else(damaged)?;
        let plain = |part: &str, chars| {
            part.len() == chars && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let good_servers = (1..=MAX_SERVERS).contains(&form.servers.len())
            && form.servers.iter().all(|server| is_server_url(server));
        if !plain(id, ID_CHARS) || !plain(secret, SECRET_CHARS) || !good_servers {
            return Err(damaged());
        }
        Ok(JoinToken {
            role,
            authority: checks::pem(&form.ca, "CERTIFICATE").map_err(|_| damaged())?,
            id: id.to_owned(),
            secret: Secret::new(secret.to_owned()),
            servers: form.servers,
            expires_secs: form.expires,
        })
    }

    /// Returns the text, which contains the secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        let form = Form {
            role: self.role.name().to_owned(),
            servers: self.servers.clone(),
            ca: self.authority.clone(),
            token: self.bearer(),
            expires: self.expires_secs,
        };
        let json = serde_json::to_vec(&form).expect("plain data with text keys is JSON");
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&json))
    }

    /// Returns the bootstrap token, which is the secret that the API server wants.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("{}.{}", self.id, self.secret.expose())
    }
}

impl Serialize for JoinToken {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.secret.serialize(to)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for JoinToken {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JoinToken".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

/// Returns whether a text is `https://HOST[:PORT]`, and so can be used in a kubeconfig.
#[must_use]
pub fn is_server_url(text: &str) -> bool {
    let Some(authority) = text.strip_prefix("https://") else { return false };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !authority.is_empty() && authority.len() <= 300 && authority.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken {
            role: Role::Worker,
            servers: vec!["https://10.0.0.1:6443".into()],
            authority: "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n".into(),
            id: "abc123".into(),
            secret: Secret::new("0123456789abcdef".into()),
            expires_secs: 1_790_000_000,
        }
    }

    #[test]
    fn comes_back_from_one_line() {
        let text = token().to_text();
        assert!(!text.contains(char::is_whitespace));
        assert_eq!(JoinToken::parse(&format!("\n {text}\n")), Ok(token()));
        assert_eq!(token().bearer(), "abc123.0123456789abcdef");
    }

    #[test]
    fn shows_its_secret_nowhere() {
        assert!(!format!("{:?}", token()).contains("0123456789abcdef"));
        assert_eq!(serde_json::to_string(&token()).unwrap(), "\"<redacted>\"");
    }

    #[test]
    fn what_is_no_token_is_refused_and_never_quoted() {
        let text = token().to_text();
        let with = |change: fn(&mut JoinToken)| {
            let mut changed = token();
            change(&mut changed);
            changed.to_text()
        };
        let cases = [
            (String::new(), "does not begin with"),
            ("hunter2".to_owned(), "does not begin with"),
            (text[..text.len() / 2].to_owned(), "damaged"),
            (text.replacen('e', "\u{e9}", 1), "damaged"),
            (format!("{text}!"), "damaged"),
            ("x".repeat(MAX_BYTES + 1), "more than 16384 bytes"),
            (with(|t| t.role = Role::Single), "does not know"),
            (with(|t| t.servers.clear()), "damaged"),
            (with(|t| t.servers = vec!["http://a".into()]), "damaged"),
            (with(|t| t.authority = "none".into()), "damaged"),
            (with(|t| t.id = "short".into()), "damaged"),
            (with(|t| t.secret = Secret::new("UPPER56789abcdef".into())), "damaged"),
        ];
        for (text, expected) in cases {
            let error = JoinToken::parse(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:.20}: {error}");
            assert!(!error.contains("hunter2"));
        }
    }

    #[test]
    fn takes_only_plain_urls() {
        for good in ["https://127.0.0.1:6443", "https://[::1]:6443/", "https://api.example.org"] {
            assert!(is_server_url(good), "{good}");
        }
        for bad in ["http://a", "https://", "https://a/b", "https://a\nb: c", "https://a\"", "a:6443"] {
            assert!(!is_server_url(bad), "{bad}");
        }
    }
}
