//! Tests with each kind of file that a path can name.

use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::process::geteuid;
use tempfile::TempDir;

use super::*;

/// A directory with a file `old`, which says "old".
fn lab() -> (TempDir, PathBuf) {
    let lab = tempfile::tempdir().unwrap();
    let old = lab.path().join("old");
    fs::write(&old, "old").unwrap();
    (lab, old)
}

fn names(lab: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(lab.path()).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Returns whether this test runs as root, which it needs; prints a message if not.
fn is_root(what: &str) -> bool {
    let root = geteuid().is_root();
    if !root {
        judges::missing(&format!("root, for {what},"));
    }
    root
}

#[test]
fn a_new_file_has_the_mode_of_its_access() {
    let lab = tempfile::tempdir().unwrap();
    let [plain, public, private] = ["plain", "public", "private"].map(|n| lab.path().join(n));
    fs::write(&plain, "").unwrap();
    write(&public, b"1", Access::Public).unwrap();
    write(&private, b"2", Access::Private).unwrap();
    assert_eq!((mode(&public), mode(&private)), (mode(&plain), 0o600));
    assert_eq!(fs::read(&public).unwrap(), b"1");
    assert_eq!(names(&lab), ["plain", "private", "public"]);
}

#[test]
fn a_file_that_is_there_keeps_its_mode_unless_it_gets_a_secret() {
    let (_lab, old) = lab();
    for (before, access, after) in [
        (0o600, Access::Public, 0o600),
        (0o664, Access::Public, 0o664),
        (0o755, Access::Public, 0o755),
        (0o644, Access::Private, 0o600),
        (0o600, Access::Private, 0o600),
    ] {
        set_mode(&old, before);
        write(&old, b"new", access).unwrap();
        assert_eq!(mode(&old), after, "{before:o}");
        assert_eq!(fs::read(&old).unwrap(), b"new");
    }
}

#[test]
fn a_file_that_is_there_keeps_its_owner() {
    if !is_root("changing owners") {
        return;
    }
    let (lab, old) = lab();
    chown(&old, Some(12), Some(34)).unwrap();
    set_mode(&old, 0o640);
    write(&old, b"new", Access::Public).unwrap();
    let found = fs::metadata(&old).unwrap();
    assert_eq!((found.uid(), found.gid(), mode(&old)), (12, 34, 0o640));
    let made = lab.path().join("made");
    fs::write(&made, "made").unwrap();
    install(&made, &old).unwrap();
    let found = fs::metadata(&old).unwrap();
    assert_eq!((found.uid(), found.gid(), mode(&old)), (12, 34, 0o640));
}

#[test]
fn another_group_gets_no_more_than_all_others() {
    for (old, new) in [(0o660, 0o600), (0o644, 0o644), (0o664, 0o644), (0o604, 0o604), (0o677, 0o677)] {
        assert_eq!(without_group(old), new, "{old:o}");
    }
}

#[test]
fn links_are_followed_and_stay() {
    let (lab, old) = lab();
    let [link, chain, nowhere] = ["link", "chain", "nowhere"].map(|n| lab.path().join(n));
    symlink("old", &link).unwrap();
    symlink(&link, &chain).unwrap();
    symlink("not-yet", &nowhere).unwrap();
    write(&chain, b"by the chain", Access::Public).unwrap();
    write(&nowhere, b"first", Access::Private).unwrap();
    assert_eq!(fs::read(&old).unwrap(), b"by the chain");
    assert_eq!(fs::read(lab.path().join("not-yet")).unwrap(), b"first");
    for path in [&link, &chain, &nowhere] {
        assert!(path.symlink_metadata().unwrap().is_symlink());
    }
    assert_eq!(names(&lab), ["chain", "link", "not-yet", "nowhere", "old"]);
}

#[test]
fn the_input_is_no_output_by_any_name() {
    let (lab, old) = lab();
    let [link, new] = ["link", "new"].map(|n| lab.path().join(n));
    symlink("old", &link).unwrap();
    let check = |path: &Path| Output::at(path, Access::Public).unwrap().check_input(&old);
    assert!(matches!(check(&old), Err(Error::Input(_))));
    assert!(matches!(check(&link), Err(Error::Input(path)) if path == link));
    assert!(check(&new).is_ok());
}

#[test]
fn a_circle_of_links_is_an_error() {
    let (lab, _) = lab();
    symlink("b", lab.path().join("a")).unwrap();
    symlink("a", lab.path().join("b")).unwrap();
    assert!(matches!(Output::at(&lab.path().join("a"), Access::Public), Err(Error::Io { .. })));
}

#[test]
fn directories_and_sockets_are_refused_and_told_by_name() {
    let (lab, old) = lab();
    for path in [lab.path().to_owned(), lab.path().join("new/"), old.join("")] {
        let error = Output::at(&path, Access::Public).unwrap_err();
        assert!(matches!(&error, Error::Directory(p) if *p == path), "{error}");
        assert!(error.to_string().contains("\nhint: "), "{error}");
    }
    let socket = lab.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let error = Output::at(&socket, Access::Public).unwrap_err();
    assert!(matches!(error, Error::NotAFile { found: "socket", .. }), "{error}");
}

#[test]
fn a_pipe_gets_the_bytes_and_stays_a_pipe() {
    let (lab, _) = lab();
    let pipe = lab.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let reader = {
        let pipe = pipe.clone();
        thread::spawn(move || fs::read(pipe).unwrap())
    };
    write(&pipe, b"through", Access::Private).unwrap();
    assert_eq!(reader.join().unwrap(), b"through");
    assert_eq!(names(&lab), ["old", "pipe"]);
}

#[test]
fn a_character_device_is_written_to_and_a_block_device_refused() {
    if !is_root("making devices") {
        return;
    }
    let (lab, _) = lab();
    let [null, full, disk] = ["null", "full", "disk"].map(|n| lab.path().join(n));
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, &null, FileType::CharacterDevice, mode, makedev(1, 3)).unwrap();
    mknodat(CWD, &full, FileType::CharacterDevice, mode, makedev(1, 7)).unwrap();
    // A loop device with an unused number; it is never opened.
    mknodat(CWD, &disk, FileType::BlockDevice, mode, makedev(7, 0xfffff)).unwrap();
    write(&null, b"gone", Access::Public).unwrap();
    assert!(fs::metadata(&null).unwrap().rdev() == makedev(1, 3));
    let error = write(&full, b"no room", Access::Public).unwrap_err();
    assert!(error.to_string().ends_with("hint: free some space, or write elsewhere"), "{error}");
    let error = write(&disk, b"no", Access::Public).unwrap_err();
    assert!(matches!(error, Error::NotAFile { found: "block device", .. }), "{error}");
    assert_eq!(Output::at(&null, Access::Public).unwrap().scratch(), std::env::temp_dir());
}

#[test]
fn what_a_shell_has_opened_is_written_to_and_not_replaced() {
    let (_lab, old) = lab();
    let open = File::options().append(true).open(&old).unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    write(Path::new(&path), b" and new", Access::Public).unwrap();
    assert_eq!(fs::read(&old).unwrap(), b"old and new");
    assert_eq!(open.metadata().unwrap().ino(), fs::metadata(&old).unwrap().ino());
}

#[test]
fn a_failure_leaves_the_old_file_and_no_draft() {
    let (lab, old) = lab();
    let output = Output::at(&old, Access::Public).unwrap();
    let failed = output.write(|out| {
        out.write_all(&[7; 3 << 20]).unwrap();
        Err::<(), _>(Error::Exists("no".into()))
    });
    assert!(failed.is_err());
    assert_eq!((fs::read(&old).unwrap(), names(&lab)), (b"old".to_vec(), vec!["old".to_owned()]));
    let absent = write(&lab.path().join("absent/file"), b"", Access::Public).unwrap_err();
    assert!(matches!(absent, Error::Io { .. }), "{absent}");
}

#[test]
fn neighbours_with_the_names_of_drafts_stay() {
    let (lab, _) = lab();
    for name in ["prod.new", "prod.yaml.new", "prod.tmp"] {
        fs::write(lab.path().join(name), "mine").unwrap();
    }
    write(&lab.path().join("prod.yaml"), b"new", Access::Private).unwrap();
    for name in ["prod.new", "prod.yaml.new", "prod.tmp"] {
        assert_eq!(fs::read(lab.path().join(name)).unwrap(), b"mine");
    }
}

#[test]
fn an_installed_file_takes_the_place_of_a_links_target() {
    let (lab, old) = lab();
    let [link, made] = ["link", "made"].map(|n| lab.path().join(n));
    symlink("old", &link).unwrap();
    set_mode(&old, 0o640);
    fs::write(&made, "made").unwrap();
    install(&made, &link).unwrap();
    assert_eq!((fs::read(&old).unwrap(), mode(&old)), (b"made".to_vec(), 0o640));
    assert_eq!(names(&lab), ["link", "old"]);
}

#[test]
fn a_copy_has_the_same_bytes_and_holes() {
    let (lab, old) = lab();
    let from = lab.path().join("from");
    let mut file = File::create(&from).unwrap();
    file.seek(SeekFrom::Start(20 << 20)).unwrap();
    file.write_all(b"end").unwrap();
    file.set_len((20 << 20) + 77).unwrap();
    copy_sparse(&mut File::open(&from).unwrap(), &File::create(&old).unwrap()).unwrap();
    assert_eq!(fs::read(&old).unwrap(), fs::read(&from).unwrap());
    assert!(fs::metadata(&old).unwrap().blocks() * 512 < 1 << 20);
}

/// A file system of a few pages, mounted at the directory `full` of a lab.
struct Tiny(PathBuf);

impl Tiny {
    fn mount(at: PathBuf) -> Option<Tiny> {
        fs::create_dir(&at).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(&at).status().is_ok_and(|s| s.success());
        if !mounted {
            judges::missing("the right to mount a tmpfs");
        }
        mounted.then_some(Tiny(at))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().unwrap();
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_and_no_draft() {
    if !is_root("mounting") {
        return;
    }
    let (lab, _) = lab();
    let Some(tiny) = Tiny::mount(lab.path().join("full")) else { return };
    let file = tiny.0.join("file");
    write(&file, b"old", Access::Public).unwrap();
    let error = write(&file, &vec![7; 1 << 20], Access::Public).unwrap_err();
    assert!(error.to_string().ends_with("hint: free some space, or write elsewhere"), "{error}");
    // Also to another file system.
    let large = lab.path().join("large");
    fs::write(&large, vec![7; 1 << 20]).unwrap();
    assert!(install(&large, &file).is_err());
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(fs::read_dir(&tiny.0).unwrap().count(), 1);
    install(&lab.path().join("old"), &tiny.0.join("new")).unwrap();
    assert_eq!(fs::read(tiny.0.join("new")).unwrap(), b"old");
}
