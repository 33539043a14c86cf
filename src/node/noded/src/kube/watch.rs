//! Watches one object through the API server, without polling.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use super::client::Kube;
use super::ready::Observed;
use super::resource::Resource;

/// Maximum length of an event.
const MAX_EVENT_BYTES: u64 = 4 << 20;

/// Watches one object for at most `longest`, beginning with its current state. `seen` is called with each
/// state, `None` if the object does not exist, and ends the watch by returning false. Returns when the watch
/// ends without an error.
///
/// # Errors
/// If the API server refuses, with its reason, or the connection fails.
pub fn watch_one(
    kube: &Kube,
    resource: &Resource,
    longest: Duration,
    mut seen: impl FnMut(Option<Observed>) -> bool,
) -> Result<()> {
    let Resource { collection, name, .. } = resource;
    let query = format!("{collection}?watch=1&fieldSelector=metadata.name%3D{name}");
    let mut from = BufReader::new(kube.stream(&query, longest)?);
    loop {
        let mut line = Vec::new();
        let read = (&mut from).take(MAX_EVENT_BYTES).read_until(b'\n', &mut line);
        if read.with_context(|| format!("watching {}", resource.path()))? == 0 {
            return Ok(());
        }
        let state = parse::<Observed>(&line).with_context(|| format!("watching {}", resource.path()))?;
        if !seen(state) {
            return Ok(());
        }
    }
}

/// Watches all objects of a collection for at most `longest`, beginning after version `from` of a list. `seen` is called
/// whenever one has changed. Returns when the watch ends without an error.
///
/// # Errors
/// If the API server refuses, with its reason, or the connection fails.
pub fn watch_all(
    kube: &Kube,
    collection: &str,
    (from, longest): (&str, Duration),
    mut seen: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut events =
        BufReader::new(kube.stream(&format!("{collection}?watch=1&resourceVersion={from}"), longest)?);
    loop {
        let mut line = Vec::new();
        let read = (&mut events).take(MAX_EVENT_BYTES).read_until(b'\n', &mut line);
        if read.with_context(|| format!("watching {collection}"))? == 0 {
            return Ok(());
        }
        parse::<IgnoredAny>(&line).with_context(|| format!("watching {collection}"))?;
        seen()?;
    }
}

/// Parses one event.
fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<Option<T>> {
    #[derive(Deserialize)]
    struct Event<'a> {
        r#type: &'a str,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let event: Event = serde_json::from_slice(line)?;
    match event.r#type {
        "ADDED" | "MODIFIED" => Ok(Some(serde_json::from_str(event.object.get())?)),
        "DELETED" => Ok(None),
        other => bail!("the apiserver ends the watch: {other} {:.300}", event.object.get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_events() {
        assert!(parse::<Observed>(br#"{"type":"ADDED","object":{"kind":"Node"}}"#).unwrap().is_some());
        assert!(parse::<Observed>(br#"{"type":"DELETED","object":{}}"#).unwrap().is_none());
        let gone = parse::<Observed>(br#"{"type":"ERROR","object":{"code":410}}"#).unwrap_err().to_string();
        assert!(gone.contains("410"), "{gone}");
        assert!(parse::<Observed>(b"").is_err());
    }
}
