//! What to boot: an existing image, or one built from a profile; and with which firmware.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use config::{ImageProfile, Output, Role};
use image::inspect::Image;
use inputs::Workspace;
use vm::{Firmware, FirmwareKind};

use crate::cmdline::{self, Global, Run};
use crate::commands::build;
use crate::hint::{Usage, hinted};
use crate::{source_tree, workspace};

/// The package with the firmware.
const PACKAGE: &str = "ovmf";
/// Paths of the firmware's code without and with Secure Boot, and of its variables, in the package and on a
/// host that has it installed.
const UEFI: &str = "usr/share/OVMF/OVMF_CODE_4M.fd";
const SECURE_BOOT: &str = "usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
const VARIABLES: &str = "usr/share/OVMF/OVMF_VARS_4M.fd";

/// Outputs that a machine boots from. Raw is preferred: the guest reads it without decompressing clusters.
const BOOTABLE: [Output; 2] = [Output::Raw, Output::Qcow2];

/// An image and the firmware to boot it.
#[derive(Debug)]
pub struct Target {
    /// The image file.
    pub image: PathBuf,
    /// Identifies the content of the image.
    pub id: String,
    /// The role of a node with it.
    pub role: Role,
    /// The firmware.
    pub firmware: Firmware,
    /// The binary with all Kubernetes programs, if it was built here.
    pub kube: Option<PathBuf>,
}

/// What the command line names; nothing is built yet.
#[derive(Debug)]
pub enum Named {
    /// An existing image.
    Image {
        /// File name without extension.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A profile, without outputs that can't boot.
    Profile {
        /// The source tree.
        source: PathBuf,
        /// The profile.
        profile: Box<ImageProfile>,
    },
}

impl Named {
    /// Returns the name of the image.
    pub fn name(&self) -> &str {
        match self {
            Named::Image { name, .. } => name,
            Named::Profile { profile, .. } => &profile.name,
        }
    }
}

/// Finds the image or the profile `wanted`.
pub fn find(global: &Global, options: &Run, wanted: &Path) -> Result<Named> {
    Wanted::of(options)?;
    let path = wanted;
    let is_profile = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if path.is_file() && !is_profile {
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(Named::Image { name, path: path.to_owned() });
    }
    let source = source_tree::find(global)?;
    let mut profile = source_tree::load_profile(&source_tree::profile_file(wanted, &source)?)?;
    // A bundle can't boot, and one that was built with a key must not be replaced by an unsigned one.
    profile.outputs.retain(|output| *output != Output::Bundle);
    match profile.outputs.iter().any(|output| BOOTABLE.contains(output)) {
        true => Ok(Named::Profile { source, profile: Box::new(profile) }),
        false => Err(nothing_boots(&profile)),
    }
}

/// Returns the error that the profile has no bootable output.
fn nothing_boots(profile: &ImageProfile) -> anyhow::Error {
    hinted(format!("profile {} has no bootable output", profile.name), "add `outputs: [qcow2]` to it")
}

/// Returns the image and its firmware; builds the image if a profile was named.
pub fn prepare(named: Named, options: &Run) -> Result<Target> {
    let wanted = Wanted::of(options)?;
    let (source, profile) = match named {
        Named::Image { path, .. } => return target(path, wanted.of_host()),
        Named::Profile { source, profile } => (source, profile),
    };
    let outcome = build::build(&source, &profile, &[], &options.inputs)?;
    let built = outcome.built();
    let mut bootable = BOOTABLE.iter().filter_map(|output| built.file(output.name()));
    let file = bootable.next().ok_or_else(|| nothing_boots(&profile))?;
    let workspace = workspace::open(&source, &options.inputs)?;
    let image = options.inputs.output.join(&file.name);
    let firmware = wanted.pinned(&workspace).or_else(|e| wanted.of_host().map_err(|_| e));
    let kube = workspace.component("kubernetes")?.binaries.remove("kube");
    Ok(Target { kube, ..target(image, firmware)? })
}

/// Makes a target.
fn target(image: PathBuf, firmware: Result<Firmware>) -> Result<Target> {
    let opened = Image::open(&image)?;
    let (id, facts) = (opened.id(), opened.root()?.facts());
    let named = facts.map(|f| f.role).unwrap_or_default();
    let role = Role::from_name(&named).with_context(|| {
        format!("finding the role of {}: this program does not know {named:?}", image.display())
    })?;
    let image = image.canonicalize().with_context(|| format!("finding {}", image.display()))?;
    Ok(Target { image, id, role, firmware: firmware?, kube: None })
}

/// The requested firmware.
struct Wanted<'a> {
    kind: FirmwareKind,
    /// Directory with the keys to enrol.
    keys: Option<&'a Path>,
}

impl Wanted<'_> {
    fn of(options: &Run) -> Result<Wanted<'_>> {
        let keys = options.keys.as_deref();
        match (options.firmware, keys) {
            (cmdline::Firmware::Uefi, None) => Ok(Wanted { kind: FirmwareKind::Uefi, keys }),
            (cmdline::Firmware::SecureBoot, Some(_)) => Ok(Wanted { kind: FirmwareKind::SecureBoot, keys }),
            _ => Err(Usage("--firmware secureboot and --keys DIR go together".to_owned()).into()),
        }
    }

    /// Returns the paths of code and variables relative to a root.
    fn files(&self) -> [&'static str; 2] {
        [if self.kind == FirmwareKind::Uefi { UEFI } else { SECURE_BOOT }, VARIABLES]
    }

    /// Returns the firmware of the pinned package.
    fn pinned(&self, workspace: &Workspace) -> Result<Firmware> {
        let lock = workspace.lock()?;
        let [code, variables] = self.files().map(|f| workspace.package_file(&lock, PACKAGE, f));
        self.firmware(code?, &variables?)
    }

    /// Returns the firmware installed on the host.
    fn of_host(&self) -> Result<Firmware> {
        let [code, variables] = self.files().map(|f| Path::new("/").join(f));
        if !code.is_file() || !variables.is_file() {
            return Err(hinted(
                format!("finding UEFI firmware: {} is not there", code.display()),
                format!("install the package {PACKAGE}"),
            ));
        }
        self.firmware(code, &variables)
    }

    /// Reads the variables and enrols the keys.
    fn firmware(&self, code: PathBuf, variables: &Path) -> Result<Firmware> {
        let shipped = fs::read(variables).with_context(|| format!("reading {}", variables.display()))?;
        let variables = match self.keys {
            Some(keys) => secureboot::enrol(keys, &shipped)?,
            None => shipped,
        };
        Ok(Firmware { kind: self.kind, code, variables })
    }
}
