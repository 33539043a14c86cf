//! A boot on a new disk: firmware, then each stage since the kernel's start.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value as Json;

use super::row::{Goal, Row, Value};
use super::shared::{Booted, Shared};

/// Maximum total time, emulated on two processors.
const GOAL_ALL: Value = Value::Time(Duration::from_secs(45));
/// Maximum time in user space until the node API is up.
const GOAL_USER_SPACE: Value = Value::Time(Duration::from_millis(1800));

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    rows(shared.booted()?)
}

/// Formats the measurement. Pure.
fn rows(booted: &Booted) -> Result<Vec<Row>> {
    let answer = &booted.answer;
    let how = answer["accelerator"].as_str().context("`ironhull run` does not say what runs the machine")?;
    let mut rows = Vec::new();
    if let Some(ms) = answer["firmwareMs"].as_u64() {
        rows.push(Row::new(format!("boot ({how}): firmware"), Value::millis(ms), Goal::Shown));
    }
    let stages = stages(answer);
    for (name, at_ms) in &stages {
        rows.push(Row::new(format!("boot ({how}): kernel to {name}"), Value::millis(*at_ms), Goal::Shown));
    }
    let all = format!("boot ({how}): `ironhull run` to the pod's answer");
    rows.push(Row::new(all, Value::Time(booted.took), Goal::AtMost(GOAL_ALL)));
    let at = |name: &str| {
        let found = stages.iter().find(|(n, _)| n == name).map(|(_, at_ms)| *at_ms);
        found.with_context(|| format!("stage {name} is missing"))
    };
    let user_space = Value::millis(at("node-api")?.saturating_sub(at("init")?));
    rows.push(Row::new("user space until the node API answers", user_space, Goal::AtMost(GOAL_USER_SPACE)));
    Ok(rows)
}

/// Returns the stages, sorted by time.
fn stages(answer: &Json) -> Vec<(String, u64)> {
    let stage = |s: &Json| Some((s["name"].as_str()?.to_owned(), s["atMs"].as_u64()?));
    let mut stages: Vec<_> = answer["stages"].as_array().into_iter().flatten().filter_map(stage).collect();
    stages.sort_by_key(|(_, at_ms)| *at_ms);
    stages
}
