//! `image.json`: the facts that an image states about itself. The builder writes it into the root; the node reads it
//! and includes it in its status.
//!
//! Deriving the facts from a profile, and decisions based on them, are elsewhere.
#![forbid(unsafe_code)]

mod images;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use images::{OF_MANIFESTS, image_named, missing, reference};

/// The facts an image states about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageFacts {
    /// Name of the profile.
    pub name: String,
    /// Version of the image.
    pub version: String,
    /// `single`, `controller` or `worker`. A text, since a client may be older than the image of a node.
    pub role: String,
    /// Architecture by its Debian name, such as `amd64`.
    pub architecture: String,
    /// Version of Kubernetes, such as `1.36.3`.
    pub kubernetes: String,
    /// Date of the newest input in seconds since 1970; a node's clock is never set before it.
    pub build_time: u64,
    /// Security epoch: a node never runs an image with a lower one than it has run or blessed. 0 in older
    /// images.
    #[serde(default)]
    pub epoch: u32,
    /// Versions of the persistent state, by name. Empty in older images.
    #[serde(default)]
    pub state: BTreeMap<String, StateVersions>,
    /// References of the container images in it, such as `ironhull.local/pause:1`. Empty in older images.
    #[serde(default)]
    pub container_images: Vec<String>,
    /// The partitions of a disk that it is installed to. Absent in older images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskSizes>,
}

/// Sizes in MiB of the partitions of a disk whose size varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskSizes {
    /// Root of each of the two slots.
    #[serde(rename = "rootMiB")]
    pub root_mib: u32,
    /// Kernel image of each of the two slots, with its header.
    #[serde(rename = "kernelMiB")]
    pub kernel_mib: u32,
    /// State.
    #[serde(rename = "stateMiB")]
    pub state_mib: u32,
    /// Data, which grows to the end of the disk.
    #[serde(rename = "dataMiB")]
    pub data_mib: u32,
}

/// The versions of a kind of persistent state that a generation supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StateVersions {
    /// The version that it writes.
    pub writes: u32,
    /// The oldest version that it reads; it reads all from there to `writes`.
    pub reads: u32,
}

impl StateVersions {
    /// Returns whether it reads what was written as version `found`.
    #[must_use]
    pub fn can_read(&self, found: u32) -> bool {
        (self.reads..=self.writes).contains(&found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_the_file_is_fixed() {
        let text = concat!(
            r#"{"name":"single","version":"0.1.0","role":"single","architecture":"amd64","kubernetes":"1.36.3","#,
            r#""buildTime":1790000000,"epoch":3,"state":{"etcd":{"writes":307,"reads":306}},"#,
            r#""containerImages":["ironhull.local/pause:1"],"#,
            r#""disk":{"rootMiB":512,"kernelMiB":96,"stateMiB":4096,"dataMiB":1024}}"#,
        );
        let facts: ImageFacts = serde_json::from_str(text).unwrap();
        assert_eq!((facts.build_time, facts.state["etcd"].reads), (1_790_000_000, 306));
        assert_eq!(serde_json::to_string(&facts).unwrap(), text);
    }

    #[test]
    fn older_images_say_nothing_of_epoch_and_state_and_newer_ones_say_more() {
        let head = r#"{"name":"single","version":"0.1.0","role":"single","architecture":"amd64",
            "kubernetes":"1.36.3","buildTime":1790000000"#;
        let older: ImageFacts = serde_json::from_str(&format!("{head}}}")).unwrap();
        assert_eq!((older.epoch, older.state.len(), older.container_images.len()), (0, 0, 0));
        assert_eq!(older.disk, None);
        let newer = format!(r#"{head},"x":1,"state":{{"etcd":{{"writes":1,"reads":1,"x":1}}}}}}"#);
        assert_eq!(serde_json::from_str::<ImageFacts>(&newer).unwrap().state.len(), 1);
    }
}
