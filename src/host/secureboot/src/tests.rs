//! Keys on disk, checked by `openssl` and `sbverify`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::OnceLock;

use crate::{Error, NAMES, Signer, create};

/// Keys shared by all tests, since making them takes a while.
fn keys() -> &'static Path {
    static KEYS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = || {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), "test").unwrap();
        dir
    };
    KEYS.get_or_init(made).path()
}

fn signer(name: &str) -> Signer {
    let file = |ending: &str| keys().join(format!("{name}.{ending}"));
    Signer::load(&file("key"), &file("crt")).unwrap()
}

/// Runs a foreign checker; `None` with a message if it is missing, which is an error in CI.
fn judge(program: &str, arguments: &[&str], dir: &Path) -> Option<Output> {
    let judge = judges::find(program)?;
    Some(judge.command().current_dir(dir).args(arguments).output().unwrap())
}

/// A small EFI program: headers of 512 bytes and one section of 1024.
fn program() -> Vec<u8> {
    let mut pe = vec![0; 1536];
    let mut put = |at: usize, field: &[u8]| pe[at..at + field.len()].copy_from_slice(field);
    put(0, b"MZ");
    put(0x3c, &[64]);
    put(64, b"PE\0\0\x64\x86\x01\0");
    put(84, &[240, 0, 0x2e, 2]);
    put(88, &0x20bu16.to_le_bytes());
    let optional = [(16, 4096u32), (32, 4096), (36, 512), (56, 8192), (60, 512), (68, 10), (108, 16)];
    optional.iter().for_each(|(at, n)| put(88 + at, &n.to_le_bytes()));
    put(328, b".text");
    let section = [1000u32, 4096, 1024, 512, 0, 0, 0, 0x6000_0020];
    section.iter().enumerate().for_each(|(i, n)| put(336 + 4 * i, &n.to_le_bytes()));
    pe
}

#[test]
fn keys_are_their_owners_alone_and_nothing_is_overwritten() {
    for name in NAMES {
        let mode = |ending: &str| {
            fs::metadata(keys().join(format!("{name}.{ending}"))).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode("key"), mode("crt"), mode("auth")), (0o600, 0o644, 0o644), "{name}");
    }
    let before = fs::read(keys().join("db.key")).unwrap();
    assert!(
        matches!(create(keys(), "test"), Err(Error::Files(files::Error::Exists(path))) if path.ends_with("PK.key"))
    );
    assert!(fs::read(keys().join("db.key")).unwrap() == before);
}

#[test]
fn one_file_that_is_there_keeps_all_others_from_being_made() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("db.auth"), "").unwrap();
    assert!(
        matches!(create(dir.path(), "test"), Err(Error::Files(files::Error::Exists(path))) if path.ends_with("db.auth"))
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn sbverify_takes_what_was_signed_and_refuses_a_flipped_bit() {
    let dir = tempfile::tempdir().unwrap();
    let signed = signer("db").sign_program(&program()).unwrap();
    assert!(signed == signer("db").sign_program(&program()).unwrap());
    let mut flipped = signed.clone();
    flipped[1400] ^= 1;
    for (name, bytes, key, good) in
        [("s", &signed, "db", true), ("f", &flipped, "db", false), ("o", &signed, "PK", false)]
    {
        fs::write(dir.path().join(name), bytes).unwrap();
        let certificate = keys().join(format!("{key}.crt"));
        let Some(said) = judge("sbverify", &["--cert", certificate.to_str().unwrap(), name], dir.path())
        else {
            return;
        };
        assert_eq!(said.status.success(), good, "{name}: {said:?}");
    }
}

#[test]
fn each_update_is_signed_by_the_key_above_as_openssl_says() {
    for (name, above) in [("PK", "PK"), ("KEK", "PK"), ("db", "KEK")] {
        let update = fs::read(keys().join(format!("{name}.auth"))).unwrap();
        let list = fs::read(keys().join(format!("{name}.esl"))).unwrap();
        let length = usize::try_from(u32::from_le_bytes(update[16..20].try_into().unwrap())).unwrap();
        assert!(update[16 + length..] == list[..], "{name}");
        let dir = tempfile::tempdir().unwrap();
        let vendor = match name {
            "db" => *b"\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f",
            _ => *b"\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c",
        };
        let mut message: Vec<u8> = name.bytes().flat_map(|b| [b, 0]).collect();
        [&vendor[..], &[0x27, 0, 0, 0], &update[..16], &list].iter().for_each(|part| message.extend(*part));
        fs::write(dir.path().join("message"), message).unwrap();
        // openssl expects the outer structure that firmware omits.
        let signed = &update[40..16 + length];
        let mut wrapped = vec![0x30, 0x82];
        let size = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
        wrapped.extend(size(signed.len() + 15));
        wrapped.extend(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x82");
        wrapped.extend(size(signed.len()));
        wrapped.extend(signed);
        fs::write(dir.path().join("signature"), wrapped).unwrap();
        for (key, good) in [(above, true), (if above == "KEK" { "PK" } else { "KEK" }, false)] {
            let certificate = keys().join(format!("{key}.crt"));
            let arguments = ["smime", "-verify", "-inform", "DER", "-in", "signature", "-content", "message"];
            let more =
                ["-binary", "-purpose", "any", "-CAfile", certificate.to_str().unwrap(), "-out", "out"];
            let Some(said) = judge("openssl", &[&arguments[..], &more].concat(), dir.path()) else { return };
            assert_eq!(said.status.success(), good, "{name} by {key}: {said:?}");
        }
    }
}

#[test]
fn a_key_that_is_not_the_certificates_is_refused() {
    let file = |name: &str| keys().join(name);
    let other = Signer::load(&file("PK.key"), &file("db.crt"));
    assert!(matches!(other, Err(Error::OtherKey { .. })), "{other:?}");
    let swapped = Signer::load(&file("db.crt"), &file("db.key"));
    assert!(matches!(swapped, Err(Error::Read { what: "key", .. })), "{swapped:?}");
    let not_pem = Signer::load(&file("db.key"), &file("db.cer"));
    assert!(matches!(not_pem, Err(Error::Pem(_))), "{not_pem:?}");
    assert!(matches!(Signer::load(&file("none"), &file("db.crt")), Err(Error::Pem(files::Error::Io { .. }))));
}
