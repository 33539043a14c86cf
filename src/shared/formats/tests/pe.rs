//! EFI applications: the PE file contains what the ELF file does, what it can't express is refused, and
//! `objdump` reads the same.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use formats::pe::{PeError, RedZoneUse, from_elf, red_zone};
use proptest::prelude::*;

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// A program as a linker makes it: code at 0x1000, constants at 0x2000 followed by the relocations and the
/// dynamic section, data at 0x3000; one function `go`, the entry point.
#[derive(Clone)]
struct Program {
    code: Vec<u8>,
    constants: Vec<u8>,
    data: Vec<u8>,
    /// Place, kind, address.
    relocations: Vec<(u64, u64, u64)>,
    /// Further entries of the dynamic section.
    dynamic: Vec<(u64, u64)>,
    entry: u64,
    symbols: bool,
}

impl Program {
    fn new() -> Program {
        Program {
            code: vec![0x90, 0xc3],
            constants: vec![0; 64],
            data: vec![1, 2, 3, 4],
            relocations: vec![(0x2000, 8, 0x3000), (0x2010, 8, 0x1001)],
            dynamic: vec![],
            entry: 0x1000,
            symbols: true,
        }
    }

    /// Returns the file: segments at their addresses, headers in the first page.
    fn file(&self) -> Vec<u8> {
        let mut file = vec![0; 0x4000];
        put(&mut file, 0, b"\x7fELF\x02\x01\x01");
        for (at, half) in [(16, 3), (18, 62), (52, 64), (54, 56), (56, 4), (58, 64), (60, 3)] {
            put(&mut file, at, &u16::to_le_bytes(half));
        }
        put(&mut file, 24, &self.entry.to_le_bytes());
        put(&mut file, 32, &64u64.to_le_bytes());
        put(&mut file, 40, &0x800u64.to_le_bytes());
        put(&mut file, 0x1000, &self.code);
        put(&mut file, 0x2000, &self.constants);
        let table = 0x2000 + self.constants.len();
        for (i, (place, kind, value)) in self.relocations.iter().enumerate() {
            for (n, field) in [place, kind, value].into_iter().enumerate() {
                put(&mut file, table + 24 * i + 8 * n, &field.to_le_bytes());
            }
        }
        let bytes = 24 * self.relocations.len();
        let dynamic = table + bytes;
        let mut entries = vec![(7, table as u64), (8, bytes as u64), (9, 24)];
        entries.extend(&self.dynamic);
        entries.push((0, 0));
        for (i, (tag, value)) in entries.iter().enumerate() {
            put(&mut file, dynamic + 16 * i, &tag.to_le_bytes());
            put(&mut file, dynamic + 16 * i + 8, &value.to_le_bytes());
        }
        let constants_end = dynamic + 16 * entries.len();
        put(&mut file, 0x3000, &self.data);
        let segment = |file: &mut Vec<u8>,
                       n: usize,
                       (kind, flags): (u32, u32),
                       (at, end, memory): (usize, usize, usize)| {
            let header = 64 + 56 * n;
            put(file, header, &kind.to_le_bytes());
            put(file, header + 4, &flags.to_le_bytes());
            for (offset, field) in [(8, at), (16, at), (32, end - at), (40, memory)] {
                put(file, header + offset, &(field as u64).to_le_bytes());
            }
        };
        segment(&mut file, 0, (1, 5), (0x1000, 0x1000 + self.code.len(), self.code.len()));
        segment(&mut file, 1, (1, 4), (0x2000, constants_end, constants_end - 0x2000));
        segment(&mut file, 2, (1, 6), (0x3000, 0x3000 + self.data.len(), 0x1800));
        segment(&mut file, 3, (2, 4), (dynamic, constants_end, constants_end - dynamic));
        if self.symbols {
            symbols(&mut file);
        }
        file
    }
}

/// Adds the section headers: none, symbols, their names.
fn symbols(file: &mut [u8]) {
    for (n, kind, at, bytes, link) in [(1, 2u32, 0xa00u64, 48u64, 2u32), (2, 3, 0xb00, 4, 0)] {
        let header = 0x800 + 64 * n;
        put(file, header + 4, &kind.to_le_bytes());
        put(file, header + 24, &at.to_le_bytes());
        put(file, header + 32, &bytes.to_le_bytes());
        put(file, header + 40, &link.to_le_bytes());
    }
    put(file, 0xa18, &1u32.to_le_bytes());
    file[0xa1c] = 2;
    put(file, 0xa20, &0x1000u64.to_le_bytes());
    put(file, 0xb00, b"\0go\0");
}

#[test]
fn segments_become_sections_and_relocations_keep_their_places() {
    let file = from_elf(&Program::new().file()).unwrap();
    assert_eq!(word(&file, 0x3c), 64);
    let sections: Vec<_> = (0..4)
        .map(|i| &file[64 + 24 + 240 + 40 * i..][..40])
        .map(|s| {
            (
                String::from_utf8_lossy(&s[..8]).trim_matches('\0').to_owned(),
                word(s, 12),
                word(s, 8),
                word(s, 20),
            )
        })
        .collect();
    let row = |name: &str, address, memory, at| (name.to_owned(), address, memory, at);
    assert_eq!(
        sections,
        [
            row(".text", 0x1000, 2, 512),
            row(".rodata", 0x2000, 64 + 48 + 64, 1024),
            row(".data", 0x3000, 0x1800, 1536),
            row(".reloc", 0x5000, 12, 2048),
        ]
    );
    assert_eq!(file[512..514], [0x90, 0xc3]);
    assert_eq!((wide(&file, 1024), wide(&file, 1024 + 16)), (0x3000, 0x1001));
    assert_eq!((word(&file, 2048), word(&file, 2052)), (0x2000, 12), "one page of two places");
    assert_eq!(file[2056..2060], [0x00, 0xa0, 0x10, 0xa0]);
    assert_eq!(word(&file, 88 + 56), 0x6000, "SizeOfImage");
    assert_eq!(word(&file, 88 + 64), 0, "CheckSum");
    assert_eq!(file.len(), 2560);
    assert_eq!(judge::sha256(&file), "cce37dd48c20851ede53bf2fb91cf334fafd0f214f84065172645b72815ca3d4");
}

#[test]
fn a_program_without_relocations_still_has_a_table() {
    let program = Program { relocations: vec![], ..Program::new() };
    let file = from_elf(&program.file()).unwrap();
    let table = &file[file.len() - 512..];
    assert_eq!((word(table, 0), word(table, 4), word(table, 8)), (0x1000, 12, 0));
}

#[test]
fn what_only_another_loader_could_do_is_refused() {
    let says = |program: &Program, edit: &dyn Fn(&mut Vec<u8>), text: &str| {
        let mut file = program.file();
        edit(&mut file);
        let error = from_elf(&file).unwrap_err();
        assert!(matches!(error, PeError::Unfit(_)) && error.to_string().contains(text), "{text}: {error}");
    };
    let plain = Program::new();
    let none = |_: &mut Vec<u8>| {};
    for kind in [1 << 32 | 6, 37, 1 << 32 | 1, 18] {
        says(&Program { relocations: vec![(0x2000, kind, 0)], ..plain.clone() }, &none, "is of the kind");
    }
    says(
        &Program { relocations: vec![(0x1000, 8, 0)], code: vec![0x90; 16], ..plain.clone() },
        &none,
        "is in code",
    );
    says(&Program { dynamic: vec![(1, 1)], ..plain.clone() }, &none, "shared library");
    for tag in [17, 23, 36] {
        says(&Program { dynamic: vec![(tag, 1)], ..plain.clone() }, &none, "REL, PLT or RELR");
    }
    for entry in [0, 0x1002, 0x2000, u64::MAX] {
        says(&Program { entry, ..plain.clone() }, &none, "is not in code");
    }
    says(&plain, &|f| put(f, 64 + 4, &7u32.to_le_bytes()), "writable and executable");
    says(&plain, &|f| put(f, 64 + 4, &1u32.to_le_bytes()), "permissions");
    says(&plain, &|f| put(f, 64 + 168, &3u32.to_le_bytes()), "interpreter");
    says(&plain, &|f| put(f, 64 + 40, &0x1001u64.to_le_bytes()), "share a page");
    says(&plain, &|f| put(f, 64 + 40, &u64::MAX.to_le_bytes()), "below 64 MiB");
    says(&plain, &|f| put(f, 64 + 16, &0u64.to_le_bytes()), "page from 1 on");
    says(&plain, &|f| put(f, 16, &2u16.to_le_bytes()), "static-pie");
    says(&plain, &|f| put(f, 18, &183u16.to_le_bytes()), "x86-64");
}

#[test]
fn relocations_out_of_their_segment_are_refused() {
    for place in [0x2ff9, 0x3000, 0x4000, u64::MAX - 3] {
        let program = Program { relocations: vec![(place, 8, 0)], data: vec![], ..Program::new() };
        assert!(matches!(from_elf(&program.file()), Err(PeError::Malformed(_))), "{place:#x}");
    }
}

#[test]
fn the_function_that_uses_the_red_zone_is_named() {
    let store = vec![0x48, 0x89, 0x44, 0x24, 0xf8, 0xc3];
    let program = Program { code: store, ..Program::new() };
    let found = RedZoneUse { function: "go".into(), address: 0x1000 };
    assert_eq!(red_zone(&program.file()), Ok(vec![found]));
    assert_eq!(red_zone(&Program::new().file()), Ok(vec![]));
    let stripped = Program { symbols: false, ..Program::new() };
    assert!(red_zone(&stripped.file()).unwrap_err().to_string().contains("no symbols"));
}

#[test]
fn objdump_reads_the_same() {
    let Some(objdump) = judge::find("objdump") else { return };
    let out = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(out.path(), from_elf(&Program::new().file()).unwrap()).unwrap();
    let said = objdump.agrees(&["-x", judge::text(out.path())]);
    for expected in [
        "pei-x86-64",
        "start address 0x0000000000001000",
        "Subsystem\t\t0000000a\t(EFI application)",
        "NX_COMPAT",
        "DYNAMIC_BASE",
        "[2000] DIR64",
        "[2010] DIR64",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn damaged_files_are_errors_at_worst() {
    judge::damaged(&Program::new().file(), |bad| {
        let _ = from_elf(bad);
        let _ = red_zone(bad);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_program_keeps_its_bytes(
        data in prop::collection::vec(any::<u8>(), 0..3000),
        places in prop::collection::btree_set(0u64..200, 0..40),
        value in any::<u64>(),
    ) {
        let relocations = places.iter().map(|p| (0x2000 + 8 * p, 8, value)).collect();
        let program = Program { data: data.clone(), constants: vec![7; 1600], relocations, ..Program::new() };
        let file = from_elf(&program.file()).unwrap();
        let at = |n: usize| word(&file, 64 + 24 + 240 + 40 * n + 20) as usize;
        for n in 0..200 {
            let expected = if places.contains(&n) { value } else { u64::from_le_bytes([7; 8]) };
            prop_assert_eq!(wide(&file, at(1) + 8 * usize::try_from(n).unwrap()), expected);
        }
        let found = if data.is_empty() { &[][..] } else { &file[at(2)..][..data.len()] };
        prop_assert_eq!(found, &data[..]);
        prop_assert_eq!(from_elf(&program.file()).unwrap(), file);
    }
}
