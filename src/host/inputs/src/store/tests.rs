//! Tests of the whole cache: concurrent builds, killed builds, full disks.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("cache"), Mode::Online).unwrap();
    (dir, store)
}

fn key(name: &str) -> Key {
    KeyBuilder::new("test", 1, name).finish()
}

fn write(dir: &Path, text: &str) -> Result<()> {
    fs::write(dir.join("out"), text).map_err(Error::io("writing", dir))
}

#[test]
fn makes_once_and_finds_again() {
    let (_dir, store) = store();
    let path = store.get_or_make(&key("a"), |dir| write(dir, "one")).unwrap();
    let again = store.get_or_make(&key("a"), |_| panic!("made twice")).unwrap();
    assert_eq!(path, again);
    assert_eq!(fs::read_to_string(path.join("out")).unwrap(), "one");
}

#[test]
fn a_failed_make_leaves_nothing() {
    let (_dir, store) = store();
    let failed = store.get_or_make(&key("a"), |dir| {
        write(dir, "half")?;
        Err(Error::NotFound { url: "x".into() })
    });
    assert!(matches!(failed, Err(Error::NotFound { .. })));
    assert!(store.get(&key("a")).is_none());
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    store.get_or_make(&key("a"), |dir| write(dir, "whole")).unwrap();
}

#[test]
fn two_builds_at_once_make_it_once() {
    let (_dir, store) = store();
    let made = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let path = store
                    .get_or_make(&key("a"), |dir| {
                        made.fetch_add(1, Ordering::SeqCst);
                        write(dir, "one")
                    })
                    .unwrap();
                assert_eq!(fs::read_to_string(path.join("out")).unwrap(), "one");
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

/// The child process of `a_killed_build_is_cleared_and_carried_on`: fills an entry and hangs.
#[test]
fn hangs_when_asked_to() {
    let Some(root) = std::env::var_os("INPUTS_TEST_HANG") else { return };
    let store = Store::open(root, Mode::Online).unwrap();
    let _ = store.get_or_make(&key("a"), |dir| {
        write(dir, "half")?;
        println!("ready");
        loop {
            thread::park();
        }
    });
}

#[test]
fn a_killed_build_is_cleared_and_carried_on() {
    use std::io::BufRead;
    use std::process::{Command, Stdio};
    let (_dir, store) = store();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["store::tests::hangs_when_asked_to", "--exact", "--nocapture"])
        .env("INPUTS_TEST_HANG", store.root())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(std::io::Result::ok).any(|l| l.ends_with("ready")));
    let left = || fs::read_dir(store.root().join("tmp")).unwrap().count();

    Store::open(store.root(), Mode::Online).unwrap();
    assert_eq!(left(), 1, "another build's directory is left alone while it runs");
    child.kill().unwrap();
    child.wait().unwrap();
    Store::open(store.root(), Mode::Online).unwrap();
    assert_eq!(left(), 0);
    store.get_or_make(&key("a"), |dir| write(dir, "whole")).unwrap();
}

#[test]
fn offline_names_what_is_missing() {
    let (_dir, store) = store();
    store.get_or_fetch(&key("a"), "package a", |dir| write(dir, "one")).unwrap();
    let offline = Store::open(store.root(), Mode::Offline).unwrap();
    offline.get_or_fetch(&key("a"), "package a", |_| panic!("fetched")).unwrap();
    let missing = offline.get_or_fetch(&key("b"), "package b 1.0", |_| panic!("fetched")).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "package b 1.0 is not in the cache, and --offline forbids downloading it\n\
         hint: run `ironhull build` once while connected"
    );
}

#[test]
fn lists_and_prunes() {
    let (_dir, store) = store();
    store.get_or_make(&key("a"), |dir| write(dir, "12345")).unwrap();
    store.get_or_make(&key("b"), |dir| write(dir, "1")).unwrap();
    let mut names: Vec<_> = store.list().unwrap().into_iter().map(|e| e.name).collect();
    names.sort();
    assert_eq!(names, ["test a", "test b"]);
    let pruned = store.prune(|e| e.name == "test b").unwrap();
    assert_eq!(pruned, Pruned { entries: 1, bytes: 5 + "test a\n".len() as u64 });
    assert!(store.get(&key("a")).is_none());
    assert!(store.get(&key("b")).is_some());
}

#[test]
fn a_full_disk_names_the_cache() {
    let (_dir, store) = store();
    let full = store.get_or_make(&key("a"), |dir| {
        // A device that is always full, so that no file system must be filled.
        fs::write("/dev/full", "x").map_err(Error::io("writing", dir.join("out")))
    });
    let text = full.unwrap_err().to_string();
    assert!(
        text.contains(&format!("no space left on the file system of the cache {}", store.root().display()))
    );
    assert!(text.contains("hint: "));
}

#[test]
fn a_memo_sees_changes_and_survives() {
    let (dir, store) = store();
    let src = dir.path().join("src");
    fs::create_dir_all(src.join("sub")).unwrap();
    fs::write(src.join("sub/a"), "one").unwrap();
    let old = SystemTime::now() - std::time::Duration::from_secs(100);
    let mut memo = Memo::load(&store);
    let first = memo.tree(&src).unwrap();
    memo.save().unwrap();
    assert_eq!(Memo::load(&store).tree(&src).unwrap(), first);
    fs::write(src.join("sub/a"), "two").unwrap();
    let second = Memo::load(&store).tree(&src).unwrap();
    assert_ne!(first, second, "same size, other bytes");
    File::options().write(true).open(src.join("sub/a")).unwrap().set_modified(old).unwrap();
    assert_eq!(Memo::load(&store).tree(&src).unwrap(), second, "times are no content");
    fs::rename(src.join("sub/a"), src.join("sub/b")).unwrap();
    assert_ne!(Memo::load(&store).tree(&src).unwrap(), second, "another name");
}

#[test]
fn a_memo_asks_whether_the_owner_may_execute() {
    let (dir, store) = store();
    let src = dir.path().join("src");
    fs::create_dir_all(&src).unwrap();
    fs::write(src.join("a"), "a").unwrap();
    let with_mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(src.join("a"), fs::Permissions::from_mode(mode)).unwrap();
        Memo::load(&store).tree(&src).unwrap()
    };
    assert_eq!(with_mode(0o644), with_mode(0o611));
    assert_ne!(with_mode(0o644), with_mode(0o744));
}

/// Runs the test of this name in a child process that has only the permissions of the files, without those of
/// the superuser.
fn run_without_privileges(test: &str, root: &Path) {
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;
    let exe = std::env::current_exe().unwrap();
    let mut command = match fs::metadata("/proc/self").unwrap().uid() {
        1.. => Command::new(&exe),
        0 => {
            let mut command = Command::new("setpriv");
            command.arg("--bounding-set=-dac_override,-dac_read_search").arg(&exe);
            command
        }
    };
    let output =
        command.args([test, "--exact", "--nocapture"]).env("INPUTS_TEST_READ_ONLY", root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The child process of `a_cache_that_can_not_be_written_to_has_what_it_has`.
#[test]
fn reads_only_when_asked_to() {
    let Some(root) = std::env::var_os("INPUTS_TEST_READ_ONLY") else { return };
    assert!(fs::write(Path::new(&root).join("x"), "").is_err(), "it can be written to");
    let store = Store::open(&root, Mode::Offline).unwrap();
    let found = store.get_or_make(&key("a"), |_| panic!("made twice")).unwrap();
    assert_eq!(fs::read_to_string(found.join("out")).unwrap(), "one");
    let missing = store.get_or_make(&key("b"), |_| panic!("nowhere to put it")).unwrap_err();
    let text = missing.to_string();
    assert!(text.starts_with("test b is not in the cache /"), "{text}");
    assert!(
        text.contains(", which is not writable: ") && text.contains("hint: set IRONHULL_CACHE"),
        "{text}"
    );
    let mut memo = Memo::load(&store);
    memo.file(Path::new("/etc/passwd")).unwrap();
    memo.save().unwrap();
}

#[test]
fn a_cache_that_can_not_be_written_to_has_what_it_has() {
    use std::os::unix::fs::PermissionsExt;
    fn set_mode(dir: &Path, bits: u32) {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(dir, mode(dir) | 0o200);
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => set_mode(&path, bits),
                false => set(&path, mode(&path) & !0o222 | bits),
            }
        }
        set(dir, mode(dir) & !0o222 | bits);
    }
    let (_dir, store) = store();
    store.get_or_make(&key("a"), |dir| write(dir, "one")).unwrap();
    // The leftover of a killed build, which only its user can remove; and what an older version did not
    // create.
    fs::create_dir(store.root().join("tmp/left.1")).unwrap();
    fs::remove_dir(store.root().join("logs")).unwrap();
    set_mode(store.root(), 0);
    run_without_privileges("store::tests::reads_only_when_asked_to", store.root());
    set_mode(store.root(), 0o200);
}

/// Records messages, and lets a test wait for one.
#[derive(Debug)]
struct Heard(std::sync::Mutex<std::sync::mpsc::Sender<String>>);

impl Progress for Heard {
    fn started(&self, _step: &str, _unit: crate::progress::Unit, _total: Option<u64>) {}
    fn advanced(&self, _step: &str, _done: u64) {}
    fn finished(&self, _step: &str, _took: Duration) {}
    fn planned(&self, _steps: &[String]) {}
    fn said(&self, line: &str) {
        self.0.lock().unwrap().send(line.to_owned()).unwrap();
    }
}

#[test]
fn a_build_that_waits_for_another_one_says_so_and_takes_its_result() {
    let (_dir, store) = store();
    let (sender, said) = std::sync::mpsc::channel();
    let waiting = store.clone().telling(Arc::new(Heard(std::sync::Mutex::new(sender))));
    thread::scope(|scope| {
        store
            .get_or_make(&key("a"), |dir| {
                let second = scope.spawn(move || waiting.get_or_make(&key("a"), |_| panic!("made twice")));
                assert_eq!(said.recv().unwrap(), "waiting for another build, which makes test a");
                assert!(!second.is_finished());
                write(dir, "one")
            })
            .unwrap();
    });
}
