//! The route of logs: lines as they arrive, or those of a failed generation.

use std::path::Path;

use api::{LogQuery, MAX_LOG_LINES};
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::body::Pieces;
use super::error::Failure;
use super::shared::{LogSource, blocking, known, unknown};
use crate::failed_logs;
use crate::followers::json_lines;

/// Marks an answer that ends when the client leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endless;

/// The route.
pub(super) async fn logs(
    State(source): State<LogSource>,
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
        let init = source.init.clone();
        blocking(move || {
            let has_log =
                matches!(query.service.as_str(), "init" | "kernel") || known(&init, &query.service)?;
            Ok(if has_log { Ok(query) } else { Err(unknown(&query.service)) })
        })
        .await??
    };
    if !query.follow {
        let lines = blocking(move || source.init.logs(&query.service, query.lines)).await?;
        return ndjson(Body::from(json_lines(lines)));
    }
    let followed = blocking(move || source.followers.follow(&query.service, query.lines)).await?;
    let Some(pieces) = followed else {
        let error = "too many logs are being followed";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, error).hint("end one that nobody reads"));
    };
    let mut answer = ndjson(Body::new(Pieces(pieces)))?;
    answer.extensions_mut().insert(Endless);
    Ok(answer)
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
