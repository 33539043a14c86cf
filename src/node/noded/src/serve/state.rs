//! The routes of orders about snapshots of the state.

use api::{StateOrdered, StateRequest};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use snapshots::StateError;

use super::error::Failure;
use super::shared::{Answer, OfNode, Served, blocking};
use crate::state::{self, When};

/// All routes about the state.
pub fn router() -> Router<Served> {
    Router::new().route("/v1/state/restore", post(restore)).route("/v1/state/remove", post(remove))
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Failure {
        match error {
            StateError::Order(_) | StateError::Empty => Failure::new(StatusCode::CONFLICT, error.to_string())
                .hint("`ironhull node ADDRESS state` lists the snapshots"),
            failed => anyhow::Error::from(failed).into(),
        }
    }
}

/// Longest name of a snapshot.
const MAX_NAME_BYTES: usize = 64;

/// Reads a request.
fn read(request: Result<Json<StateRequest>, JsonRejection>) -> Result<StateRequest, Failure> {
    let Json(request) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    if request.snapshot.as_ref().is_some_and(|id| id.len() > MAX_NAME_BYTES) {
        return Err(Failure::bad_request(format!("snapshot: expected at most {MAX_NAME_BYTES} bytes")));
    }
    Ok(request)
}

async fn restore(
    State(node): OfNode,
    request: Result<Json<StateRequest>, JsonRejection>,
) -> Answer<StateOrdered> {
    let StateRequest { snapshot, dry_run } = read(request)?;
    eprintln!("noded: an operator orders to restore snapshot {snapshot:?}, dry run: {dry_run}");
    let (what, when) = blocking(move || state::restore(&node, snapshot.as_deref(), dry_run)).await??;
    Ok(Json(StateOrdered { what, at_next_boot: when == When::NextBoot }))
}

async fn remove(
    State(node): OfNode,
    request: Result<Json<StateRequest>, JsonRejection>,
) -> Answer<StateOrdered> {
    let StateRequest { snapshot, dry_run } = read(request)?;
    let id = snapshot.ok_or_else(|| Failure::bad_request("snapshot: expected a name"))?;
    eprintln!("noded: an operator orders to remove snapshot {id:?}, dry run: {dry_run}");
    let what = format!("snapshot {id} is removed for good");
    blocking(move || Ok(node.state.remove(&id, dry_run))).await??;
    Ok(Json(StateOrdered { what, at_next_boot: false }))
}
