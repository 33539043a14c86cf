//! The route of logs: lines as they arrive, or those of a failed generation.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::{LogLine, LogQuery, MAX_LOG_LINES};
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use tokio::sync::mpsc;

use super::body::Pieces;
use super::error::Failure;
use super::shared::{OfNode, blocking, known, unknown};
use crate::node::Node;
use crate::{failed_logs, thread};

/// A followed log without new lines gets an empty one this often, so that either side notices when the
/// other is gone.
const QUIET: Duration = Duration::from_secs(15);
/// Portions of a log on their way to a slow client.
const LOG_PORTIONS: usize = 4;

/// The route.
pub(super) async fn logs(
    State(node): OfNode,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(|e| Failure::bad_request(e.body_text()))?;
    if query.lines > MAX_LOG_LINES {
        let error = format!("lines: expected at most {MAX_LOG_LINES}, found {}", query.lines);
        return Err(Failure::bad_request(error));
    }
    if let Some(generation) = query.generation {
        let lines = blocking(move || Ok(failed(generation, &query))).await??;
        return ndjson(Body::from(json_lines(lines)));
    }
    let query = {
        let node = Arc::clone(&node);
        blocking(move || {
            let has_log =
                matches!(query.service.as_str(), "init" | "kernel") || known(&node, &query.service)?;
            Ok(if has_log { Ok(query) } else { Err(unknown(&query.service)) })
        })
        .await??
    };
    let (sender, receiver) = mpsc::channel(LOG_PORTIONS);
    // Not a thread of the pool: a follower may stay for days.
    thread::spawn("logs", move || send_logs(&node, &query, &sender))
        .map_err(|e| Failure::new(StatusCode::SERVICE_UNAVAILABLE, format!("{e:#}")))?;
    ndjson(Body::new(Pieces(receiver)))
}

/// Reads a log and sends it on until the client leaves or there is no more.
fn send_logs(node: &Node, query: &LogQuery, to: &mpsc::Sender<Bytes>) {
    let wanted = (query.service.as_str(), query.lines, query.follow);
    let sent = node.init.logs(wanted, QUIET, |lines| to.blocking_send(json_lines(lines).into()).is_ok());
    if let Err(e) = sent {
        // The head of the answer is gone; a cut-off body is all the client can be told.
        eprintln!("noded: reading log of {}: {e:#}", query.service);
    }
}

/// Writes lines as JSON, one a line; none at all as an empty line.
fn json_lines(lines: Vec<control::LogLine>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        let line = LogLine { at_ms: line.at_ms, text: line.text };
        serde_json::to_writer(&mut text, &line).expect("numbers and text are JSON");
        text.push(b'\n');
    }
    if text.is_empty() {
        text.push(b'\n');
    }
    text
}

/// Answers with lines of JSON.
fn ndjson(body: Body) -> Result<Response, Failure> {
    let answer = Response::builder().header(header::CONTENT_TYPE, "application/x-ndjson").body(body);
    answer.map_err(|e| anyhow::Error::from(e).into())
}

/// Reads what a failed generation has left of a log.
fn failed(generation: u32, query: &LogQuery) -> Result<Vec<control::LogLine>, Failure> {
    if query.follow {
        return Err(Failure::bad_request("follow: a generation that has failed says nothing new"));
    }
    let count = usize::try_from(query.lines).unwrap_or(usize::MAX);
    match failed_logs::load(Path::new("/"), generation, &query.service, count)? {
        Some(lines) => Ok(lines),
        None => {
            let there = failed_logs::list(Path::new("/"), generation).join(", ");
            let error = format!("generation {generation} has left no log of {:?}", query.service);
            let hint = if there.is_empty() {
                "it has left none at all".to_owned()
            } else {
                format!("it has left: {there}")
            };
            Err(Failure::new(StatusCode::NOT_FOUND, error).hint(&hint))
        }
    }
}
