//! The routes of the clock.

use std::time::Duration;

use api::{Time, TimeSetRequest};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::error::Failure;
use super::shared::{Answer, OfNode, Served, blocking};
use crate::bring_up::time_servers;
use crate::condition::{Claim, TIME_SYNCED};
use crate::timekeeper::NotSet;

/// All routes of the clock.
pub fn router() -> Router<Served> {
    Router::new()
        .route("/v1/time", get(|State(node): OfNode| async move { Json(node.time.describe()) }))
        .route("/v1/time/accept", post(accept))
        .route("/v1/time/set", post(set))
}

impl From<NotSet> for Failure {
    fn from(not_set: NotSet) -> Failure {
        match not_set {
            NotSet::Refused(error, hint) => Failure::new(StatusCode::CONFLICT, error).hint(&hint),
            NotSet::Failed(error) => error.into(),
        }
    }
}

async fn accept(State(node): OfNode) -> Answer<Time> {
    eprintln!("noded: an operator accepts what the time servers say");
    let servers = node.network.get().map(|network| time_servers(&node, network)).unwrap_or_default();
    if servers.is_empty() {
        let none = Failure::new(StatusCode::CONFLICT, "the node has no time servers");
        return Err(none.hint("`ironhull node ADDRESS time set` sets the clock to a given time"));
    }
    let time = blocking(move || {
        let outcome = node.time.accept(&servers);
        Ok(outcome.map(|outcome| {
            node.claim(TIME_SYNCED, outcome.claim());
            node.time.describe()
        }))
    });
    Ok(Json(time.await??))
}

async fn set(State(node): OfNode, request: Result<Json<TimeSetRequest>, JsonRejection>) -> Answer<Time> {
    let Json(TimeSetRequest { epoch_ms }) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    eprintln!("noded: an operator sets the clock to {}", api::utc(epoch_ms / 1000));
    let time = blocking(move || {
        let set = node.time.set(Duration::from_millis(epoch_ms));
        Ok(set.map(|()| {
            let message = "set by an operator".to_owned();
            node.claim(TIME_SYNCED, Claim { message, ..Claim::yes("Set") });
            node.time.describe()
        }))
    });
    Ok(Json(time.await??))
}
