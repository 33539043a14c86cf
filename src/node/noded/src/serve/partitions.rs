//! The routes of partitions that could not be mounted, in maintenance and on a configured node.

use std::sync::Arc;

use api::{CheckRequest, PartitionList, PartitionName, WipeRequest, Wiped};
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::error::Failure;
use super::shared::{Answer, blocking};
use crate::partitions::Partitions;

/// The partitions, as handlers get them.
#[derive(Clone, Debug)]
pub struct Damaged(pub Arc<Partitions>);

/// All of them, below `base`.
pub fn router<S>(base: &str) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Damaged: FromRef<S>,
{
    Router::new()
        .route(base, get(|State(Damaged(all)): State<Damaged>| async move { list(&all) }))
        .route(&format!("{base}/{{name}}/check"), post(check))
        .route(&format!("{base}/{{name}}/wipe"), post(wipe))
}

fn list(all: &Partitions) -> Json<PartitionList> {
    Json(PartitionList { partitions: all.list() })
}

/// Reads the name in a path.
fn name(text: &str) -> Result<PartitionName, Failure> {
    text.parse().map_err(|e: String| Failure::new(StatusCode::NOT_FOUND, format!("no such partition: {e}")))
}

async fn check(
    State(Damaged(all)): State<Damaged>,
    Path(partition): Path<String>,
    request: Result<Json<CheckRequest>, JsonRejection>,
) -> Answer<PartitionList> {
    let partition = name(&partition)?;
    let Json(CheckRequest { repair }) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    eprintln!("noded: an operator orders to check partition {partition}, repair: {repair}");
    let checked = Arc::clone(&all);
    blocking(move || Ok(checked.begin_check(partition, repair))).await??;
    Ok(list(&all))
}

async fn wipe(
    State(Damaged(all)): State<Damaged>,
    Path(partition): Path<String>,
    request: Result<Json<WipeRequest>, JsonRejection>,
) -> Answer<Wiped> {
    let partition = name(&partition)?;
    let Json(WipeRequest { dry_run }) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    eprintln!("noded: an operator orders to wipe partition {partition}, dry run: {dry_run}");
    Ok(Json(blocking(move || Ok(all.wipe(partition, dry_run))).await??))
}
