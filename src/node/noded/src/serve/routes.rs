//! The routes. Each requires the operator's certificate, which the TLS handshake has already checked.

use std::sync::Arc;
use std::time::Duration;

use api::{
    BootOnceRequest, DEFAULT_TTL_SECS, Done, Kubeconfig, KubeconfigRequest, MAX_CONFIG_BYTES,
    MAX_PIECE_BYTES, MAX_REQUEST_BYTES, MAX_TTL_SECS, MIN_TTL_SECS, Service, ServiceList, SignalRequest,
    Status, UpgradeStage,
};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use config::join_token::is_server_url;
use control::{BootOrder, ShutdownKind};
use slots::Slot;
use tokio::time::timeout;

use super::error::Failure;
use super::shared::{Answer, OfNode, Served, blocking, known, leave, only_on_a_control_plane, unknown};
use super::{logs, maintenance, partitions, state, store, time, tokens, upgrade};
use crate::{convert, issue, memory, scrub};

/// Longest time until an answer begins, reading the request's body included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// All routes.
pub fn router(served: Served) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/services", get(services))
        .route("/v1/services/{name}/restart", post(restart))
        .route("/v1/services/{name}/signal", post(signal))
        .route("/v1/logs", get(logs::logs))
        .route("/v1/kubeconfig", post(kubeconfig))
        .route("/v1/boot/rollback", post(|node: OfNode| order_boot(node, BootOrder::Rollback)))
        .route("/v1/boot/cancel", post(|node: OfNode| order_boot(node, BootOrder::Cancel)))
        .route("/v1/boot/once", post(boot_once))
        .route("/v1/scrub", post(scrub))
        .route("/v1/reboot", post(|State(node): OfNode| leave(node.init.clone(), ShutdownKind::Reboot)))
        .route("/v1/shutdown", post(|State(node): OfNode| leave(node.init.clone(), ShutdownKind::PowerOff)))
        .merge(partitions::router("/v1/partitions"))
        .merge(time::router())
        .merge(tokens::router())
        .merge(state::router())
        .merge(store::router(&served.node))
        .merge(upgrade::router())
        .fallback(|| async { Failure::new(StatusCode::NOT_FOUND, "no such route") })
        .method_not_allowed_fallback(|| async {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this route has another method")
        })
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .layer(from_fn(in_bounds))
        .with_state(served)
}

/// Bounds the time until an answer begins, and refuses a body that is too long before it is read.
pub(super) async fn in_bounds(request: Request, next: Next) -> Result<Response, Failure> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    let most = match request.uri().path() {
        upgrade::DATA | store::DATA => MAX_PIECE_BYTES,
        maintenance::CONFIG => MAX_CONFIG_BYTES,
        _ => MAX_REQUEST_BYTES,
    };
    if length.and_then(|l| l.parse::<u64>().ok()).is_some_and(|l| l > most as u64) {
        let error = format!("body is longer than {most} bytes");
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, error));
    }
    // The first byte comes when the store was copied.
    let limit = if request.uri().path() == store::SNAPSHOT { api::SNAPSHOT_PATIENCE } else { ANSWER_TIMEOUT };
    timeout(limit, next.run(request))
        .await
        .map_err(|_| Failure::new(StatusCode::GATEWAY_TIMEOUT, "the node timed out"))
}

async fn status(State(Served { node, upgrader, .. }): State<Served>) -> Answer<Status> {
    let (of_init, state) = {
        let node = Arc::clone(&node);
        blocking(move || {
            let of_init = node.init.status()?;
            let state = crate::state::describe(&node, of_init.boot.as_ref());
            Ok((of_init, state))
        })
        .await?
    };
    let mut status = Status {
        state,
        stages: of_init.stages.into_iter().map(convert::stage).collect(),
        uptime_ms: of_init.uptime_ms,
        memory: memory::load(),
        boot: of_init.boot.map(convert::boot),
        upgrade: Some(upgrader.status()).filter(|u| u.stage != UpgradeStage::None),
        ..Status::default()
    };
    node.describe(&mut status);
    Ok(Json(status))
}

async fn services(State(node): OfNode) -> Answer<ServiceList> {
    let status = blocking(move || node.init.status_with_usage()).await?;
    let services: Vec<Service> = status.services.into_iter().map(convert::service).collect();
    Ok(Json(ServiceList { services }))
}

async fn restart(State(node): OfNode, Path(name): Path<String>) -> Answer<Done> {
    blocking(move || match known(&node.init, &name)? {
        true => node.init.restart(&name).map(|()| Ok(Json(Done {}))),
        false => Ok(Err(unknown(&name))),
    })
    .await?
}

async fn signal(
    State(node): OfNode,
    Path(name): Path<String>,
    request: Result<Json<SignalRequest>, JsonRejection>,
) -> Answer<Done> {
    let Json(SignalRequest { signal }) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    if !(1..=64).contains(&signal) {
        return Err(Failure::bad_request(format!("signal: expected 1 to 64, found {signal}")));
    }
    blocking(move || match known(&node.init, &name)? {
        true => node.init.signal(&name, signal).map(|()| Ok(Json(Done {}))),
        false => Ok(Err(unknown(&name))),
    })
    .await?
}

async fn scrub(State(node): OfNode) -> Answer<Done> {
    eprintln!("noded: an operator asks for a scrub");
    blocking(move || scrub::begin(&node)).await?;
    Ok(Json(Done {}))
}

async fn kubeconfig(
    State(node): OfNode,
    request: Result<Json<KubeconfigRequest>, JsonRejection>,
) -> Answer<Kubeconfig> {
    only_on_a_control_plane(&node)?;
    let Json(request) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    let ttl_secs = request.ttl_secs.unwrap_or(DEFAULT_TTL_SECS);
    if !(MIN_TTL_SECS..=MAX_TTL_SECS).contains(&ttl_secs) {
        let error = format!("ttlSecs: expected {MIN_TTL_SECS} to {MAX_TTL_SECS}, found {ttl_secs}");
        return Err(Failure::bad_request(error));
    }
    if let Some(server) = &request.server
        && !is_server_url(server)
    {
        return Err(Failure::bad_request("server: expected https://HOST:PORT without a path"));
    }
    match blocking(move || issue::kubeconfig(&node, request.server, ttl_secs)).await? {
        Some(kubeconfig) => Ok(Json(kubeconfig)),
        None => Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the cluster has no certificates yet")
            .hint("the node is still starting: try again")),
    }
}

async fn boot_once(node: OfNode, request: Result<Json<BootOnceRequest>, JsonRejection>) -> Answer<Done> {
    let Json(BootOnceRequest { slot }) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    let slot = match slot.as_deref().map(|name| Slot::from_name(name).ok_or(name)).transpose() {
        Ok(slot) => slot,
        Err(name) => {
            let error = format!("there is no slot {name:?}");
            return Err(Failure::new(StatusCode::CONFLICT, error).hint("the slots are a and b"));
        }
    };
    order_boot(node, BootOrder::BootOnce { slot }).await
}

/// Hands an order about the next boot to `init`, whose record it is.
async fn order_boot(State(node): OfNode, order: BootOrder) -> Answer<Done> {
    eprintln!("noded: an operator asks for {order:?}");
    match blocking(move || node.init.boot(order)).await? {
        Ok(()) => Ok(Json(Done {})),
        Err(refused) => Err(Failure::new(StatusCode::CONFLICT, refused.message).hint(&refused.hint)),
    }
}
