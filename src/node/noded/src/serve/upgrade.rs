//! The routes of upgrades.

use api::{MAX_PIECE_BYTES, PieceQuery, Upgrade, UpgradeRequest};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};

use super::error::Failure;
use super::shared::{Answer, OfUpgrader, Served, blocking};
use crate::upgrade::Refused;

/// Where pieces of a bundle go: a route with a long body.
pub const DATA: &str = "/v1/upgrade/data";

/// All routes of upgrades.
pub fn router() -> Router<Served> {
    Router::new()
        .route("/v1/upgrade", get(status).post(begin))
        .route("/v1/upgrade/cancel", post(cancel))
        .route(DATA, put(take).layer(DefaultBodyLimit::max(MAX_PIECE_BYTES)))
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match refused {
            Refused::Malformed(error) => Failure::bad_request(error),
            Refused::Conflict(error, hint) => {
                let failure = Failure::new(StatusCode::CONFLICT, error);
                match hint {
                    Some(hint) => failure.hint(&hint),
                    None => failure,
                }
            }
            Refused::Failed(error) => error.into(),
        }
    }
}

async fn status(State(upgrader): OfUpgrader) -> Answer<Upgrade> {
    Ok(Json(upgrader.status()))
}

async fn begin(
    State(upgrader): OfUpgrader,
    request: Result<Json<UpgradeRequest>, JsonRejection>,
) -> Answer<Upgrade> {
    let Json(request) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    eprintln!("noded: an operator asks for an upgrade: {request:?}");
    Ok(Json(blocking(move || Ok(upgrader.begin(&request))).await??))
}

async fn take(
    State(upgrader): OfUpgrader,
    query: Result<Query<PieceQuery>, QueryRejection>,
    piece: Result<Bytes, BytesRejection>,
) -> Answer<Upgrade> {
    let Query(query) = query.map_err(|e| Failure::bad_request(e.body_text()))?;
    let piece = piece.map_err(|e| Failure::new(e.status(), e.body_text()))?;
    Ok(Json(blocking(move || Ok(upgrader.take(&query, &piece))).await??))
}

async fn cancel(State(upgrader): OfUpgrader) -> Answer<Upgrade> {
    eprintln!("noded: an operator calls an upgrade off");
    Ok(Json(blocking(move || Ok(upgrader.cancel())).await??))
}
