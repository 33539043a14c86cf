//! Applying a bundle of the built image, compared with writing and hashing the same bytes with `dd` and
//! `sha256sum`.
//!
//! Ours does more: it checks signatures and each compressed frame, decompresses, and reads everything back
//! through the verity tree. Both write to files on the same file system and sync them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::contest::{ROUNDS, median};
use super::row::{Goal, Row, Value};
use super::shared::Shared;
use crate::{image, tool};

/// Programs that are needed.
pub const TOOLS: &[&str] = &["dd", "sha256sum", "fsck.erofs"];
/// Maximum memory use.
const GOAL_MEMORY: Value = Value::Bytes(64_000_000);
/// Maximum time as a percentage of the other's: 0.7 of its speed.
const GOAL_PERCENT: u32 = 143;

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let dir = shared.dir().join("apply");
    std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let (bundle, keys) = signed(&dir)?;
    let plain = dir.join("plain");
    write_plain(&shared.lab().root(), &plain)?;
    let (mut ours, mut theirs, mut memory) = (Vec::new(), Vec::new(), 0);
    for _ in 0..=ROUNDS {
        let began = Instant::now();
        memory = apply(&bundle, &keys, &dir)?.max(memory);
        ours.push(began.elapsed());
        let began = Instant::now();
        copy_and_hash(&plain, &dir.join("copy"))?;
        theirs.push(began.elapsed());
    }
    // The first round warms the page cache.
    let (ours, theirs) = (median(ours.split_off(1)), median(theirs.split_off(1)));
    let most: Duration = theirs * GOAL_PERCENT / 100;
    Ok(vec![
        Row::new("apply a bundle", Value::Time(ours), Goal::AtMost(Value::Time(most)))
            .against("dd, sha256sum", Value::Time(theirs)),
        Row::new("apply a bundle, memory", Value::Bytes(memory), Goal::AtMost(GOAL_MEMORY)),
    ])
}

/// Makes a signed bundle of the built image; returns its path and the key set's.
fn signed(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let (name, bundle, keys) = (dir.join("key"), dir.join("image.hull"), dir.join("keys.json"));
    let ironhull = |words: &[&Path]| {
        let mut command = Command::new(tool::ironhull());
        command.arg("bundle").args(words);
        let output = tool::output(&mut command);
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    };
    let word = Path::new;
    ironhull(&[word("keygen"), &name])?;
    let set = ironhull(&[word("keyset"), &name.with_extension("pub")])?;
    std::fs::write(&keys, set).context("writing the key set")?;
    let (raw, key) = (image::raw(), name.with_extension("key"));
    ironhull(&[word("create"), &raw, word("--output"), &bundle, word("--key"), &key])?;
    Ok((bundle, keys))
}

/// Writes the uncompressed parts of a bundle: kernel image and root.
fn write_plain(root: &Path, to: &Path) -> Result<()> {
    let mut out = std::fs::File::create(to).context("making a file")?;
    std::io::Write::write_all(&mut out, &image::uki())?;
    std::io::copy(&mut std::fs::File::open(root)?, &mut out).context("copying the root")?;
    Ok(())
}

/// Applies the bundle; returns the memory used.
fn apply(bundle: &Path, keys: &Path, dir: &Path) -> Result<u64> {
    let program = std::env::current_exe().context("finding this program")?.with_file_name("applier");
    let output = tool::output(Command::new(program).arg(bundle).arg(keys).arg(dir));
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "applying the bundle: {}: {said}", output.status);
    let bytes = String::from_utf8_lossy(&output.stdout).trim().parse();
    bytes.context("reading what the applier prints")
}

/// Copies a file and syncs it, then hashes the copy.
fn copy_and_hash(from: &Path, to: &Path) -> Result<()> {
    let (input, output) = (format!("if={}", from.display()), format!("of={}", to.display()));
    tool::run("dd", &[&input, &output, "bs=4M", "conv=fsync", "status=none"]);
    tool::run("sha256sum", &[to]);
    Ok(())
}
