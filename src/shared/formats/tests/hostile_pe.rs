//! EFI programs with arbitrary headers: the reader of sections, the builder of images and the signer return
//! an error or a valid result, and none allocates memory according to a number in a header.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use formats::authenticode::{Certificate, Unsigned};
use formats::uki::{Parts, UkiError, build, dump, sections};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Offsets of the PE header, the optional header and the section table of the program below.
const PE: usize = 64;
const OPTIONAL: usize = 88;
const TABLE: usize = 328;

/// A program with 1 KiB of headers and two sections of 512 bytes, with space for more section headers.
fn program() -> Vec<u8> {
    let mut pe = vec![0; 2048];
    let mut put = |at: usize, field: &[u8]| pe[at..at + field.len()].copy_from_slice(field);
    put(0, b"MZ");
    put(0x3c, &[64]);
    put(PE, b"PE\0\0\x64\x86\x02\0");
    put(84, &[240, 0, 0x2e, 2]);
    put(OPTIONAL, &0x20bu16.to_le_bytes());
    let optional = [(16, 4096u32), (32, 4096), (36, 512), (56, 12288), (60, 1024), (68, 10), (108, 16)];
    optional.iter().for_each(|(at, n)| put(OPTIONAL + at, &n.to_le_bytes()));
    for (i, (name, address, at)) in [(".text", 4096, 1024), (".data", 8192, 1536u32)].into_iter().enumerate()
    {
        put(TABLE + 40 * i, name.as_bytes());
        let fields = [500, address, 512, at, 0, 0, 0, 0x6000_0020u32];
        fields.iter().enumerate().for_each(|(n, f)| put(TABLE + 40 * i + 8 + 4 * n, &f.to_le_bytes()));
    }
    pe
}

/// Numbers with which arithmetic may overflow.
fn number() -> impl Strategy<Value = u32> {
    let edges =
        [0, 1, 2, 4, 39, 40, 95, 96, 97, 239, 240, 328, 511, 512, 1024, 2047, 2048, 2049, 4096, 65536];
    let large = [0x7fff_ffff, 0x8000_0000, 0xffff_0000, 0xffff_fe00, 0xffff_f000, u32::MAX - 1, u32::MAX];
    prop_oneof![prop::sample::select([&edges[..], &large].concat()), any::<u32>()]
}

/// The offset of a field in the headers; half of them are fields that are read.
fn place() -> impl Strategy<Value = usize> {
    let read = [
        0x3c,
        PE,
        PE + 6,
        PE + 20,
        OPTIONAL,
        OPTIONAL + 32,
        OPTIONAL + 36,
        OPTIONAL + 56,
        OPTIONAL + 60,
        OPTIONAL + 68,
        OPTIONAL + 108,
        OPTIONAL + 144,
        OPTIONAL + 148,
    ];
    let sections = (0..16).map(|n| TABLE + 40 * (n / 8) + 4 * (n % 8 + 2));
    let read: Vec<usize> = read.into_iter().chain(sections).collect();
    prop_oneof![prop::sample::select(read), 0..TABLE + 80]
}

/// Calls everything that reads a program.
fn read_all(bad: &[u8]) {
    if let Ok(found) = sections(bad) {
        assert!(found.len() <= 96 && found.iter().all(|s| s.bytes.len() <= bad.len()));
        let _ = dump(&found);
    }
    let good = program();
    for (stub, kernel) in [(bad, &good[..]), (&good, bad)] {
        let parts =
            Parts { stub, os_release: "ID=x", cmdline: "quiet", uname: "6.12", initrd: &[7; 700], kernel };
        if let Ok(image) = build(&parts) {
            assert!(image.len() < 1 << 20, "{} bytes", image.len());
            assert!(
                sections(&image).unwrap().iter().any(|s| s.name == ".linux" && s.bytes.starts_with(kernel))
            );
        }
    }
    if let Ok(unsigned) = Unsigned::parse(bad) {
        let certificate = Certificate { der: vec![0x30, 0], issuer: vec![0x30, 0], serial: vec![1] };
        let signed = unsigned.sign(&certificate, &[7; 256]).unwrap();
        assert!(signed.len() < bad.len() + 1024);
        assert!(Unsigned::parse(&signed).is_err(), "nothing is signed twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn headers_that_say_anything_are_errors_at_worst(
        fields in proptest::collection::vec((place(), number(), any::<bool>()), 1..5), length in 0..2049usize, cut in any::<bool>(),
    ) {
        let mut bad = program();
        for (at, number, half) in fields {
            let field = number.to_le_bytes();
            let field = if half { &field[..2] } else { &field[..] };
            bad[at..at + field.len()].copy_from_slice(field);
        }
        read_all(if cut { &bad[..length] } else { &bad });
    }

    #[test]
    fn garbage_is_an_error_at_worst(bytes in proptest::collection::vec(any::<u8>(), 0..400), pe in any::<bool>()) {
        let mut bad = if pe { program()[..OPTIONAL].to_vec() } else { b"MZ".to_vec() };
        bad.extend(bytes);
        read_all(&bad);
    }
}

#[test]
fn the_program_is_one_when_nothing_is_changed() {
    assert_eq!(sections(&program()).unwrap().len(), 2);
    assert!(Unsigned::parse(&program()).is_ok());
    read_all(&program());
}

/// Data after the sections is dropped. Here that included the headers, and the resulting image had none.
#[test]
fn a_stub_whose_sections_end_within_its_headers_is_refused() {
    let (mut stub, kernel) = (program(), program());
    // The section table is said to be in a range of zeros.
    stub[PE + 20..PE + 22].copy_from_slice(&1024u16.to_le_bytes());
    stub[OPTIONAL + 60..OPTIONAL + 64].copy_from_slice(&2048u32.to_le_bytes());
    let parts = Parts { stub: &stub, os_release: "", cmdline: "", uname: "", initrd: &[], kernel: &kernel };
    assert!(matches!(build(&parts), Err(UkiError::Malformed { file: "stub", .. })));
}

/// The headers of added sections would overlap the content of an existing section.
#[test]
fn a_stub_with_a_section_on_its_headers_has_no_room() {
    let (mut stub, kernel) = (program(), program());
    stub[PE + 6] = 1;
    stub[TABLE + 20..TABLE + 24].fill(0);
    let parts = Parts { stub: &stub, os_release: "", cmdline: "", uname: "", initrd: &[], kernel: &kernel };
    assert_eq!(build(&parts), Err(UkiError::NoRoom { wanted: 5, room: 0 }));
}

/// Each section of an image is padded to the alignment: 2 GiB of zeros for a stub of 2 KiB.
#[test]
fn an_alignment_that_no_file_has_is_refused() {
    for alignment in [1u32 << 17, 1 << 31] {
        let mut bad = program();
        bad[OPTIONAL + 36..OPTIONAL + 40].copy_from_slice(&alignment.to_le_bytes());
        assert!(matches!(sections(&bad), Err(UkiError::Malformed { .. })), "{alignment}");
    }
}
