//! What the image says of itself: `os-release(5)` and `image.json`. Pure.

use config::{Architecture, ImageProfile, Role};
use serde::{Deserialize, Serialize};

/// Version of the image: that of the program that builds it, with which its init and noded are built.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the node says of its image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Name of the profile.
    pub name: String,
    /// Version of the image.
    pub version: String,
    /// `single`, `controller` or `worker`.
    pub role: String,
    /// Architecture by its Debian name.
    pub architecture: String,
    /// Version of Kubernetes.
    pub kubernetes: String,
    /// Date of the newest input in seconds since 1970: the clock of a node is never before it.
    pub build_time: u64,
}

impl Facts {
    /// Returns the facts of an image of `profile`.
    #[must_use]
    pub fn of(profile: &ImageProfile, build_time: u64) -> Facts {
        let role = match profile.role {
            Role::Single => "single",
        };
        Facts {
            name: profile.name.clone(),
            version: VERSION.to_owned(),
            role: role.to_owned(),
            architecture: architecture(profile.architecture).to_owned(),
            kubernetes: profile.kubernetes.version.clone(),
            build_time,
        }
    }

    /// Returns `image.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("facts are strings and a number");
        text + "\n"
    }

    /// Returns `os-release`.
    #[must_use]
    pub fn to_os_release(&self) -> String {
        let Facts { name, version, role, kubernetes, .. } = self;
        format!(
            "NAME=Ironhull\nID=ironhull\nPRETTY_NAME=\"Ironhull {version} ({role}, Kubernetes {kubernetes})\"\n\
             VERSION_ID={version}\nIMAGE_ID={name}\nIMAGE_VERSION={version}\nVARIANT_ID={role}\n"
        )
    }
}

/// Returns an architecture by its Debian and OCI name.
#[must_use]
pub fn architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "amd64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            name: "single".into(),
            version: "0.1.0".into(),
            role: "single".into(),
            architecture: "amd64".into(),
            kubernetes: "1.36.3".into(),
            build_time: 1_790_000_000,
        }
    }

    #[test]
    fn the_node_reads_these_names() {
        let json: serde_json::Value = serde_json::from_str(&facts().to_json()).unwrap();
        assert_eq!(json["buildTime"], 1_790_000_000);
        assert_eq!(json["kubernetes"], "1.36.3");
    }

    #[test]
    fn os_release_names_image_and_versions() {
        let text = facts().to_os_release();
        assert!(text.contains("\nPRETTY_NAME=\"Ironhull 0.1.0 (single, Kubernetes 1.36.3)\"\n"), "{text}");
        assert!(text.ends_with("VARIANT_ID=single\n"));
    }
}
