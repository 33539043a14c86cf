//! Warm builds: the time from a change of one file to an image.
//!
//! Runs in a copy of the source tree with the existing cache, so that no checkout is changed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use super::contest::{ROUNDS, median};
use super::copy;
use super::row::{Goal, Row, Value};
use super::shared::Shared;
use crate::tool;

/// The file that is changed.
const CHANGED: &str = "rootfs/overlay/etc/hosts";
/// Maximum time of a build with nothing to do.
const GOAL_SAME: Value = Value::Time(Duration::from_secs(1));
/// Maximum time of a build after one file of the overlay has changed.
const GOAL_CHANGED: Value = Value::Time(Duration::from_secs(5));

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let tree = Tree { source: shared.dir().join("source"), output: shared.dir().join("built") };
    copy::tree(&tool::source_root(), &tree.source, &["target", "out", ".git"])?;
    eprintln!("  the first build, not counted: the cache becomes warm");
    let (first, _) = tree.build(Stdio::inherit())?;
    let mut same = Vec::new();
    for _ in 0..ROUNDS {
        let (root_hash, took) = tree.build(Stdio::null())?;
        ensure!(root_hash == first, "nothing was changed, yet the root hash is {root_hash}, not {first}");
        same.push(took);
    }
    let (mut changed, mut last) = (Vec::new(), first);
    for _ in 0..ROUNDS {
        tree.change()?;
        let (root_hash, took) = tree.build(Stdio::null())?;
        ensure!(root_hash != last, "{CHANGED} was changed, yet the root hash is still {last}");
        last = root_hash;
        changed.push(took);
    }
    // Frees space for the topics that follow.
    fs::remove_dir_all(&tree.output).context("removing the built images")?;
    Ok(vec![
        Row::new("warm build, nothing changed", Value::Time(median(same)), Goal::AtMost(GOAL_SAME)),
        Row::new(
            "warm build, one overlay file changed",
            Value::Time(median(changed)),
            Goal::AtMost(GOAL_CHANGED),
        ),
    ])
}

/// A source tree, and its output directory.
struct Tree {
    source: PathBuf,
    output: PathBuf,
}

impl Tree {
    /// Builds; returns the image's root hash and the duration of the command.
    fn build(&self, talk: Stdio) -> Result<(String, Duration)> {
        let mut command = Command::new(tool::ironhull());
        command.args(["--json", "build", "single", "--output"]).arg(&self.output);
        command.current_dir(&self.source).stdin(Stdio::null()).stderr(talk);
        let began = Instant::now();
        let output = command.output().with_context(|| format!("running {command:?}"))?;
        let took = began.elapsed();
        ensure!(output.status.success(), "{command:?}: {}", output.status);
        let built: Json = serde_json::from_slice(&output.stdout).context("reading what the build prints")?;
        let root_hash = built["image"]["rootHash"].as_str().context("the build prints no root hash")?;
        Ok((root_hash.to_owned(), took))
    }

    /// Changes a file of the overlay.
    fn change(&self) -> Result<()> {
        let path: &Path = &self.source.join(CHANGED);
        let file = File::options().append(true).open(path);
        file.and_then(|mut f| writeln!(f, "# changed"))
            .with_context(|| format!("changing {}", path.display()))
    }
}
