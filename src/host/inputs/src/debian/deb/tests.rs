//! Packages made here, valid and hostile.

use std::fs;

use super::*;

/// Returns a tar header; the path is written without the checks of the tar crate.
fn header(path: &str, kind: tar::EntryType, size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o4755);
    header.set_uid(3);
    header.set_gid(4);
    header.set_mtime(5);
    header.set_size(size as u64);
    header.set_cksum();
    header
}

fn link(path: &str, kind: tar::EntryType, target: &str) -> tar::Header {
    let mut header = header(path, kind, 0);
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    header
}

fn tar(entries: &[(tar::Header, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (header, bytes) in entries {
        builder.append(header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        out.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len()).bytes(),
        );
        out.extend(*bytes);
        out.extend(vec![b'\n'; bytes.len() % 2]);
    }
    out
}

fn deb(data: &[u8]) -> Vec<u8> {
    ar(&[("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar", data)])
}

/// Unpacks a .deb with these bytes; returns the entries and the content of the regular files.
fn unpack_bytes(bytes: &[u8], keep: Keep) -> Result<(Vec<Entry>, Vec<Vec<u8>>)> {
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("x.deb"), dir.path().join("out"));
    fs::write(&path, bytes).unwrap();
    fs::create_dir(&out).unwrap();
    let entries = unpack(&path, &out, keep)?;
    let files = entries.iter().filter_map(|e| match &e.kind {
        EntryKind::File(bytes) => Some(fs::read(out.join(bytes)).unwrap()),
        _ => None,
    });
    let files = files.collect();
    Ok((entries, files))
}

#[test]
fn unpacks_files_links_and_owners() {
    let data = tar(&[
        (header("./", tar::EntryType::Directory, 0), b""),
        (header("./usr/", tar::EntryType::Directory, 0), b""),
        (header("./usr/x", tar::EntryType::Regular, 5), b"hello"),
        (link("./usr/l", tar::EntryType::Symlink, "../etc/x"), b""),
        (link("./usr/h", tar::EntryType::Link, "./usr/x"), b""),
    ]);
    let (entries, files) = unpack_bytes(&deb(&data), Keep::All).unwrap();
    let entry = |path: &str, kind| Entry { path: path.into(), mode: 0o4755, uid: 3, gid: 4, mtime: 5, kind };
    assert_eq!(
        entries,
        [
            entry("usr", EntryKind::Directory),
            entry("usr/x", EntryKind::File("1".into())),
            entry("usr/l", EntryKind::Symlink("../etc/x".into())),
            entry("usr/h", EntryKind::Hardlink("usr/x".into())),
        ]
    );
    assert_eq!(files, [b"hello"]);
}

#[test]
fn keeps_licences_but_not_manuals() {
    for (path, kept) in [
        ("usr/bin/mount", true),
        ("usr/share/doc/mount/copyright", true),
        ("usr/share/doc/mount/NEWS.gz", false),
        ("usr/share/doc", false),
        ("usr/share/documents", true),
        ("usr/share/locale/de/x.mo", false),
        ("usr/share/man/man8/mount.8.gz", false),
        ("usr/share/ca-certificates/a.crt", true),
    ] {
        assert_eq!(Keep::Root.keeps(path), kept, "{path}");
        assert!(Keep::All.keeps(path));
    }
}

#[test]
fn refuses_paths_that_lead_out() {
    for bad in ["/etc/passwd", "../x", "./a/../../x", "a//b", "./a/./b", "a/.."] {
        let data = tar(&[(header(bad, tar::EntryType::Regular, 1), b"x")]);
        let error = unpack_bytes(&deb(&data), Keep::All).unwrap_err().to_string();
        assert!(error.contains(&format!("path {bad:?}: expected a relative path")), "{error}");
    }
    let data = tar(&[(link("./h", tar::EntryType::Link, "../../etc/shadow"), b"")]);
    let error = unpack_bytes(&deb(&data), Keep::All).unwrap_err().to_string();
    assert!(error.contains("h: path \"../../etc/shadow\""), "{error}");
}

#[test]
fn refuses_devices() {
    let data = tar(&[(header("./dev/sda", tar::EntryType::Block, 0), b"")]);
    let error = unpack_bytes(&deb(&data), Keep::All).unwrap_err().to_string();
    assert!(error.contains("dev/sda: expected a file, directory or link, found type Block"), "{error}");
}

#[test]
fn refuses_what_is_no_package() {
    let data = tar(&[(header("./x", tar::EntryType::Regular, 5), b"hello")]);
    let good = deb(&data);
    let huge = ar(&[("debian-binary", b"2.0\n")])
        .into_iter()
        .chain(*b"x               0           0     0     0       9999999999`\n");
    for (bytes, message) in [
        (b"".to_vec(), "expected an ar archive, found a shorter file"),
        (b"PK\x03\x04not a package".to_vec(), "expected an ar archive, found other first bytes"),
        (ar(&[("debian-binary", b"2.0\n")]), "has no member data.tar*"),
        (huge.collect(), "has no member data.tar*"),
        (
            ar(&[("data.tar.lz", b"x")]),
            "expected data.tar, alone or with .gz, .lzma, .xz or .zst, found data.tar.lz",
        ),
        (ar(&[("data.tar.bz2", b"x")]), "found data.tar.bz2"),
        (good[..good.len() - 1500].to_vec(), ""),
        (ar(&[("data.tar.xz", b"not xz")]), ""),
        (ar(&[("data.tar.gz", b"not gz")]), ""),
        (ar(&[("data.tar.zst", b"not zst")]), ""),
        (ar(&[("data.tar.lzma", b"not lzma")]), ""),
        ([&good[..60], b"????", &good[64..]].concat(), ""),
    ] {
        let error = unpack_bytes(&bytes, Keep::All).unwrap_err().to_string();
        assert!(error.starts_with("unpacking ") && error.contains(message), "{error}");
    }
}

#[test]
fn refuses_a_link_to_a_file_that_is_not_kept() {
    let data = tar(&[
        (header("./usr/share/doc/x/big", tar::EntryType::Regular, 1), b"x"),
        (link("./usr/lib/x", tar::EntryType::Link, "./usr/share/doc/x/big"), b""),
    ]);
    assert!(unpack_bytes(&deb(&data), Keep::All).is_ok());
    let error = unpack_bytes(&deb(&data), Keep::Root).unwrap_err().to_string();
    assert!(error.ends_with("usr/lib/x: hard link to usr/share/doc/x/big, which is not unpacked"), "{error}");
}

#[test]
fn unpacks_what_dpkg_packs_however_it_is_compressed() {
    let (Some(dpkg), Some(xz)) = (judges::find("dpkg-deb"), judges::find("xz")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("hi/DEBIAN")).unwrap();
    fs::create_dir_all(at("hi/usr/bin")).unwrap();
    let control =
        "Package: hi\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n";
    fs::write(at("hi/DEBIAN/control"), control).unwrap();
    let text = "all work and no play ".repeat(9999);
    fs::write(at("hi/usr/bin/hi"), &text).unwrap();
    for method in ["none", "gzip", "xz", "zstd"] {
        let line = ["--root-owner-group", "-Z", method, "-b", "hi", "hi.deb"];
        let (content, said) = dpkg.ask_in(dir.path(), &line);
        assert!(content, "{line:?}: {said}");
        let (entries, files) = unpack_bytes(&fs::read(at("hi.deb")).unwrap(), Keep::Root).unwrap();
        let paths: Vec<&str> = entries.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["usr", "usr/bin", "usr/bin/hi"], "{method}");
        assert!(files == [text.as_bytes()], "{method}");
    }
    // dpkg still reads this compression, but no longer writes it.
    let data = tar(&[(header("./x", tar::EntryType::Regular, 5), b"hello")]);
    fs::write(at("data.tar"), data).unwrap();
    xz.agrees(&["--format=lzma", at("data.tar").to_str().unwrap()]);
    let packed = fs::read(at("data.tar.lzma")).unwrap();
    let (_, files) = unpack_bytes(&ar(&[("data.tar.lzma", &packed)]), Keep::All).unwrap();
    assert_eq!(files, [b"hello"]);
}
