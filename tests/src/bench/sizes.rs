//! The size of an image: as stored, and as transferred.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::row::{Goal, Row, Value};
use super::shared::Shared;
use crate::image;

/// Maximum size of the qcow2 image.
const GOAL_QCOW2: Value = Value::Bytes(125_000_000);
/// Maximum size of the compressed raw image.
const GOAL_ZSTD: Value = Value::Bytes(95_000_000);

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let qcow2 = image::qcow2();
    let bytes = fs::metadata(&qcow2).with_context(|| format!("reading {}", qcow2.display()))?.len();
    let packed = shared.dir().join("raw.zst");
    let out = File::create(&packed).with_context(|| format!("making {}", packed.display()))?;
    let mut command = Command::new("zstd");
    command.args(["-19", "-T0", "-q", "-c"]).arg(image::raw()).stdin(Stdio::null()).stdout(out);
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    let packed_bytes = fs::metadata(&packed).context("reading the compressed image")?.len();
    fs::remove_file(&packed).context("removing the compressed image")?;
    Ok(vec![
        Row::new("size of qcow2", Value::Bytes(bytes), Goal::AtMost(GOAL_QCOW2)),
        Row::new("size of raw under zstd -19", Value::Bytes(packed_bytes), Goal::AtMost(GOAL_ZSTD)),
    ])
}
