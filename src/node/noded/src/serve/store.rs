//! The routes of the store: snapshots of it, a restore, and its care.

use std::sync::Arc;

use api::{
    KeptSnapshots, MAX_PIECE_BYTES, PieceQuery, SnapshotQuery, StoreCare, StoreOrder, StoreRestore,
    StoreRestoreRequest,
};
use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use tokio::sync::mpsc::Receiver;

use super::body::Pieces;
use super::error::Failure;
use super::shared::{Answer, OfCare, OfNode, OfRestorer, Served, blocking, only_on_a_control_plane};
use crate::node::Node;
use crate::store;

/// Where pieces of a snapshot go: a route with a long body.
pub const DATA: &str = "/v1/store/restore/data";

/// Where snapshots come from: a route whose answer may take long.
pub const SNAPSHOT: &str = "/v1/store/snapshot";

/// All routes of the store.
pub fn router(node: &Arc<Node>) -> Router<Served> {
    let node = Arc::clone(node);
    let guard = move |request: Request, next: Next| {
        let refused = only_on_a_control_plane(&node);
        async move {
            match refused {
                Ok(()) => Ok(next.run(request).await),
                Err(failure) => Err(failure),
            }
        }
    };
    Router::new()
        .route(SNAPSHOT, get(snapshot))
        .route("/v1/store/kept", get(kept))
        .route("/v1/store/care", get(|State(care): OfCare| async move { Answer::Ok(Json(care.status())) }))
        .route("/v1/store/defrag", post(|care: OfCare| order(care, StoreOrder::Defrag)))
        .route("/v1/store/disarm", post(|care: OfCare| order(care, StoreOrder::Disarm)))
        .route("/v1/store/restore", get(status).post(begin))
        .route(DATA, put(take).layer(DefaultBodyLimit::max(MAX_PIECE_BYTES)))
        .layer(from_fn(guard))
}

async fn kept() -> Answer<KeptSnapshots> {
    Ok(Json(KeptSnapshots { snapshots: blocking(store::list).await? }))
}

async fn order(State(care): OfCare, order: StoreOrder) -> Answer<StoreCare> {
    eprintln!("noded: an operator orders to {order:?} the store");
    Ok(Json(blocking(move || Ok(care.begin(order))).await??))
}

async fn snapshot(
    State(node): OfNode,
    query: Result<Query<SnapshotQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(SnapshotQuery { kept }) = query.map_err(|e| Failure::bad_request(e.body_text()))?;
    eprintln!("noded: an operator asks for a snapshot of the store");
    if let Some(name) = kept {
        let pieces = blocking(move || store::open(&name)?.map(store::stream).transpose()).await?;
        let none = || {
            Failure::new(StatusCode::NOT_FOUND, "the node has kept no snapshot of that name")
                .hint("`ironhull node ADDRESS etcd kept` lists them")
        };
        return streamed(pieces.ok_or_else(none)?);
    }
    match blocking(move || store::snapshot(&node)).await? {
        Ok(pieces) => streamed(pieces),
        Err(why) => Err(Failure::new(StatusCode::CONFLICT, why)
            .hint("`ironhull node ADDRESS logs etcd` shows what the store says")),
    }
}

fn streamed(pieces: Receiver<Bytes>) -> Result<Response, Failure> {
    let answer = Response::builder().header(header::CONTENT_TYPE, "application/octet-stream");
    answer.body(Body::new(Pieces(pieces))).map_err(|e| anyhow::Error::from(e).into())
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
