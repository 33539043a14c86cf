//! From a profile to files, with small inputs: the content of the files, and when they are built again.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use ::bundle::KeySet;
use config::Output;
use formats::tree::Tree;
use inputs::kernel::Kernel;
use inputs::programs::{BuiltProgram, PROGRAMS};
use inputs::store::{Mode, Store};
use sha2::{Digest, Sha256};

use super::*;
use crate::bundle;
use crate::inspect::Image;
use crate::outputs::tests::{data_of, efi_program};

mod iso;
mod killed;
mod ova;
mod same_bytes;

const PROFILE: &str = "\
apiVersion: ironhull.dev/v1
kind: ImageProfile
name: small
version: 2026.11-1
epoch: 7
role: single
kubernetes: { version: 1.36.3 }
kernel: { config: [base] }
slots: { rootMiB: 64, kernelMiB: 16, stateMiB: 256, dataMiB: 1024 }
";

/// A source tree, a cache and an output directory.
struct Lab {
    dir: tempfile::TempDir,
    workspace: Workspace,
    profile: ImageProfile,
    sbom: Sbom,
}

/// The bill of materials of an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sbom {
    /// Empty, if the test is not about it.
    Empty,
    /// The one made from the inputs.
    Real,
}

impl Lab {
    /// Makes the three, with a profile that has update keys and an overlay and writes `outputs`.
    fn new(outputs: &[Output]) -> Lab {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["source/rootfs/overlay/etc", "files/etc", "materials"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("source/rootfs/overlay/etc/hosts"), "ours").unwrap();
        fs::write(at("files/etc/hosts"), "theirs").unwrap();
        fs::write(at("keys.json"), KeySet::new(1, 1, vec![key(1).public()]).unwrap().to_json()).unwrap();
        for name in PROGRAMS.iter().map(|p| p.binary).chain(["kernel", "stub"]) {
            fs::write(at("materials").join(name), efi_program()).unwrap();
        }
        let store = Store::open(at("cache"), Mode::Offline).unwrap();
        let workspace = Workspace::open(&at("source"), store, inputs::Options::default()).unwrap();
        let text = |name: &str| at(name).to_string_lossy().into_owned();
        let profile = ImageProfile {
            outputs: outputs.to_vec(),
            update_keys: Some(text("keys.json")),
            overlay: vec![text("files")],
            ..config::parse_profile("small.yaml", PROFILE).unwrap()
        };
        Lab { dir, workspace, profile, sbom: Sbom::Empty }
    }

    /// Returns a path in the lab.
    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Builds into `out`.
    fn build(&self, keys: &[SecretKey]) -> Result<Outcome> {
        let path = |name: &str| self.at("materials").join(name);
        let program = |name: &str| BuiltProgram {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            path: path(name),
            crates: Vec::new(),
        };
        let programs: Vec<BuiltProgram> = PROGRAMS.iter().map(|p| program(p.binary)).collect();
        let kernel = Kernel {
            image: path("kernel"),
            config: path("config"),
            release: "6.12.0".to_owned(),
            version: "6.12.0-1".to_owned(),
        };
        let build_time = 1_790_000_000;
        let contents = inputs::sbom::Contents {
            name: &self.profile.name,
            version: VERSION,
            created: build_time,
            packages: &[],
            components: &[],
            programs: &programs,
            kernel: Some(&kernel),
        };
        let sbom = match self.sbom {
            Sbom::Empty => "{}".to_owned(),
            Sbom::Real => inputs::sbom::spdx(&contents),
        };
        let materials = Materials {
            packages: Tree::new(),
            components: Vec::new(),
            stub: path("stub"),
            certificates: Vec::new(),
            pins: String::new(),
            programs,
            kernel,
            sbom,
            build_time,
        };
        let ingredients = Ingredients {
            workspace: &self.workspace,
            profile: &self.profile,
            layout: layout(&self.profile.slots),
            materials,
            keys: Keys::load(&self.profile, keys)?,
            overlays: overlay::load_all(&self.workspace, &self.profile)?,
        };
        make(&ingredients, &self.at("out"))
    }

    /// Returns the names in `out` that are not hidden.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.at("out")).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

#[test]
fn a_bundle_alone_leaves_no_disk_and_is_listed_with_its_hash() {
    let lab = Lab::new(&[Output::Bundle]);
    let outcome = lab.build(&[key(1)]).unwrap();
    assert_eq!(lab.names(), ["small.hull", "small.json", "small.spdx.json"]);
    let text = fs::read(lab.at("out/small.json")).unwrap();
    let built: Built = serde_json::from_slice(&text).unwrap();
    assert_eq!(&built, outcome.built());
    let (bytes, sha256) = hash_file(&lab.at("out/small.hull")).unwrap();
    let file = built.file("bundle").unwrap();
    assert_eq!((&*file.name, file.bytes, &file.sha256), ("small.hull", bytes, &Some(sha256)));
    let keys = KeySet::parse(&fs::read(lab.at("keys.json")).unwrap()).unwrap();
    let sealed = bundle::open(&lab.at("out/small.hull")).unwrap().verify(&keys).unwrap();
    let manifest = sealed.unpack(&mut std::io::sink()).and_then(|b| b.unpack(&mut std::io::sink()));
    let manifest = manifest.and_then(::bundle::Bundle::finish).unwrap();
    assert_eq!((&*manifest.version, manifest.epoch), ("2026.11-1", 7));
    assert_eq!((&manifest.state, manifest.root_hash.to_string()), (&built.facts.state, built.root_hash));
}

#[test]
fn what_the_profile_names_is_in_the_image() {
    let lab = Lab::new(&Output::ALL);
    lab.build(&[]).unwrap();
    let images = ["raw", "qcow2"].map(|ending| Image::open(&lab.at(&format!("out/small.{ending}"))).unwrap());
    let root = images[0].root().unwrap();
    let facts = root.facts().unwrap();
    assert_eq!((&*facts.version, facts.epoch), ("2026.11-1", 7));
    assert_eq!(images[0].slots().unwrap().headers.a.unwrap().epoch, 7);
    let keys = "usr/share/ironhull/update-keys.json";
    assert_eq!(root.read(keys.as_bytes()), fs::read(lab.at("keys.json")).ok());
    let listing = root.listing();
    let line = listing.lines().find(|l| l.ends_with(keys)).unwrap();
    assert!(line.starts_with("-0644   1 0:0 "), "{line}");
    assert_eq!(root.read(b"etc/hosts").as_deref(), Some(&b"theirs"[..]));
    // A bundle written by the build equals the one made from its disk afterwards.
    let expected = fs::read(lab.at("out/small.hull")).unwrap();
    for image in images {
        bundle::create(&image, bundle::Order::default(), &[], &lab.at("again.hull")).unwrap();
        assert!(fs::read(lab.at("again.hull")).unwrap() == expected, "{}", image.format());
    }
}

#[test]
fn what_has_changed_is_built_anew_and_nothing_else() {
    let lab = Lab::new(&[Output::Bundle]);
    let made = |keys: &[SecretKey]| matches!(lab.build(keys).unwrap(), Outcome::Made(_));
    assert!(made(&[]));
    assert!(!made(&[]));
    assert!(made(&[key(1)]), "a key");
    assert!(made(&[key(2)]), "another key");
    assert!(!made(&[key(2)]));
    fs::write(lab.at("keys.json"), KeySet::new(2, 1, vec![key(1).public()]).unwrap().to_json()).unwrap();
    assert!(made(&[key(2)]), "other update keys");
    fs::write(lab.at("files/etc/hosts"), "others").unwrap();
    assert!(made(&[key(2)]), "another file");
    fs::create_dir(lab.at("files/empty")).unwrap();
    assert!(!made(&[key(2)]));
    fs::remove_file(lab.at("out/small.hull")).unwrap();
    assert!(made(&[key(2)]), "a bundle that is gone");
    let record = fs::read_to_string(lab.at("out/.small.built")).unwrap();
    assert!(!record.contains("PRIVATE"), "{record}");
}

#[test]
fn no_older_disk_stays_beside_the_files_of_a_build() {
    let mut lab = Lab::new(&Output::ALL);
    lab.build(&[]).unwrap();
    fs::write(lab.at("out/other.qcow2"), "").unwrap();
    lab.profile.outputs = vec![Output::Raw];
    lab.build(&[]).unwrap();
    assert_eq!(
        lab.names(),
        ["other.qcow2", "small.hull", "small.json", "small.raw", "small.spdx.json"],
        "another image's disk and the bundle stay"
    );
    // A disk that was not written by a build is not removed.
    fs::write(lab.at("out/small.qcow2"), "").unwrap();
    lab.profile.version = Some("2".to_owned());
    lab.build(&[]).unwrap();
    assert!(lab.at("out/small.qcow2").exists());
}

/// Lets a test wait for a message of a build.
#[derive(Debug)]
struct Heard(std::sync::Mutex<std::sync::mpsc::Sender<String>>);

impl inputs::Progress for Heard {
    fn started(&self, _step: &str, _unit: inputs::progress::Unit, _total: Option<u64>) {}
    fn advanced(&self, _step: &str, _done: u64) {}
    fn finished(&self, _step: &str, _took: std::time::Duration) {}
    fn planned(&self, _steps: &[String]) {}
    fn said(&self, line: &str) {
        self.0.lock().unwrap().send(line.to_owned()).unwrap();
    }
}

#[test]
fn a_build_that_waits_for_another_one_says_so_and_finds_its_files() {
    let mut lab = Lab::new(&[Output::Bundle]);
    lab.build(&[]).unwrap();
    let (sender, said) = std::sync::mpsc::channel();
    let progress = std::sync::Arc::new(Heard(std::sync::Mutex::new(sender)));
    let store = Store::open(lab.at("cache"), Mode::Offline).unwrap();
    let options = inputs::Options { progress, ..inputs::Options::default() };
    lab.workspace = Workspace::open(&lab.at("source"), store, options).unwrap();
    // The state while another build writes its files.
    let [record, away] = ["out/.small.built", "record"].map(|name| lab.at(name));
    let lock = File::create(lab.at("out/.small.lock")).unwrap();
    lock.lock().unwrap();
    fs::rename(&record, &away).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| lab.build(&[]));
        let out = lab.at("out").display().to_string();
        let waiting = format!("waiting for another build, which writes small into {out}");
        assert!(said.iter().any(|line| line == waiting));
        fs::rename(&away, &record).unwrap();
        lock.unlock().unwrap();
        assert!(matches!(second.join().unwrap(), Ok(Outcome::Unchanged(_))));
    });
}

#[test]
fn files_are_known_by_what_is_in_them_not_by_where_they_are() {
    let mut lab = Lab::new(&[Output::Bundle]);
    assert!(matches!(lab.build(&[]), Ok(Outcome::Made(_))));
    for name in ["keys.json", "files"] {
        fs::rename(lab.at(name), lab.at(&format!("moved-{name}"))).unwrap();
    }
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    lab.profile.update_keys = Some(text(lab.at("moved-keys.json")));
    lab.profile.overlay = vec![text(lab.at("moved-files"))];
    assert!(matches!(lab.build(&[]), Ok(Outcome::Unchanged(_))));
    lab.profile.overlay.clear();
    assert!(matches!(lab.build(&[]), Ok(Outcome::Made(_))));
}

#[test]
fn files_that_are_there_keep_their_links_and_modes() {
    let lab = Lab::new(&[Output::Raw, Output::Bundle]);
    fs::create_dir(lab.at("out")).unwrap();
    fs::write(lab.at("kept.hull"), "old").unwrap();
    fs::set_permissions(lab.at("kept.hull"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("../kept.hull", lab.at("out/small.hull")).unwrap();
    lab.build(&[]).unwrap();
    assert!(lab.at("out/small.hull").symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::metadata(lab.at("kept.hull")).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(bundle::open(&lab.at("kept.hull")).is_ok());
    assert!(matches!(lab.build(&[]), Ok(Outcome::Unchanged(_))));
    // A bundle must not overwrite the image it is made from.
    let raw = lab.at("out/small.raw");
    let error = bundle::create(&Image::open(&raw).unwrap(), bundle::Order::default(), &[], &raw).unwrap_err();
    assert!(matches!(error, Error::Files(files::Error::Input(_))), "{error}");
    // Signing, too, changes the file that the link points to.
    bundle::sign(&lab.at("out/small.hull"), &[key(1)]).unwrap();
    assert_eq!(bundle::open(&lab.at("kept.hull")).unwrap().signatures().len(), 1);
    assert_eq!(fs::metadata(lab.at("kept.hull")).unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
fn a_place_that_can_not_be_written_is_told_before_the_work() {
    let lab = Lab::new(&[Output::Bundle]);
    fs::write(lab.at("out"), "").unwrap();
    let error = check_places(&lab.at("out"), "small").unwrap_err();
    assert!(error.to_string().ends_with("out: not a directory"), "{error}");
    fs::remove_file(lab.at("out")).unwrap();
    assert!(check_places(&lab.at("out"), "small").is_ok());
    fs::create_dir_all(lab.at("out/small.qcow2")).unwrap();
    let error = check_places(&lab.at("out"), "small").unwrap_err();
    assert!(matches!(error, Error::Files(files::Error::Directory(_))), "{error}");
}

/// Bytes that can't be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Whoever changes a byte of an image on purpose updates the hashes here. A new version of Ironhull also
/// changes them, since it is in `os-release`.
#[test]
fn the_bytes_of_every_output_are_pinned() {
    let lab = Lab::new(&Output::ALL);
    // Clusters of a qcow2 that can be compressed, that can't, and that are all zeros.
    let zeros = vec![0; 300 << 10];
    fs::write(lab.at("files/blocks"), [noise(2 << 20), zeros, b"text".repeat(100_000)].concat()).unwrap();
    let built = lab.build(&[key(1)]).unwrap().built().clone();
    let mut raw = Sha256::new();
    for (at, block) in data_of(&lab.at("out/small.raw")) {
        raw.update(at.to_le_bytes());
        raw.update(block);
    }
    let sha256 = |format| built.file(format).and_then(|file| file.sha256.clone()).unwrap();
    let found = ["qcow2", "vmdk", "ova", "iso", "bundle"].map(sha256);
    let expected = [
        "60c91f322d21b0c474385a4a958cd3ef477f7f39fdee9bfa6415dd1effdf2689",
        "c1572648dfd24280fdda7e489e33b8ba882c6a350049b12d8861b0b7928b3803",
        "56ba89d796a27f75bcd6ca65d48bd40379b29b782400d82071022aa0191372e1",
        "e8840eb1b73854730ad48cd4c92139036db2fbcb70fdc85755ca37964fb9dc78",
        "12d01936600cf0a89475327f79c1ef4e47255368bf368edbfeebc6b1ea77741a",
    ];
    assert_eq!(found, expected);
    let raw = hex(&raw.finalize());
    assert_eq!(raw, "c1657107c8ea963a7b97b1c1720d1f3390a0769f91961f2f4a3c9b544ce93671");
}

#[test]
fn an_image_without_a_container_image_of_the_manifests_is_refused() {
    let profile = config::parse_profile(
        "x.yaml",
        "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: x\nrole: single\n\
         kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n",
    )
    .unwrap();
    let all: Vec<String> = imagefacts::OF_MANIFESTS.iter().map(|n| imagefacts::reference(n, "1")).collect();
    check_images(&profile, &all).unwrap();
    let error = check_images(&profile, &all[1..]).unwrap_err();
    assert_eq!(error.to_string(), "profile x: the cluster's manifests need container images of coredns");
    assert_eq!(error.hint().unwrap(), "add coredns to `components` in the profile");
}
