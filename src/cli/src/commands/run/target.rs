//! What to boot: an image that is there, or one built from a profile. And with which firmware.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use config::Output;
use image::inspect::Image;
use inputs::Workspace;
use vm::Firmware;

use crate::cmdline::{Global, Run};
use crate::commands::build;
use crate::hint::hinted;
use crate::{source_tree, workspace};

/// Package that has the firmware.
const PACKAGE: &str = "ovmf";
/// The firmware's two files, in the package and on a host that has it installed.
const FILES: [&str; 2] = ["usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"];

/// An image and the firmware to boot it.
#[derive(Debug)]
pub struct Target {
    /// Name of the image.
    pub name: String,
    /// The file.
    pub image: PathBuf,
    /// Tells one image's content from another's.
    pub id: String,
    /// The firmware.
    pub firmware: Firmware,
    /// All Kubernetes programs in one, where they were built here.
    pub kube: Option<PathBuf>,
}

/// Finds the image, builds it if a profile is named.
pub fn find(global: &Global, options: &Run) -> Result<Target> {
    let path = Path::new(&options.target);
    let is_profile = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if path.is_file() && !is_profile {
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        return target(name, path.to_owned(), host_firmware());
    }
    let source = source_tree::find(global)?;
    let mut profile = source_tree::load_profile(&source_tree::profile_file(&options.target, &source)?)?;
    // Nothing boots from a bundle, and one that was built with a key must not be replaced by one without.
    profile.outputs.retain(|output| *output != Output::Bundle);
    let nothing_boots = || {
        hinted(format!("profile {} has no output that boots", profile.name), "add `outputs: [qcow2]` to it")
    };
    if profile.outputs.is_empty() {
        return Err(nothing_boots());
    }
    let outcome = build::build(&source, &profile, &[], &options.inputs)?;
    let built = outcome.built();
    // Raw first: the guest reads it without unpacking clusters.
    let file = built.file("raw").or_else(|| built.file("qcow2")).ok_or_else(nothing_boots)?;
    let workspace = workspace::open(&source, &options.inputs)?;
    let image = options.inputs.output.join(&file.name);
    let firmware = pinned_firmware(&workspace).or_else(|e| host_firmware().map_err(|_| e));
    let kube = workspace.component("kubernetes")?.binaries.remove("kube");
    Ok(Target { kube, ..target(profile.name.clone(), image, firmware)? })
}

/// Puts a target together.
fn target(name: String, image: PathBuf, firmware: Result<Firmware>) -> Result<Target> {
    let id = Image::open(&image)?.id();
    let image = image.canonicalize().with_context(|| format!("finding {}", image.display()))?;
    Ok(Target { name, image, id, firmware: firmware?, kube: None })
}

/// Returns the firmware of the pinned package.
fn pinned_firmware(workspace: &Workspace) -> Result<Firmware> {
    let lock = workspace.lock()?;
    let [code, variables] = FILES.map(|f| workspace.package_file(&lock, PACKAGE, f));
    Ok(Firmware { code: code?, variables: variables? })
}

/// Returns the firmware that the host has installed.
fn host_firmware() -> Result<Firmware> {
    let [code, variables] = FILES.map(|f| Path::new("/").join(f));
    match code.is_file() && variables.is_file() {
        true => Ok(Firmware { code, variables }),
        false => Err(hinted(
            format!("finding UEFI firmware: {} is not there", code.display()),
            format!("install the package {PACKAGE}"),
        )),
    }
}
