//! An upgrade of the node: asked for, fed, followed.
//!
//! A bundle is fetched by the node itself, or uploaded in pieces: each says where it belongs, so that an
//! upload goes on where it broke off. When all is here the rest follows by itself.

use serde::{Deserialize, Serialize};
use weburl::WebUrl;

/// Longest piece of an upload in bytes.
pub const MAX_PIECE_BYTES: usize = 1 << 20;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpgradeRequest {
    /// Where the bundle comes from.
    pub source: UpgradeSource,
    /// Evict the pods before the node goes down, and let new ones come when it is back.
    #[serde(default)]
    pub drain: bool,
    /// Reboot into the new generation when it is installed; else it is started at the next boot.
    #[serde(default)]
    pub reboot: bool,
}

/// Where a bundle comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum UpgradeSource {
    /// The node fetches it: `http://` or `https://`. Nothing that prints the request shows its credentials.
    Url(WebUrl),
    /// It is uploaded.
    Upload(Upload),
}

/// A bundle that is uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upload {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, 64 lower-case hex digits: by it an upload that broke off is known again.
    pub sha256: String,
}

/// Where a piece of an upload belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PieceQuery {
    /// SHA-256 of its bundle, as in [`Upload`]: one operator's piece is never taken for another's.
    pub id: String,
    /// Its first byte in the bundle; the number of bytes that the node has.
    pub offset: u64,
}

/// How an upgrade goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Upgrade {
    /// What is being done.
    pub stage: UpgradeStage,
    /// Bytes of this stage that are done.
    pub done_bytes: u64,
    /// Bytes of this stage; 0 where there is nothing to count.
    pub total_bytes: u64,
    /// What is installed, once it is known.
    pub bundle: Option<UpgradeBundle>,
    /// The slot that is written, `a` or `b`, once it is known.
    pub slot: Option<String>,
    /// The number of the new generation, once it is known.
    pub generation: Option<u32>,
    /// Why it failed, in one line.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a bundle says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpgradeBundle {
    /// Name of the profile.
    pub name: String,
    /// Version of the image.
    pub version: String,
    /// Version of Kubernetes.
    pub kubernetes: String,
}

/// The stages of an upgrade, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeStage {
    /// There is none.
    #[default]
    None,
    /// The node waits for pieces of the bundle.
    Receiving,
    /// The node fetches the bundle.
    Fetching,
    /// The bundle is checked; nothing was written yet.
    Verifying,
    /// The slot is written.
    Writing,
    /// It is read back.
    Checking,
    /// The generation is installed and will be started at the next boot.
    Installed,
    /// The pods are being evicted.
    Draining,
    /// The node goes down.
    Rebooting,
    /// It failed; the running generation was not touched.
    Failed,
    /// It was called off.
    Cancelled,
    /// A stage that this client does not know.
    #[serde(other)]
    Unknown,
}

impl UpgradeStage {
    /// Returns whether the node works on it by itself.
    #[must_use]
    pub const fn is_busy(self) -> bool {
        use UpgradeStage as S;
        matches!(self, S::Fetching | S::Verifying | S::Writing | S::Checking | S::Draining | S::Rebooting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_documented() {
        let text = r#"{"source":{"upload":{"bytes":5,"sha256":"ab"}},"reboot":true}"#;
        let request: UpgradeRequest = serde_json::from_str(text).unwrap();
        assert!(request.reboot && !request.drain);
        let text = r#"{"source":{"url":"https://a.example/b.hull"}}"#;
        let request: UpgradeRequest = serde_json::from_str(text).unwrap();
        assert_eq!(request.source, UpgradeSource::Url(WebUrl::new("https://a.example/b.hull")));
        assert!(serde_json::from_str::<UpgradeRequest>(r#"{"source":{"url":"x"},"force":true}"#).is_err());
    }

    #[test]
    fn a_stage_of_a_newer_node_is_borne() {
        let upgrade: Upgrade = serde_json::from_str(r#"{"stage":"baking"}"#).unwrap();
        assert_eq!(upgrade.stage, UpgradeStage::Unknown);
    }
}
