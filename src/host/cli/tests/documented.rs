//! The commands that README and docs show at a prompt, run page by page as a reader types them: each page in
//! an empty directory, its commands in order. Those that need an image or a node are tested elsewhere.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Commands that are not run here, and the test that covers them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("ironhull build ", "make image, demo/upgrade"),
    ("ironhull bundle verify ", "demo/upgrade: it needs a bundle"),
    ("ironhull kubeconfig ", "the suite e2e: it needs a node"),
    ("ironhull lock update", "the tests of inputs: it needs Debian's archive"),
    ("ironhull netboot serve ", "the suite e2e: it needs an image, and root"),
    ("ironhull node ", "the suite e2e: it needs a node"),
    ("ironhull token ", "the suite e2e: it needs a node"),
    ("ironhull config init me --hostname worker-1 --join-token ", "the suite e2e: it needs a token"),
    ("ironhull run ", "the suite e2e: it needs an image"),
];

/// Returns the pages that contain commands, each with its commands in order.
fn pages() -> Vec<(PathBuf, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let how_to = std::fs::read_dir(root.join("docs/how-to")).unwrap().map(|e| e.unwrap().path());
    let read = |page: PathBuf| {
        let text = std::fs::read_to_string(&page).unwrap();
        let commands: Vec<String> = text
            .lines()
            .filter_map(|l| l.trim().strip_prefix("$ ironhull "))
            .map(|l| format!("ironhull {l}"))
            .collect();
        (page, commands)
    };
    how_to.chain([root.join("README.md")]).map(read).filter(|(_, commands)| !commands.is_empty()).collect()
}

#[test]
fn the_commands_of_each_page_run_in_order() {
    let program = Path::new(env!("CARGO_BIN_EXE_ironhull"));
    let path = std::env::join_paths(
        [program.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    let mut count = 0;
    for (page, commands) in pages() {
        let dir = tempfile::tempdir().unwrap();
        for command in commands {
            if ELSEWHERE.iter().any(|(prefix, _)| command.starts_with(prefix)) {
                continue;
            }
            let output = Command::new("sh")
                .args(["-c", &command])
                .current_dir(dir.path())
                .env("PATH", &path)
                .env("XDG_STATE_HOME", dir.path().join("state"))
                .env("IRONHULL_CACHE", dir.path().join("cache"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{}: {command}: {}\n{said}", page.display(), output.status);
            count += 1;
        }
    }
    assert!(count >= 6, "only {count} commands were run");
}
