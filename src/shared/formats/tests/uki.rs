//! UKI: sections are at the addresses that the specification requires, and `objdump` sees the same ones.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use formats::uki::{Parts, UkiError, build, dump, locate, sections};
use proptest::prelude::*;

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// A PE32+ EFI application with these sections of 512 bytes each.
fn pe(names: &[&str], size_of_image: u32) -> Vec<u8> {
    let mut pe = vec![0; 1024];
    put(&mut pe, 0, b"MZ");
    put(&mut pe, 0x3c, &0x80u32.to_le_bytes());
    put(&mut pe, 0x80, b"PE\0\0");
    put(&mut pe, 0x84, &0x8664u16.to_le_bytes());
    put(&mut pe, 0x86, &u16::try_from(names.len()).unwrap().to_le_bytes());
    put(&mut pe, 0x8c, &0x600u32.to_le_bytes());
    put(&mut pe, 0x90, &3u32.to_le_bytes());
    put(&mut pe, 0x94, &240u16.to_le_bytes());
    put(&mut pe, 0x96, &0x22eu16.to_le_bytes());
    let optional = 0x98;
    put(&mut pe, optional, &0x20bu16.to_le_bytes());
    put(&mut pe, optional + 32, &4096u32.to_le_bytes());
    put(&mut pe, optional + 36, &512u32.to_le_bytes());
    put(&mut pe, optional + 56, &size_of_image.to_le_bytes());
    put(&mut pe, optional + 60, &1024u32.to_le_bytes());
    put(&mut pe, optional + 64, &77u32.to_le_bytes());
    put(&mut pe, optional + 68, &10u16.to_le_bytes());
    put(&mut pe, optional + 108, &16u32.to_le_bytes());
    for (i, name) in (0u32..).zip(names) {
        let at = optional + 240 + 40 * i as usize;
        put(&mut pe, at, name.as_bytes());
        put(&mut pe, at + 8, &500u32.to_le_bytes());
        put(&mut pe, at + 12, &(4096 * (i + 1)).to_le_bytes());
        put(&mut pe, at + 16, &512u32.to_le_bytes());
        put(&mut pe, at + 20, &(1024 + 512 * i).to_le_bytes());
        put(&mut pe, at + 36, &0x6000_0020u32.to_le_bytes());
    }
    for i in 0..names.len() {
        pe.extend([u8::try_from(i).unwrap() + 1; 512]);
    }
    pe
}

fn stub() -> Vec<u8> {
    let mut stub = pe(&[".text", ".data", ".sbat"], 16384);
    // Symbols, which must be dropped.
    stub.extend(b"symbols of the stub");
    stub
}

fn parts<'a>(stub: &'a [u8], kernel: &'a [u8]) -> Parts<'a> {
    Parts { stub, os_release: "ID=x\n", cmdline: "quiet", uname: "6.12.0", initrd: &[0x1f; 5000], kernel }
}

#[test]
fn sections_stand_behind_those_of_the_stub() {
    let (stub, kernel) = (stub(), pe(&[".text"], 1 << 20));
    let image = build(&parts(&stub, &kernel)).unwrap();
    let expected = "\
.text      0x00001000        500        500
.data      0x00002000        500        500
.sbat      0x00003000        500        500
.osrel     0x00004000          5          5
           ID=x
.cmdline   0x00005000          5          5
           quiet
.uname     0x00006000          6          6
           6.12.0
.initrd    0x00007000       5000       5000
.linux     0x00009000    1048576       1536
";
    let sections = sections(&image).unwrap();
    assert_eq!(dump(&sections), expected);
    assert!(sections[7].bytes == kernel);
    assert_eq!(sections[6].bytes, [0x1f; 5000]);
    let field = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap());
    assert_eq!((field(0x8c), field(0x90)), (0, 0), "symbols");
    assert_eq!(field(0x98 + 56), 0x10_9000, "SizeOfImage");
    assert_eq!(field(0x98 + 60), 1024, "SizeOfHeaders");
    assert_eq!(field(0x98 + 64), 0, "CheckSum");
    assert!(image.len().is_multiple_of(512));
    assert_eq!(judge::sha256(&image), "c7c3a91e1d5300c8bd4695722df09aa8fc1439e045dae5b2f637b93002c2d204");
}

#[test]
fn a_section_is_found_by_the_headers_alone() {
    let (stub, kernel) = (stub(), pe(&[".text"], 1 << 20));
    let image = build(&parts(&stub, &kernel)).unwrap();
    let found = locate(&image[..1024], ".cmdline").unwrap().unwrap();
    assert_eq!(&image[usize::try_from(found.start).unwrap()..][..5], b"quiet");
    assert_eq!(found.end - found.start, 5);
    assert_eq!(locate(&image[..1024], ".none").unwrap(), None);
    assert!(matches!(locate(&image[..300], ".cmdline"), Err(UkiError::Malformed { .. })));
}

#[test]
fn objdump_sees_the_same_sections() {
    let Some(objdump) = judge::find("objdump") else { return };
    let (stub, kernel) = (stub(), pe(&[".text"], 1 << 20));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), build(&parts(&stub, &kernel)).unwrap()).unwrap();
    let said = objdump.agrees(&["-h", judge::text(file.path())]);
    for (name, address) in [(".osrel", "00004000"), (".initrd", "00007000"), (".linux", "00009000")] {
        let line = said.lines().find(|l| l.contains(name)).unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(line.contains(address), "{line}");
    }
}

#[test]
fn unfit_stubs_and_kernels_are_refused() {
    let kernel = pe(&[".text"], 1 << 20);
    let refused = |stub: &[u8]| build(&parts(stub, &kernel)).unwrap_err();
    let mut signed = stub();
    put(&mut signed, 0x98 + 112 + 32 + 4, &8u32.to_le_bytes());
    assert_eq!(refused(&signed), UkiError::Signed);
    assert_eq!(refused(&pe(&[".text", ".initrd"], 0)), UkiError::Twice(".initrd".into()));
    let many: Vec<String> = (0..12).map(|i| format!(".s{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refused(&pe(&many, 0)), UkiError::NoRoom { wanted: 5, room: 3 });
    assert!(matches!(refused(&[]), UkiError::Malformed { file: "stub", .. }));
    assert!(matches!(refused(&pe(&[], 0)), UkiError::Malformed { file: "stub", .. }));
    let found = build(&parts(&stub(), b"no kernel"));
    assert!(matches!(found, Err(UkiError::Malformed { file: "kernel", .. })));
    let mut endless = stub();
    put(&mut endless, 0x98 + 240 + 8, &u32::MAX.to_le_bytes());
    assert!(matches!(refused(&endless), UkiError::TooLong(_)));
}

#[test]
fn damaged_files_are_errors_at_worst() {
    let (stub, kernel) = (stub(), pe(&[".text"], 1 << 16));
    judge::damaged(&stub, |bad| {
        let _ = build(&parts(bad, &kernel));
        let _ = build(&parts(&stub, bad));
        let _ = sections(bad).map(|s| dump(&s));
        let _ = locate(bad, ".cmdline");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_parts_read_back(cmdline in "[ -~]{0,600}", initrd in prop::collection::vec(any::<u8>(), 0..9000)) {
        let (stub, kernel) = (stub(), pe(&[".text"], 1 << 20));
        let parts = Parts { cmdline: &cmdline, initrd: &initrd, ..parts(&stub, &kernel) };
        let image = build(&parts).unwrap();
        let sections = sections(&image).unwrap();
        let bytes = |name: &str| sections.iter().find(|s| s.name == name).unwrap().bytes;
        prop_assert_eq!(bytes(".cmdline"), cmdline.as_bytes());
        prop_assert_eq!(bytes(".initrd"), &initrd[..]);
        prop_assert_eq!(bytes(".linux"), &kernel[..]);
        let apart = sections.windows(2).all(|w| w[0].address + w[0].virtual_size <= w[1].address);
        prop_assert!(apart);
    }
}
