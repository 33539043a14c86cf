//! A disk with a small root: read back by our own code, checked by `sgdisk` and `fsck.fat`, reproducible.

use std::path::Path;

use std::collections::BTreeMap;
use std::io;

use ::bundle::StateVersions;
use config::Slots;
use disk::{BOOT_PATH, SPARE_PATH};
use formats::tree::{Node, Tree};
use imagefacts::ImageFacts;
use secureboot::Signer;
use slots::{Header, Marker, Partition, RootParams, UKI_OFFSET};

use super::*;
use crate::facts;
use crate::generation::{self, Recipe, signed};
use crate::hostdisk::HostDisk;
use crate::inspect::Image;
use crate::kernel::KernelParts;
use crate::room::layout;
use crate::spool::Spool;

const SLOTS: Slots = Slots { root_mib: 64, kernel_mib: 16, state_mib: 256, data_mib: 1024 };

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// The smallest EFI program: headers and one section of 512 bytes.
pub(crate) fn efi_program() -> Vec<u8> {
    let mut pe = vec![0; 1536];
    put(&mut pe, 0, b"MZ");
    put(&mut pe, 0x3c, &0x80u32.to_le_bytes());
    put(&mut pe, 0x80, b"PE\0\0");
    put(&mut pe, 0x84, &0x8664u16.to_le_bytes());
    put(&mut pe, 0x86, &1u16.to_le_bytes());
    put(&mut pe, 0x94, &240u16.to_le_bytes());
    put(&mut pe, 0x96, &0x22eu16.to_le_bytes());
    let optional = 0x98;
    put(&mut pe, optional, &0x20bu16.to_le_bytes());
    put(&mut pe, optional + 32, &4096u32.to_le_bytes());
    put(&mut pe, optional + 36, &512u32.to_le_bytes());
    put(&mut pe, optional + 56, &8192u32.to_le_bytes());
    put(&mut pe, optional + 60, &1024u32.to_le_bytes());
    put(&mut pe, optional + 68, &10u16.to_le_bytes());
    put(&mut pe, optional + 108, &16u32.to_le_bytes());
    let section = optional + 240;
    put(&mut pe, section, b".text");
    put(&mut pe, section + 8, &500u32.to_le_bytes());
    put(&mut pe, section + 12, &4096u32.to_le_bytes());
    put(&mut pe, section + 16, &512u32.to_le_bytes());
    put(&mut pe, section + 20, &1024u32.to_le_bytes());
    put(&mut pe, section + 36, &0x6000_0020u32.to_le_bytes());
    pe
}

fn facts() -> ImageFacts {
    ImageFacts {
        name: "small".into(),
        version: "0.1.0".into(),
        role: "single".into(),
        architecture: "amd64".into(),
        kubernetes: "1.36.3".into(),
        build_time: 1_789_199_741,
        epoch: 5,
        state: BTreeMap::from([("etcd".into(), StateVersions { writes: 307, reads: 306 })]),
        container_images: Vec::new(),
        disk: None,
    }
}

/// A disk that was made.
#[derive(Debug)]
struct Made {
    root: RootParams,
    kernel_sha256: [u8; 32],
    kernel_bytes: u64,
}

/// Makes a raw disk with a small root and a kernel image that contains `init`.
fn make(path: &Path, init: &[u8]) -> Result<Made> {
    make_signed(path, init, None)
}

/// The same, signed if there is a signer.
fn make_signed(path: &Path, init: &[u8], signer: Option<&Signer>) -> Result<Made> {
    make_of(path, init, (signer, facts()))
}

/// The same for an image with these facts.
fn make_of(path: &Path, init: &[u8], (signer, facts): (Option<&Signer>, ImageFacts)) -> Result<Made> {
    let mut root = Tree::new();
    root.insert("usr/share/ironhull/image.json", Node::file(facts::json(&facts).into_bytes(), 0o644))?;
    root.insert("usr/share/ironhull/sbom.spdx.json", Node::file(b"{}".to_vec(), 0o644))?;
    let layout = layout(&SLOTS);
    let program = efi_program();
    let kernel = KernelParts { stub: &program, kernel: &program, release: "6.12.0", init };
    let recipe = Recipe { root: &root, kernel, signer, facts, layout: &layout };
    let generation = generation::make(recipe, Spool::new(path.parent().unwrap())?)?;
    let loader = signed(program.clone(), signer)?;
    let profile = profile();
    let (generation, loader, layout) = (&generation, &loader, &layout);
    let sources = Sources { generation, kernel, signer, loader, layout, profile: &profile, keys: &[] };
    raw::write(&arranged(&sources)?, &sources, path)?;
    let (root, kernel_sha256) = (generation.params, generation.uki_sha256);
    Ok(Made { root, kernel_sha256, kernel_bytes: generation.uki.len() })
}

/// A profile with only the defaults.
fn profile() -> ImageProfile {
    let text = "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: small\nrole: single\n\
                kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n";
    config::parse_profile("small.yaml", text).unwrap()
}

/// Returns the data of a disk: each block that is not all zeros, and its offset.
pub(crate) fn data_of(path: &Path) -> Vec<(u64, Vec<u8>)> {
    const BLOCK: usize = 4096;
    let disk = HostDisk::open(path).unwrap();
    let mut data = Vec::new();
    let mut next = 0;
    while let Some(range) = disk.next_data(next).unwrap() {
        let bytes = formats::disk::read_vec(&disk, range.start, range.end - range.start).unwrap();
        let blocks = bytes.chunks(BLOCK).zip((range.start..).step_by(BLOCK));
        data.extend(blocks.filter(|(b, _)| b.iter().any(|x| *x != 0)).map(|(b, at)| (at, b.to_vec())));
        next = range.end;
    }
    data
}

/// Runs a foreign checker; `None` with a message if it is missing, which is an error in CI.
fn judge(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    Some(judges::find(program)?.ask(arguments))
}

#[test]
fn what_was_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.raw");
    let written = make(&path, b"init").unwrap();
    let image = Image::open(&path).unwrap();
    let kernel = image.kernel().unwrap();
    assert_eq!(kernel.root.as_ref(), Some(&written.root));
    assert_eq!(kernel.release, "6.12.0");
    assert!(
        kernel.cmdline.ends_with(" bonding.max_bonds=0 dummy.numdummies=0 quiet loglevel=4"),
        "{}",
        kernel.cmdline
    );
    let root = image.root().unwrap();
    assert_eq!((root.facts(), root.sbom().as_deref()), (Some(facts()), Some("{}")));
    let disk = HostDisk::open(&path).unwrap();
    for partition in [Partition::State, Partition::Data] {
        let mut block = [0; slots::MARKER_BYTES];
        let at = layout(&SLOTS).place(partition).start;
        disk.read_exact_at(&mut block, at).unwrap();
        assert!(Marker::parse(&block).is_some(), "{}", partition.label());
    }
}

#[test]
fn the_header_describes_the_kernel_image_and_the_loader_is_in_the_esp() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.raw");
    let made = make(&path, b"init").unwrap();
    let header = Image::open(&path).unwrap().slots().unwrap().headers.a.unwrap();
    let expected = Header { length: made.kernel_bytes, sha256: made.kernel_sha256, generation: 1, epoch: 5 };
    assert_eq!(header, expected);
    let disk = HostDisk::open(&path).unwrap();
    let esp = layout(&SLOTS).place(Partition::Esp);
    let esp = formats::disk::Window::new(&disk as &dyn ReadAt, esp.start, esp.bytes).unwrap();
    for path in [BOOT_PATH, SPARE_PATH] {
        assert!(formats::fat::read(&esp, path).unwrap() == efi_program(), "{path}");
    }
}

#[test]
fn the_bundle_of_a_disk_says_what_its_image_says() {
    let dir = tempfile::tempdir().unwrap();
    let [path, hull] = ["a.raw", "a.hull"].map(|name| dir.path().join(name));
    let written = make(&path, b"init").unwrap();
    let key = ::bundle::SecretKey::from_seed([7; 32]);
    let create = |path: &Path, keys: &[::bundle::SecretKey]| {
        crate::bundle::create(&Image::open(path).unwrap(), crate::bundle::Order::default(), keys, &hull)
    };
    let (manifest, _) = create(&path, std::slice::from_ref(&key)).unwrap();
    assert_eq!((manifest.epoch, &manifest.state), (5, &facts().state));
    assert_eq!(manifest.root_hash.0, written.root.root_hash);
    let keys = ::bundle::KeySet::new(1, 1, vec![key.public()]).unwrap();
    let mut sealed = crate::bundle::open(&hull).unwrap().verify(&keys).unwrap();
    while sealed.next_part().is_some() {
        sealed = sealed.unpack(&mut io::sink()).unwrap();
    }
    assert_eq!(sealed.finish().unwrap(), manifest);
    std::fs::remove_file(&hull).unwrap();
    // No node would accept one without versions of the state.
    make_of(&path, b"init", (None, ImageFacts { state: BTreeMap::new(), ..facts() })).unwrap();
    let error = create(&path, &[]).unwrap_err();
    assert!(error.to_string().ends_with("found none: rebuild it"), "{error}");
    assert!(!hull.exists());
}

#[test]
fn a_header_of_another_epoch_than_the_root_says_makes_no_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.raw");
    make(&path, b"init").unwrap();
    let at = layout(&SLOTS).place(Partition::KernelA);
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut block = [0; 512];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut block, at.start).unwrap();
    let header = Header { epoch: 6, ..Header::parse(&block, at.bytes).unwrap() };
    std::os::unix::fs::FileExt::write_all_at(&file, &header.encode(), at.start).unwrap();
    let image = Image::open(&path).unwrap();
    let error = crate::bundle::create(&image, crate::bundle::Order::default(), &[], &dir.path().join("b"));
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("epoch: expected 5, that of image.json, found 6"), "{error}");
}

#[test]
fn the_same_parts_give_the_same_bytes_and_other_parts_another_identity() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|n| dir.path().join(n));
    make(&a, b"init").unwrap();
    make(&b, b"init").unwrap();
    make(&c, b"another").unwrap();
    assert!(data_of(&a) == data_of(&b));
    let id = |path| Image::open(path).unwrap().id();
    assert_eq!(id(&a), id(&b));
    assert_ne!(id(&a), id(&c));
}

#[test]
fn with_a_key_boot_loader_and_kernel_are_signed_as_sbverify_says() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    secureboot::create(dir.path(), "test").unwrap();
    let signer = Signer::load(&at("db.key"), &at("db.crt")).unwrap();
    let written = make_signed(&at("a"), b"init", Some(&signer)).unwrap();
    make_signed(&at("b"), b"init", Some(&signer)).unwrap();
    assert!(data_of(&at("a")) == data_of(&at("b")));
    let disk = HostDisk::open(&at("a")).unwrap();
    let [esp, kernel] = [Partition::Esp, Partition::KernelA].map(|partition| layout(&SLOTS).place(partition));
    let esp = formats::disk::Window::new(&disk as &dyn ReadAt, esp.start, esp.bytes).unwrap();
    let loader = formats::fat::read(&esp, BOOT_PATH).unwrap();
    let kernel = formats::disk::read_vec(&disk, kernel.start + UKI_OFFSET, written.kernel_bytes).unwrap();
    for (name, bytes) in [("loader", loader), ("kernel", kernel)] {
        std::fs::write(at(name), bytes).unwrap();
        let arguments = ["--cert", &at("db.crt").display().to_string(), &at(name).display().to_string()];
        if let Some((good, said)) = judge("sbverify", &arguments) {
            assert!(good, "{name}: {said}");
        }
    }
}

#[test]
fn sgdisk_and_fsck_find_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.raw");
    make(&path, b"init").unwrap();
    if let Some((good, said)) = judge("sgdisk", &["-v", &path.display().to_string()]) {
        assert!(good && said.contains("No problems found"), "{said}");
    }
    let esp = layout(&SLOTS).place(Partition::Esp);
    let disk = HostDisk::open(&path).unwrap();
    let bytes = formats::disk::read_vec(&disk, esp.start, esp.bytes).unwrap();
    let copy = dir.path().join("esp");
    std::fs::write(&copy, bytes).unwrap();
    if let Some((good, said)) = judge("fsck.fat", &["-nv", &copy.display().to_string()]) {
        assert!(good, "{said}");
    }
    if let Some((good, said)) = judge("mdir", &["-b", "-i", &copy.display().to_string(), "::/EFI/BOOT"]) {
        assert!(good && said.contains("BOOTX64.EFI"), "{said}");
    }
}

#[test]
fn a_kernel_too_large_names_the_key_of_its_room() {
    let dir = tempfile::tempdir().unwrap();
    // Bytes that zstd can't compress.
    let mut state = 1u64;
    let noise: Vec<u8> = (0..14 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect();
    let error = make(&dir.path().join("a.raw"), &noise).unwrap_err();
    assert!(matches!(error, Error::TooLarge { part: "kernel", mib: 16, .. }), "{error}");
    assert!(error.hint().unwrap().contains("slots.kernelMiB"));
}

#[test]
fn a_file_that_is_no_image_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [("empty", vec![]), ("zeros", vec![0; 1 << 20]), ("qcow2", b"QFI\xfb".to_vec())] {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(Image::open(&path), Err(Error::NotAnImage { .. })), "{name}");
    }
}
