//! The same image wherever, whenever and by whomever it is built: compares all outputs of builds in processes
//! that differ in everything but their inputs.
//!
//! The programs are static, so a fake clock can't be injected. File times differ here; that our code never
//! reads the clock is checked in its source, and a library that did would change the pinned bytes.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::*;

/// The output directory of the child process.
const TO: &str = "IRONHULL_TEST_BUILD_TO";
/// If set, files are created in reverse order, with another time.
const REVERSED: &str = "IRONHULL_TEST_BUILD_REVERSED";

/// Returns every byte of every file that a build leaves, by name.
fn all_files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let visible = names.filter(|name| !name.starts_with('.'));
    visible
        .map(|name| {
            let path = dir.join(&name);
            let sparse = [".raw", ".vhd", ".iso"].iter().any(|ending| name.ends_with(ending));
            // Mostly holes, so only the data.
            let bytes = if sparse {
                data_of(&path).into_iter().flat_map(flat).collect()
            } else {
                fs::read(path).unwrap()
            };
            (name, bytes)
        })
        .collect()
}

/// Returns offset and content of a block as bytes.
fn flat((at, block): (u64, Vec<u8>)) -> Vec<u8> {
    [at.to_le_bytes().to_vec(), block].concat()
}

/// Minimum memory available to the child process; containers often have less.
const ROOM_BYTES: u64 = 256 << 20;

/// Returns a copy of this test program in a directory where every user may execute it.
fn builder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().join("builder");
    // Copied by another process: a file that this one writes may still be open in a child of another test,
    // and then can't be executed.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&path).status().unwrap();
    assert!(copied.success());
    (dir, path)
}

/// Runs the [`builds`] of `builder` with this command line in front, in `dir`.
fn build_in(dir: &Path, builder: &Path, prefix: &[&str], variables: &[(&str, &str)]) {
    let (program, arguments) = prefix.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).arg(builder).args(["--ignored", "--exact", "build::tests::same_bytes::builds"]);
    command.current_dir(dir).env("TMPDIR", dir).env(TO, dir.join("out")).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{prefix:?}: {said}{complaint}");
}

/// Returns a file system that lists files in another order: memory, if there is one with enough space.
fn another_place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |found| found.f_bavail * found.f_frsize);
    if room < ROOM_BYTES { std::env::temp_dir() } else { memory.to_owned() }
}

#[test]
fn directory_umask_time_locale_user_jobs_and_order_leave_no_trace() {
    let (_builder_dir, builder) = builder();
    let first = tempfile::tempdir().unwrap();
    build_in(
        first.path(),
        &builder,
        &["sh", "-c", r#"umask 022; exec "$@""#, "sh"],
        &[("RAYON_NUM_THREADS", "1"), ("TZ", "UTC")],
    );
    let expected = all_files(&first.path().join("out"));
    let names: Vec<&str> = expected.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "small.hull",
            "small.iso",
            "small.json",
            "small.netboot.efi",
            "small.ova",
            "small.qcow2",
            "small.raw",
            "small.spdx.json",
            "small.vhd",
            "small.vmdk"
        ]
    );

    let mut second = tempfile::Builder::new();
    let second = second.prefix("a longer path with blanks").tempdir_in(another_place()).unwrap();
    let odd = [
        ("RAYON_NUM_THREADS", "5"),
        ("TZ", "Pacific/Chatham"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("USER", "somebody"),
        ("HOME", "/nowhere"),
        ("SOURCE_DATE_EPOCH", "1"),
        (REVERSED, "1"),
    ];
    let mut prefix = vec!["sh", "-c", r#"umask 077; exec "$@""#, "sh"];
    if fs::metadata(second.path()).unwrap().uid() == 0 && judges::present(&["setpriv"]) {
        prefix.extend(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
        std::os::unix::fs::chown(second.path(), Some(65534), Some(65534)).unwrap();
    }
    build_in(second.path(), &builder, &prefix, &odd);
    let found = all_files(&second.path().join("out"));
    for (name, bytes) in &expected {
        assert!(found.get(name) == Some(bytes), "{name} differs");
    }
    assert_eq!(found.len(), expected.len());
}

/// Calls `look` with each source file below `dir` that is not a test.
fn sources(dir: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.file_stem().is_some_and(|stem| stem == "tests") {
            true => {}
            false if path.is_dir() => sources(&path, look),
            false => look(&path, &fs::read_to_string(&path).unwrap()),
        }
    }
}

#[test]
fn nobody_who_makes_bytes_asks_for_the_time() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seen = 0;
    for part in [
        "host/image/src",
        "host/inputs/src/sbom.rs",
        "shared/bundle/src",
        "shared/disk/src",
        "shared/formats/src",
    ] {
        let path = house.join(part);
        let mut look = |path: &Path, text: &str| {
            seen += 1;
            assert!(!text.contains("SystemTime::now"), "{} asks for the time", path.display());
        };
        match path.is_dir() {
            true => sources(&path, &mut look),
            false => look(&path, &fs::read_to_string(&path).unwrap()),
        }
    }
    assert!(seen > 50, "only {seen} files were looked at");
}

#[test]
#[ignore = "run by the test above, in other processes"]
fn builds() {
    let reversed = std::env::var_os(REVERSED).is_some();
    let mut lab = Lab::new(&Output::ALL);
    let mut numbers: Vec<u32> = (0..40).collect();
    if reversed {
        numbers.reverse();
    }
    for number in &numbers {
        let dir = lab.at(&format!("files/d{}", number % 7));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join(format!("f{number}"));
        fs::write(&path, number.to_string().repeat(5000)).unwrap();
        let time = SystemTime::now() - Duration::from_secs(if reversed { 1_000_000_000 } else { 60 });
        File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        let more = if reversed { 0o600 } else { 0o666 };
        fs::set_permissions(&path, fs::Permissions::from_mode(more)).unwrap();
    }
    fs::write(lab.at("files/noise"), noise(3 << 20)).unwrap();
    lab.sbom = Sbom::Real;
    if reversed {
        lab.profile.outputs.reverse();
    }
    lab.build(&[key(1)]).unwrap();
    fs::rename(lab.at("out"), std::env::var_os(TO).unwrap()).unwrap();
}
