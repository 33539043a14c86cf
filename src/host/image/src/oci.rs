//! Container images of one static program each, for the node's own image store.
//!
//! An image lies unpacked on the root: its manifest, its configuration, and the content of its only layer, which
//! containerd takes as it is (`rootfs/components/containerd/cmd/containerd/images.go`). So the layer is only written to
//! be hashed: digests and size in the image are those of the uncompressed archive of these files. Nothing depends on a
//! clock or a host. Spec: OCI image format 1.1 (manifest, config).

use std::io;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::Header;

/// User and group of the program; neither exists on the node.
const USER: &str = "65535:65535";
/// OCI media type prefix.
const MEDIA: &str = "application/vnd.oci.image";

/// A program of which a container image is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program<'a> {
    /// Name of the program: its path is `/name`, its image `ironhull.local/name:version`.
    pub name: &'a str,
    /// Version of the image.
    pub version: &'a str,
    /// Licence of the program, as an SPDX expression.
    pub licence: &'a str,
    /// OCI name of the architecture, such as `amd64`.
    pub architecture: &'a str,
    /// The static program.
    pub binary: &'a [u8],
}

/// A container image, without the content of its layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its manifest, JSON, with the image's name as an annotation.
    pub manifest: Vec<u8>,
    /// Its configuration, JSON.
    pub config: Vec<u8>,
}

impl Program<'_> {
    /// Returns the container image.
    ///
    /// # Errors
    /// None in practice, since the layer is written to memory.
    pub fn image(&self) -> io::Result<Image> {
        let layer = self.layer()?;
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "config": {
                "User": USER,
                "Entrypoint": [format!("/{}", self.name)],
                "WorkingDir": "/",
                "Labels": {
                    "org.opencontainers.image.title": self.name,
                    "org.opencontainers.image.version": self.version,
                    "org.opencontainers.image.licenses": self.licence,
                },
            },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": format!("{MEDIA}.manifest.v1+json"),
            "config": descriptor("config.v1+json", &config),
            "layers": [descriptor("layer.v1.tar", &layer)],
            "annotations": { "io.containerd.image.name": imagefacts::reference(self.name, self.version) },
        });
        Ok(Image { manifest: manifest.to_string().into_bytes(), config })
    }

    /// Returns the only layer: the program, owned by root, dated 1970.
    fn layer(&self) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(self.binary.len() as u64);
        tar.append_data(&mut header, self.name, self.binary)?;
        tar.into_inner()
    }
}

/// Returns type, digest and size of a blob.
fn descriptor(kind: &str, blob: &[u8]) -> Value {
    json!({ "mediaType": format!("{MEDIA}.{kind}"), "digest": digest(blob), "size": blob.len() })
}

/// Returns a blob's digest in OCI notation.
fn digest(blob: &[u8]) -> String {
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(blob)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::Stdio;

    const PROGRAM: Program<'_> = Program {
        name: "pause",
        version: "1",
        licence: "Apache-2.0",
        architecture: "amd64",
        binary: b"\x7fELF",
    };

    #[test]
    fn the_manifest_leads_to_config_and_layer() {
        let image = PROGRAM.image().unwrap();
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let (manifest, config) = (json(&image.manifest), json(&image.config));
        assert_eq!(manifest["annotations"]["io.containerd.image.name"], "ironhull.local/pause:1");
        assert_eq!(manifest["config"]["digest"], digest(&image.config));
        assert_eq!(manifest["config"]["size"], image.config.len());
        let layer = digest(&PROGRAM.layer().unwrap());
        assert_eq!(
            (&manifest["layers"][0]["digest"], &config["rootfs"]["diff_ids"][0]),
            (&json!(layer), &json!(layer))
        );
        assert_eq!(config["config"]["Entrypoint"], json!(["/pause"]));
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1");
    }

    #[test]
    fn another_program_or_version_is_another_image() {
        let image = |program: Program<'_>| program.image().unwrap();
        assert_eq!(image(PROGRAM), image(PROGRAM));
        assert_ne!(image(PROGRAM), image(Program { binary: b"\x7fELG", ..PROGRAM }));
        assert_ne!(image(PROGRAM).config, image(Program { version: "2", ..PROGRAM }).config);
    }

    #[test]
    fn tar_lists_the_layer() {
        let Some(tar) = judges::find("tar") else { return };
        let mut tar = tar.command().arg("-tv").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        tar.stdin.take().unwrap().write_all(&PROGRAM.layer().unwrap()).unwrap();
        let output = tar.wait_with_output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(listed.starts_with("-rwxr-xr-x 0/0 ") && listed.ends_with(" pause\n"), "{listed}");
    }
}
