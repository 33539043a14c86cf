//! Container images of one static program each, as OCI image archives for the node's own image store.
//!
//! There is one uncompressed layer: the root file system with the archive is compressed as a whole for
//! transport, and a node unpacks the archive at its first boot. Nothing in it depends on a clock or a host.
//! Spec: OCI image format 1.1 (image layout, manifest, config).

use std::io;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

/// User and group of the program; neither exists on the node.
const USER: &str = "65535:65535";
/// OCI media type prefix.
const MEDIA: &str = "application/vnd.oci.image";

/// A container image of one program.
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

impl Program<'_> {
    /// Returns the image's reference in containerd.
    #[must_use]
    pub fn reference(&self) -> String {
        imagefacts::reference(self.name, self.version)
    }
}

/// Returns the image as an OCI archive: a tar file of an image layout.
///
/// # Errors
/// None in practice, since the archive is written to memory.
pub fn archive(program: &Program<'_>) -> io::Result<Vec<u8>> {
    let layer = layer(program)?;
    let config = json!({
        "architecture": program.architecture,
        "os": "linux",
        "config": {
            "User": USER,
            "Entrypoint": [format!("/{}", program.name)],
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.title": program.name,
                "org.opencontainers.image.version": program.version,
                "org.opencontainers.image.licenses": program.licence,
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
    });
    let manifest = manifest.to_string().into_bytes();
    let index = index(program, &manifest);
    let mut tar = tar::Builder::new(Vec::new());
    add_directory(&mut tar, "blobs/")?;
    add_directory(&mut tar, "blobs/sha256/")?;
    let mut blobs = [layer, config, manifest].map(|blob| (blob_path(&blob), blob));
    blobs.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, blob) in &blobs {
        add_file(&mut tar, path, blob, 0o644)?;
    }
    add_file(&mut tar, "index.json", index.to_string().as_bytes(), 0o644)?;
    add_file(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
    tar.into_inner()
}

/// Returns the index: one manifest, with the image's name.
fn index(program: &Program<'_>, manifest: &[u8]) -> Value {
    let mut entry = descriptor("manifest.v1+json", manifest);
    entry["platform"] = json!({ "architecture": program.architecture, "os": "linux" });
    entry["annotations"] = json!({
        "io.containerd.image.name": program.reference(),
        "org.opencontainers.image.ref.name": program.version,
    });
    json!({ "schemaVersion": 2, "mediaType": format!("{MEDIA}.index.v1+json"), "manifests": [entry] })
}

/// Returns the only layer: the program.
fn layer(program: &Program<'_>) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    add_file(&mut tar, program.name, program.binary, 0o755)?;
    tar.into_inner()
}

/// Returns type, digest and size of a blob.
fn descriptor(kind: &str, blob: &[u8]) -> Value {
    json!({ "mediaType": format!("{MEDIA}.{kind}"), "digest": digest(blob), "size": blob.len() })
}

/// Returns a blob's digest in OCI notation.
fn digest(blob: &[u8]) -> String {
    format!("sha256:{}", hex(blob))
}

/// Returns the path of a blob in the layout.
fn blob_path(blob: &[u8]) -> String {
    format!("blobs/sha256/{}", hex(blob))
}

/// Returns the SHA-256 of `bytes` in hex.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Adds a file owned by root, dated 1970.
fn add_file(tar: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
}

/// Adds a directory owned by root, dated 1970.
fn add_directory(tar: &mut tar::Builder<Vec<u8>>, path: &str) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Directory);
    header.set_mode(0o755);
    header.set_size(0);
    tar.append_data(&mut header, path, io::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io::{Read, Write};
    use std::process::Stdio;

    const PROGRAM: Program<'_> = Program {
        name: "pause",
        version: "1",
        licence: "Apache-2.0",
        architecture: "amd64",
        binary: b"\x7fELF",
    };

    fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut tar = tar::Archive::new(archive);
        let read = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().to_string_lossy().into_owned(), bytes)
        };
        tar.entries().unwrap().map(read).collect()
    }

    #[test]
    fn every_digest_leads_to_its_blob() {
        let files = entries(&archive(&PROGRAM).unwrap());
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let blob = |d: &Value| {
            let name = d["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            let bytes = &files[&format!("blobs/sha256/{name}")];
            assert_eq!((hex(bytes).as_str(), json!(bytes.len())), (name, d["size"].clone()));
            bytes.clone()
        };
        let index = json(&files["index.json"]);
        let entry = &index["manifests"][0];
        assert_eq!(entry["annotations"]["io.containerd.image.name"], "ironhull.local/pause:1");
        let manifest = json(&blob(entry));
        let config = json(&blob(&manifest["config"]));
        let layer = blob(&manifest["layers"][0]);
        assert_eq!(config["rootfs"]["diff_ids"][0], digest(&layer));
        assert_eq!(config["config"]["Entrypoint"], json!(["/pause"]));
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1");
        assert_eq!(entries(&layer)["pause"], b"\x7fELF");
    }

    #[test]
    fn the_same_program_gives_the_same_bytes() {
        assert_eq!(archive(&PROGRAM).unwrap(), archive(&PROGRAM).unwrap());
    }

    #[test]
    fn tar_lists_it() {
        let Some(tar) = judges::find("tar") else { return };
        let mut tar = tar.command().arg("-t").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        tar.stdin.take().unwrap().write_all(&archive(&PROGRAM).unwrap()).unwrap();
        let output = tar.wait_with_output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(
            listed.starts_with("blobs/\nblobs/sha256/\n") && listed.ends_with("index.json\noci-layout\n")
        );
    }
}
