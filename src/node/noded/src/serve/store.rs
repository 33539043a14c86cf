//! The routes of the store: a snapshot of it, and a restore.

use api::{MAX_PIECE_BYTES, PieceQuery, StoreRestore, StoreRestoreRequest};
use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::{get, put};
use axum::{Json, Router};

use super::body::Pieces;
use super::error::Failure;
use super::shared::{Answer, OfNode, OfRestorer, Served, blocking};
use crate::store;

/// Where pieces of a snapshot go: a route with a long body.
pub const DATA: &str = "/v1/store/restore/data";

/// All routes of the store.
pub fn router() -> Router<Served> {
    Router::new()
        .route("/v1/store/snapshot", get(snapshot))
        .route("/v1/store/restore", get(status).post(begin))
        .route(DATA, put(take).layer(DefaultBodyLimit::max(MAX_PIECE_BYTES)))
}

async fn snapshot(State(node): OfNode) -> Result<Response, Failure> {
    eprintln!("noded: an operator asks for a snapshot of the store");
    match blocking(move || store::snapshot(&node)).await? {
        Ok(pieces) => {
            let answer = Response::builder().header(header::CONTENT_TYPE, "application/octet-stream");
            answer.body(Body::new(Pieces(pieces))).map_err(|e| anyhow::Error::from(e).into())
        }
        Err(why) => Err(Failure::new(StatusCode::CONFLICT, why)
            .hint("`ironhull node ADDRESS logs etcd` shows what the store says")),
    }
}

async fn status(State(restorer): OfRestorer) -> Answer<StoreRestore> {
    Ok(Json(restorer.status()))
}

async fn begin(
    State(restorer): OfRestorer,
    request: Result<Json<StoreRestoreRequest>, JsonRejection>,
) -> Answer<StoreRestore> {
    let Json(request) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    eprintln!("noded: an operator asks for a restore of the store: {request:?}");
    Ok(Json(blocking(move || Ok(restorer.begin(&request))).await??))
}

async fn take(
    State(restorer): OfRestorer,
    query: Result<Query<PieceQuery>, QueryRejection>,
    piece: Result<Bytes, BytesRejection>,
) -> Answer<StoreRestore> {
    let Query(query) = query.map_err(|e| Failure::bad_request(e.body_text()))?;
    let piece = piece.map_err(|e| Failure::new(e.status(), e.body_text()))?;
    Ok(Json(blocking(move || Ok(restorer.take(&query, &piece))).await??))
}
