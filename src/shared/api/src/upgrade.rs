//! An upgrade of the node: request, upload and progress.
//!
//! The node downloads a bundle itself, or it is uploaded in pieces. Each piece states its offset, so that an
//! interrupted upload can be resumed. Once the bundle is complete, the node does the rest by itself.

use serde::{Deserialize, Serialize};
use weburl::WebUrl;

/// Maximum length of a piece of an upload in bytes.
pub const MAX_PIECE_BYTES: usize = 1 << 20;

/// A request for an upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpgradeRequest {
    /// The source of the bundle.
    pub source: UpgradeSource,
    /// Whether to evict the pods before the reboot; they are recreated afterwards.
    #[serde(default)]
    pub drain: bool,
    /// Whether to reboot when the generation is installed; otherwise it is started at the next boot.
    #[serde(default)]
    pub reboot: bool,
}

/// The source of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum UpgradeSource {
    /// The node downloads it from an `http://` or `https://` URL. Its credentials are never printed.
    Url(WebUrl),
    /// It is uploaded by the client.
    Upload(Upload),
}

/// A bundle that is uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upload {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, 64 lower-case hex digits; identifies an interrupted upload.
    pub sha256: String,
}

/// The position of a piece of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PieceQuery {
    /// SHA-256 of the bundle, as in [`Upload`], so that a piece is never added to another operator's bundle.
    pub id: String,
    /// Offset of its first byte in the bundle: the number of bytes that the node has.
    pub offset: u64,
}

/// The state of an upgrade.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Upgrade {
    /// The current stage.
    pub stage: UpgradeStage,
    /// Bytes of this stage done so far.
    pub done_bytes: u64,
    /// Total bytes of this stage; 0 if it has no byte count.
    pub total_bytes: u64,
    /// The bundle, once it is known.
    pub bundle: Option<UpgradeBundle>,
    /// The slot being written, `a` or `b`, once it is known.
    pub slot: Option<String>,
    /// The number of the new generation, once it is known.
    pub generation: Option<u32>,
    /// The error, in one line.
    pub error: Option<String>,
    /// The remedy.
    pub hint: Option<String>,
}

/// The facts in a bundle.
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
    /// No upgrade.
    #[default]
    None,
    /// The node waits for pieces of the bundle.
    Receiving,
    /// The node downloads the bundle.
    Fetching,
    /// The bundle is being verified; nothing has been written yet.
    Verifying,
    /// The slot is being written.
    Writing,
    /// The slot is being read back and verified.
    Checking,
    /// The generation is installed and will be started at the next boot.
    Installed,
    /// The pods are being evicted.
    Draining,
    /// The node is about to reboot.
    Rebooting,
    /// The upgrade failed; the running generation is unchanged.
    Failed,
    /// The upgrade was cancelled.
    Cancelled,
    /// A stage that this client does not know.
    #[serde(other)]
    Unknown,
}

impl UpgradeStage {
    /// Returns whether the node is working on the upgrade by itself.
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
