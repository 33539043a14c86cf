//! The built command in an empty directory: exit codes, output streams, help.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the command in `dir`, with its own home directory.
fn ironhull(dir: &Path, arguments: &[impl AsRef<OsStr>]) -> Output {
    prepare(dir, arguments).output().unwrap()
}

fn prepare(dir: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ironhull"));
    command.current_dir(dir).args(arguments).env_clear().env("HOME", dir).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Creates the minimum that the command accepts as a source tree.
fn source_tree(dir: &Path, profile: &str) {
    for folder in ["rootfs", "kernel-config", "image-profiles"] {
        std::fs::create_dir(dir.join(folder)).unwrap();
    }
    std::fs::write(dir.join("rootfs/packages.list"), "").unwrap();
    std::fs::write(dir.join("image-profiles/small.yaml"), profile).unwrap();
}

/// A profile that refers to no files.
const SMALL: &str = "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: small\nrole: single\n\
                     kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n";

const COMMANDS: &[&[&str]] = &[
    &[],
    &["build"],
    &["run"],
    &["stop"],
    &["inspect"],
    &["bundle"],
    &["bundle", "create"],
    &["bundle", "sign"],
    &["bundle", "inspect"],
    &["bundle", "verify"],
    &["bundle", "keygen"],
    &["bundle", "keyset"],
    &["config"],
    &["config", "init"],
    &["config", "validate"],
    &["config", "schema"],
    &["keys"],
    &["keys", "create"],
    &["cache"],
    &["cache", "list"],
    &["cache", "prune"],
    &["lock"],
    &["lock", "update"],
    &["node"],
    &["node", "n", "status"],
    &["node", "n", "apply"],
    &["node", "n", "links"],
    &["node", "n", "disks"],
    &["node", "n", "services"],
    &["node", "n", "logs"],
    &["node", "n", "restart"],
    &["node", "n", "reboot"],
    &["node", "n", "shutdown"],
    &["kubeconfig"],
];

#[test]
fn help_is_at_most_80_columns_wide_and_has_an_example() {
    let dir = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        for flag in ["--help", "-h"] {
            let output = ironhull(dir.path(), &[command, &[flag][..]].concat());
            let help = stdout(&output);
            assert!(output.status.success(), "{command:?}");
            assert!(help.contains("\nExample: ironhull "), "{command:?}: {help}");
            let wide = help.lines().find(|l| l.chars().count() > 80);
            assert_eq!(wide, None, "{command:?} {flag}");
        }
    }
}

#[test]
fn long_help_tells_what_a_command_writes_and_does() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["run"], "writes a kubeconfig"),
        (&["stop"], "Presses the power button"),
        (&["config", "init"], "No file is overwritten"),
        (&["keys", "create"], "No file is overwritten"),
        (&["node", "n", "upgrade"], "otherwise rolls back"),
    ];
    for (command, expected) in cases {
        let help = |flag: &str| {
            let output = ironhull(dir.path(), &[*command, &[flag][..]].concat());
            stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert!(help("--help").contains(expected), "{command:?}: {}", help("--help"));
        assert!(!help("-h").contains(expected), "{command:?}");
    }
}

#[test]
fn wrong_usage_is_2_and_failure_is_1() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], i32)] = &[
        (&[], 2),
        (&["frobnicate"], 2),
        (&["build"], 2),
        (&["run", "x", "--memory", "much"], 2),
        (&["run", "x", "--memory", "64M"], 2),
        (&["run", "x", "--fresh", "--keep"], 2),
        (&["build", "x", "--mirror", "foo"], 2),
        (&["config", "schema", "Nonsense"], 2),
        (&["build", "single"], 1),
        (&["stop", "nobody"], 1),
        (&["inspect", "nowhere.raw"], 1),
        (&["node", "127.0.0.1:1", "status"], 1),
        (&["--version"], 0),
    ];
    for (arguments, code) in cases {
        let output = ironhull(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {}", stderr(&output));
        if *code == 1 {
            assert_eq!(stdout(&output), "", "{arguments:?}");
            assert!(stderr(&output).contains("error: "), "{arguments:?}: {}", stderr(&output));
        }
    }
}

#[test]
fn a_complaint_about_the_command_line_shows_no_password() {
    let dir = tempfile::tempdir().unwrap();
    let address = "ftp://user:s3cret@host/x";
    let cases: &[&[&str]] = &[
        &["build", "x", "--mirror", address],
        &["lock", "update", "--security-mirror", address],
        &["lock", "update", address],
        &[address],
    ];
    for arguments in cases {
        let output = ironhull(dir.path(), arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("ftp://***@host/x") && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn an_unknown_profile_key_shows_line_and_caret_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    source_tree(
        dir.path(),
        "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: small\nrole: single\nspeed: fast\n\
         kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n",
    );
    let output = ironhull(dir.path(), &["build", "small"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("unknown key \"speed\"") && text.contains("small.yaml:5:1"), "{text}");
    assert!(text.contains("5 | speed: fast\n  | ^^^^^\n"), "{text}");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn keys_that_are_none_are_told_before_anything_is_built() {
    let dir = tempfile::tempdir().unwrap();
    source_tree(
        dir.path(),
        "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: small\nrole: single\nupdateKeys: keys.json\n\
         kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n",
    );
    let without = ironhull(dir.path(), &["build", "small", "--key", "a.key"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(stderr(&without).contains("none is to be written: add --format bundle"), "{}", stderr(&without));
    let missing = ironhull(dir.path(), &["build", "small", "--format", "bundle", "--key", "a.key"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("reading a.key: No such file"), "{}", stderr(&missing));
    std::fs::write(dir.path().join("image-profiles/keys.json"), "{}").unwrap();
    let output = ironhull(dir.path(), &["build", "small"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("image-profiles/keys.json: reading a key set: missing field"), "{text}");
    assert!(text.contains("hint: make one with `ironhull bundle keyset"), "{text}");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn names_that_are_not_utf_8_work_and_are_bytes_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let name = |before: &str, after: &str| -> OsString {
        [OsStr::new(before), OsStr::from_bytes(b"\xff"), OsStr::new(after)].into_iter().collect()
    };
    let words = |list: &[&str], last: OsString| {
        list.iter().map(OsString::from).chain([last]).collect::<Vec<OsString>>()
    };
    let cases = [
        (words(&["config", "init"], name("c", "")), "63ff"),
        (words(&["config", "validate"], name("c", "/node.yaml")), "63ff2f6e6f64652e79616d6c"),
        (words(&["bundle", "keygen"], name("k", "")), "6bff2e6b6579"),
        (words(&["keys", "create"], name("s", "")), "73ff"),
    ];
    for (line, hex) in cases {
        let output = ironhull(dir.path(), &[&["--json".into()], &line[..]].concat());
        assert!(output.status.success(), "{line:?}: {}", stderr(&output));
        assert!(stdout(&output).contains(&format!("\"bytes\": \"{hex}\"")), "{line:?}: {}", stdout(&output));
    }
    // These can't succeed here, but must fail for their own reason and not because of the name.
    for line in [
        words(&["bundle", "create"], name("i", ".raw")),
        words(&["inspect"], name("i", ".raw")),
        words(&["run"], name("i", ".raw")),
        words(&["build", "single", "--output"], name("o", "")),
        words(&["build"], name("p", ".yaml")),
    ] {
        let output = ironhull(dir.path(), &line);
        assert_eq!(output.status.code(), Some(1), "{line:?}: {}", stderr(&output));
    }
}

#[test]
fn a_profile_in_a_directory_that_is_not_utf_8_must_name_no_files() {
    let dir = tempfile::tempdir().unwrap();
    source_tree(dir.path(), "");
    let odd = dir.path().join(OsStr::from_bytes(b"d\xff"));
    std::fs::create_dir(&odd).unwrap();
    let profile = "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: small\nrole: single\noverlay: [files]\n\
                   kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n";
    let file = odd.join("p.yaml");
    std::fs::write(&file, profile).unwrap();
    let output = ironhull(dir.path(), &[OsStr::new("build"), file.as_os_str()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("expected paths in UTF-8, found "), "{}", stderr(&output));
}

#[test]
fn what_can_be_no_machine_is_told_before_anything_is_built() {
    let dir = tempfile::tempdir().unwrap();
    let name = "x".repeat(50);
    source_tree(dir.path(), &SMALL.replace("name: small", &format!("name: {name}")));
    let text = stderr(&ironhull(dir.path(), &["run", "small"]));
    let expected =
        format!("error: naming the machine after the image: machine name \"{name}\": expected 1 to 40");
    assert!(text.contains(&expected) && text.contains("\nhint: name it with --name\n"), "{text}");
    let deep = dir.path().join("d".repeat(120));
    let run = ["run", "small", "--name", "m"];
    let text = stderr(&prepare(dir.path(), &run).env("XDG_STATE_HOME", &deep).output().unwrap());
    assert!(text.contains("expected at most 107 bytes for a unix socket, found "), "{text}");
    assert!(!dir.path().join(".cache").exists(), "a build was begun");
}

#[test]
fn a_directory_for_temporary_files_that_is_not_there_is_told_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    source_tree(dir.path(), SMALL);
    let output = prepare(dir.path(), &["build", "small"]).env("TMPDIR", "/nowhere/tmp").output().unwrap();
    let expected = "error: opening TMPDIR, the directory for temporary files, /nowhere/tmp: No such file";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
}

#[test]
fn more_jobs_than_a_host_has_use_for_are_cut_and_it_says_so() {
    let dir = tempfile::tempdir().unwrap();
    source_tree(dir.path(), SMALL);
    let text = |jobs: &str| stderr(&ironhull(dir.path(), &["build", "small", "--offline", "--jobs", jobs]));
    assert!(text("1000000").contains("--jobs 1000000: limited to "), "{}", text("1000000"));
    assert!(!text("1").contains("--jobs 1"), "{}", text("1"));
}

#[test]
fn an_unknown_profile_is_answered_with_those_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    source_tree(dir.path(), "");
    let output = ironhull(dir.path(), &["build", "large"]);
    assert!(stderr(&output).contains("hint: available profiles: small\n"), "{}", stderr(&output));
}

#[test]
fn config_init_makes_a_config_that_validates_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(ironhull(dir.path(), &["config", "init", "c", "--hostname", "node-7"]).status.success());
    let output = ironhull(dir.path(), &["--json", "config", "validate", "c/node.yaml"]);
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict[0]["valid"], true);
    let before = std::fs::read(dir.path().join("c/node.yaml")).unwrap();
    assert_eq!(ironhull(dir.path(), &["config", "init", "c"]).status.code(), Some(1));
    assert_eq!(std::fs::read(dir.path().join("c/node.yaml")).unwrap(), before);
}

#[test]
fn keys_create_makes_three_private_keys_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = ironhull(dir.path(), &["keys", "create", "keys"]);
    assert!(first.status.success(), "{}", stderr(&first));
    for name in ["PK", "KEK", "db"] {
        for ending in ["key", "crt", "cer", "esl", "auth"] {
            assert!(dir.path().join(format!("keys/{name}.{ending}")).exists(), "{name}.{ending}");
        }
    }
    let again = ironhull(dir.path(), &["keys", "create", "keys"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("PK.key already exists\nhint: "), "{}", stderr(&again));
}

#[test]
fn all_errors_of_all_documents_are_told_and_never_a_key() {
    let dir = tempfile::tempdir().unwrap();
    ironhull(dir.path(), &["config", "init", "c"]);
    let text = std::fs::read_to_string(dir.path().join("c/node.yaml")).unwrap();
    let wrong = text.replace("hostname:", "hostnam:").replace("10.244.0.0/16", "10.244.0.0/99");
    std::fs::write(dir.path().join("wrong.yaml"), wrong).unwrap();
    let output = ironhull(dir.path(), &["config", "validate", "c/node.yaml", "wrong.yaml"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("hostnam") && text.contains("10.244.0.0/99"), "{text}");
    assert!(!text.contains("BEGIN PRIVATE KEY"), "{text}");
    assert!(stdout(&output).starts_with("c/node.yaml: "));
}

#[test]
fn standard_input_is_a_document_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = prepare(dir.path(), &["config", "validate", "-"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"kind: Pod\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("<stdin>:1:"), "{}", stderr(&output));
}

#[test]
fn an_empty_cache_is_an_empty_list_and_json_is_json() {
    let dir = tempfile::tempdir().unwrap();
    let output = ironhull(dir.path(), &["cache", "list", "--json"]);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap(), serde_json::json!([]));
    let output = ironhull(dir.path(), &["cache", "prune", "--unused", "0"]);
    assert_eq!(stdout(&output), "removed 0 entries, 0 B\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = prepare(dir.path(), &["config", "schema"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn an_error_that_nobody_reads_is_still_1_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = prepare(dir.path(), &["stop", "nobody"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn config_init_with_a_bad_name_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    for bad in ["Bad_Host!", "a\nkind: x", ""] {
        let output = ironhull(dir.path(), &["config", "init", "c", "--hostname", bad]);
        assert_eq!(output.status.code(), Some(1), "{bad:?}");
        assert!(!dir.path().join("c").exists(), "{bad:?}");
    }
}

#[test]
fn a_name_that_is_no_machine_is_answered_with_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [&["stop", "nobody"][..], &["node", "nobody", "status"]] {
        let machines = dir.path().join(".local/state/ironhull/machines/one");
        std::fs::create_dir_all(&machines).unwrap();
        std::fs::write(machines.join("state.json"), "{}").unwrap();
        let text = stderr(&ironhull(dir.path(), arguments));
        assert!(text.contains("hint: machines on this host: one"), "{arguments:?}: {text}");
    }
}

#[test]
fn bundle_keys_are_private_never_overwritten_and_make_a_set() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        assert!(ironhull(dir.path(), &["bundle", "keygen", name]).status.success());
    }
    let private = dir.path().join("a.key");
    assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&private).unwrap();
    let again = ironhull(dir.path(), &["bundle", "keygen", "a"]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(std::fs::read(&private).unwrap(), before);
    let set = ironhull(dir.path(), &["bundle", "keyset", "a.pub", "b.pub", "--threshold", "2"]);
    let set: serde_json::Value = serde_json::from_slice(&set.stdout).unwrap();
    assert_eq!((set["threshold"].as_u64(), set["keys"].as_array().map(Vec::len)), (Some(2), Some(2)));
    let bad = ironhull(dir.path(), &["bundle", "keyset", "a.pub", "--threshold", "2"]);
    assert!(stderr(&bad).contains("threshold 2, expected 1 to 1"), "{}", stderr(&bad));
}

#[test]
fn what_is_no_bundle_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.hull"), vec![b'x'; 5000]).unwrap();
    let found = ironhull(dir.path(), &["bundle", "inspect", "x.hull"]);
    assert_eq!(found.status.code(), Some(1));
    assert!(stderr(&found).contains("its start is xxxxxxxx, expected IRONHULL"), "{}", stderr(&found));
}

#[test]
fn a_directory_is_no_file_to_write() {
    let dir = tempfile::tempdir().unwrap();
    // Reported before the node is asked, which would issue a certificate for nothing.
    let output = ironhull(dir.path(), &["kubeconfig", "10.0.0.1", "--credentials", ".", "--output", "."]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "error: writing .: expected a file, found a directory\nhint: name a file in it\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn new_keys_do_not_follow_a_link_that_leads_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("elsewhere", dir.path().join("a.pub")).unwrap();
    let output = ironhull(dir.path(), &["bundle", "keygen", "a"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("a.pub already exists\nhint: "), "{}", stderr(&output));
    assert!(!dir.path().join("a.key").exists() && !dir.path().join("elsewhere").exists());
}

#[test]
fn names_that_yaml_takes_for_something_else_make_valid_configs() {
    for name in ["123", "null", "no", "1e3"] {
        let dir = tempfile::tempdir().unwrap();
        let made = ironhull(dir.path(), &["config", "init", "c", "--hostname", name, "--cluster", name]);
        assert!(made.status.success(), "{name}: {}", stderr(&made));
        assert!(ironhull(dir.path(), &["config", "validate", "c/node.yaml"]).status.success(), "{name}");
    }
    for name in ["a\nlabels: {x: y}", "node-1 # x"] {
        let dir = tempfile::tempdir().unwrap();
        let refused = ironhull(dir.path(), &["config", "init", "c", "--hostname", name]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(stderr(&refused).contains("hostname: expected a host name"), "{}", stderr(&refused));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_seed_holds_the_config_as_files_and_as_a_cd() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let words = ["--json", "config", "init", "c", "--hostname", "node-7", "--cloud-init"];
    let made = ironhull(dir.path(), &words);
    assert!(made.status.success(), "{}", stderr(&made));
    let told: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(told["seed"], "c/seed.iso");
    let read = |name: &str| std::fs::read_to_string(dir.path().join("c").join(name)).unwrap();
    assert_eq!(read("seed/user-data"), read("node.yaml"));
    let meta_data = read("seed/meta-data");
    assert!(meta_data.starts_with("instance-id: \"node-7-"), "{meta_data}");
    assert!(meta_data.ends_with("\nlocal-hostname: \"node-7\"\n"), "{meta_data}");
    for name in ["seed/user-data", "seed.iso"] {
        let mode = std::fs::metadata(dir.path().join("c").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let again = ironhull(dir.path(), &words);
    assert!(stderr(&again).contains("c/node.yaml"), "{}", stderr(&again));
    std::fs::remove_file(dir.path().join("c/node.yaml")).unwrap();
    let again = ironhull(dir.path(), &words);
    assert!(stderr(&again).contains("c/seed"), "{}", stderr(&again));
    assert!(!dir.path().join("c/node.yaml").exists());
    let Some(isoinfo) = judges::find("isoinfo") else { return };
    let iso = dir.path().join("c/seed.iso").display().to_string();
    assert!(isoinfo.agrees(&["-d", "-i", &iso]).contains("Volume id: cidata"));
    for name in ["user-data", "meta-data"] {
        assert_eq!(
            isoinfo.agrees(&["-J", "-x", &format!("/{name}"), "-i", &iso]),
            read(&format!("seed/{name}"))
        );
    }
}

#[test]
fn every_file_has_a_verdict_even_one_that_can_not_be_read() {
    let dir = tempfile::tempdir().unwrap();
    ironhull(dir.path(), &["config", "init", "c"]);
    std::fs::write(dir.path().join("latin.yaml"), b"kind: \xe9\n").unwrap();
    let files = ["absent.yaml", "c/node.yaml", "latin.yaml", "c", "/dev/zero"];
    let output = ironhull(dir.path(), &[&["--json", "config", "validate"], &files[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let verdicts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |i: usize, key: &str| verdicts[i][key].clone();
    for (i, file) in files.iter().enumerate() {
        assert_eq!((of(i, "file"), of(i, "valid")), ((*file).into(), (i == 1).into()));
        assert_eq!(of(i, "errors").as_array().unwrap().is_empty(), i == 1);
    }
    let text = stderr(&output);
    for expected in ["No such file", "expected UTF-8 text, found byte", "Is a directory", "expected at most"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text.ends_with("error: 4 of 5 files are invalid\n"), "{text}");
}

#[test]
fn a_key_file_holds_one_key_that_is_not_encrypted() {
    let Some(openssl) = judges::find("openssl") else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        ironhull(dir.path(), &["bundle", "keygen", name]);
    }
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    std::fs::write(dir.path().join("both.pub"), read("a.pub") + &read("b.pub")).unwrap();
    let several = stderr(&ironhull(dir.path(), &["bundle", "keyset", "both.pub"]));
    assert!(several.contains("both.pub: expected one PEM block, found several\nhint: "), "{several}");
    let encrypt = ["pkey", "-in", "a.key", "-aes256", "-passout", "pass:secret", "-out", "locked.key"];
    assert!(openssl.command().current_dir(dir.path()).args(encrypt).status().unwrap().success());
    std::fs::write(dir.path().join("x.hull"), "").unwrap();
    let locked = stderr(&ironhull(dir.path(), &["bundle", "sign", "x.hull", "--key", "locked.key"]));
    assert!(locked.contains("found one that is encrypted\nhint: `openssl pkey "), "{locked}");
}

/// What can be known before anything is sent is said before: nothing listens at the address.
#[test]
fn a_node_in_maintenance_is_asked_only_for_what_it_knows_with_a_code_that_can_be_one() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("bad.yaml"),
        "apiVersion: ironhull.dev/v1\nkind: NodeConfig\nhostnam: x\n",
    )
    .unwrap();
    let ask = |words: &[&str]| {
        let output = ironhull(dir.path(), &[&["node", "127.0.0.1:1"], words].concat());
        (output.status.code(), stderr(&output))
    };
    let code = "WERC-8GMR-ZGE1-0005-00ZZ";
    for (words, exit, says) in [
        (&["apply", "bad.yaml"][..], 2, "--code takes the pairing code"),
        (&["links"], 2, "--code takes the pairing code"),
        (&["restart", "etcd", "--code", code], 2, "knows only apply, install, status"),
        (&["status", "--code", "WERC-8GMR"], 2, "expected 20 letters and digits, found 8"),
        (&["status", "--code", code, "--credentials", "."], 2, "cannot be used with"),
        (&["apply", "-", "--code", "-"], 2, "both come from standard input"),
        (
            &["install", "--disk", "/dev/vda", "--config", "-", "--code", "-"],
            2,
            "both come from standard input",
        ),
        (&["install", "--disk", "colour=red", "--code", code], 2, "expected one of path, serial"),
        (&["install", "--disk", "serial=a", "--config", "bad.yaml", "--code", code], 1, "hostnam"),
        (&["status", "--code", "-"], 1, "it looks like ABCD-"),
        (&["apply", "bad.yaml", "--code", code], 1, "hostnam"),
        (&["disks", "--code", code], 1, "connection refused"),
    ] {
        let (status, said) = ask(words);
        assert_eq!(status, Some(exit), "{words:?}: {said}");
        assert!(said.contains(says), "{words:?}: {said}");
    }
    let (_, said) = ask(&["apply", "bad.yaml", "--code", code]);
    assert!(said.contains("api") && said.contains('^') && !said.contains("connect"), "all errors: {said}");
}
