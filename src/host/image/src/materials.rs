//! Collects all inputs of an image; they are downloaded or built if they are not in the cache.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use config::{Component, ImageProfile};
use formats::tree::Tree;
use inputs::Workspace;
use inputs::components::BuiltComponent;
use inputs::debian::{Lock, Locked, Use};
use inputs::kernel::Kernel;
use inputs::programs::{BuiltProgram, PROGRAMS};
use inputs::sbom;
use inputs::store::KeyBuilder;

use crate::facts;
use crate::packages::root_packages;
use crate::{Error, error::Result};

/// The package with the systemd stub, and its path there.
const STUB: (&str, &str) = ("systemd-boot-efi", "usr/lib/systemd/boot/efi/linuxx64.efi.stub");
/// Incremented when the same inputs give another image.
const REVISION: u32 = 1;

/// The inputs of an image.
#[derive(Debug)]
pub(crate) struct Materials {
    /// Files of the Debian packages.
    pub packages: Tree,
    /// Components, in the order of the profile.
    pub components: Vec<(Component, BuiltComponent)>,
    /// Programs of this workspace.
    pub programs: Vec<BuiltProgram>,
    /// The kernel.
    pub kernel: Kernel,
    /// The systemd stub.
    pub stub: PathBuf,
    /// All trusted certificates in one file.
    pub certificates: Vec<u8>,
    /// The bill of materials.
    pub sbom: String,
    /// Date of the newest input.
    pub build_time: u64,
    /// The pins of the packages, for the cache key.
    pub pins: String,
}

/// Collects all inputs for `profile`.
///
/// # Errors
/// [`Error::Input`] if one can't be obtained; [`Error::Kubernetes`] if the profile requests another version
/// than the pinned one. What was completed stays in the cache.
pub(crate) fn gather(workspace: &Workspace, profile: &ImageProfile) -> Result<Materials> {
    let lock = workspace.lock()?;
    // Errors in lock, fragments and recipes are reported before the first long build.
    workspace.check_kernel(&lock, &profile.kernel.config)?;
    let recipes = profile.components.iter().map(|c| Ok((*c, workspace.prepare(c.name())?)));
    let recipes = recipes.collect::<Result<Vec<_>>>()?;
    workspace.announce(&lock, &profile.kernel.config, &recipes.iter().map(|(_, r)| r).collect::<Vec<_>>())?;
    let build_time = lock.release.newest();
    let locked: Vec<&Locked> = lock.with_use(Use::Root).collect();
    let (packages, certificates) = root_packages(workspace, &locked)?;
    let stub = workspace.package_file(&lock, STUB.0, STUB.1)?;
    let programs = PROGRAMS.iter().map(|p| workspace.program(p.binary));
    let programs = programs.collect::<inputs::Result<Vec<_>>>()?;
    // In parallel: each has minutes in which it keeps only one processor busy (unpacking, linking,
    // compressing). If the kernel fails, no further component is begun; what is complete is in the cache for
    // the next build.
    let failed = AtomicBool::new(false);
    let (kernel, components) = std::thread::scope(|scope| {
        let kernel = scope.spawn(|| {
            let built = workspace.kernel(&lock, &profile.kernel.config);
            built.inspect_err(|_| failed.store(true, Ordering::Relaxed))
        });
        let wanted = recipes.into_iter().take_while(|_| !failed.load(Ordering::Relaxed));
        let components = wanted.map(|(component, recipe)| Ok((component, recipe.build()?)));
        let components = components.collect::<inputs::Result<Vec<_>>>();
        (kernel.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), components)
    });
    let (kernel, components) = (kernel?, components?);
    check_kubernetes(profile, &components)?;
    let built: Vec<BuiltComponent> = components.iter().map(|(_, c)| c.clone()).collect();
    let sbom = sbom::spdx(&sbom::Contents {
        name: &profile.name,
        version: facts::version(profile),
        created: build_time,
        packages: &locked,
        components: &built,
        programs: &programs,
        kernel: Some(&kernel),
    });
    let pins = pins(&lock);
    Ok(Materials { packages, components, programs, kernel, stub, certificates, sbom, build_time, pins })
}

impl Materials {
    /// Returns the names of all binaries by component.
    pub(crate) fn binaries(&self) -> BTreeMap<Component, Vec<String>> {
        self.components.iter().map(|(c, built)| (*c, built.binaries.keys().cloned().collect())).collect()
    }

    /// Returns a program of this workspace.
    pub(crate) fn program(&self, name: &str) -> &BuiltProgram {
        self.programs.iter().find(|p| p.name == name).expect("all programs were built")
    }

    /// Adds all inputs of the image to a cache key. Built inputs are identified by their directory in the
    /// cache, whose name is the hash of their own inputs.
    pub(crate) fn add_to(&self, key: KeyBuilder) -> KeyBuilder {
        let mut paths = vec![self.kernel.image.clone(), self.stub.clone()];
        paths.extend(self.components.iter().flat_map(|(_, c)| c.binaries.values().cloned()));
        paths.extend(self.programs.iter().map(|p| p.path.clone()));
        let key =
            key.with("revision", REVISION.to_string()).with("pins", &self.pins).with("sbom", &self.sbom);
        paths.iter().fold(key, |key, path| key.with("path", path.as_os_str().as_encoded_bytes()))
    }
}

/// Checks that the pinned Kubernetes is the version requested by the profile.
fn check_kubernetes(profile: &ImageProfile, components: &[(Component, BuiltComponent)]) -> Result<()> {
    let pinned =
        components.iter().find(|(c, _)| *c == Component::Kubernetes).map(|(_, b)| b.version.as_str());
    let found = pinned.map(|v| v.trim_start_matches('v'));
    match found {
        Some(found) if found != profile.kubernetes.version => Err(Error::Kubernetes {
            profile: profile.name.clone(),
            expected: profile.kubernetes.version.clone(),
            found: found.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Returns the digests of the root's packages, one a line.
fn pins(lock: &Lock) -> String {
    let line = |p: &Locked| format!("{} {}\n", p.name, p.sha256);
    let dates = [Some(&lock.release.date), lock.release.security_date.as_ref()];
    let dates = dates.into_iter().flatten().map(ToString::to_string);
    lock.with_use(Use::Root).map(line).chain(dates).collect()
}
