//! The routes of tokens with which machines join.

use api::{
    CreatedToken, DEFAULT_TOKEN_TTL_SECS, Done, MAX_TOKEN_TTL_SECS, MIN_TOKEN_TTL_SECS, TokenList,
    TokenRequest,
};
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use config::Role;
use config::join_token::is_server_url;

use super::error::Failure;
use super::shared::{Answer, OfNode, Served, blocking, only_on_a_control_plane};
use crate::tokens;

/// All routes of tokens.
pub fn router() -> Router<Served> {
    Router::new().route("/v1/tokens", get(list).post(create)).route("/v1/tokens/{id}/revoke", post(revoke))
}

async fn create(
    State(node): OfNode,
    request: Result<Json<TokenRequest>, JsonRejection>,
) -> Answer<CreatedToken> {
    only_on_a_control_plane(&node)?;
    let Json(request) = request.map_err(|e| Failure::bad_request(e.body_text()))?;
    let shown: String = request.role.chars().take(64).collect();
    let role = Role::from_name(&request.role).filter(|r| *r == Role::Worker);
    let role = role.ok_or_else(|| Failure::bad_request(format!("role: expected worker, found {shown:?}")))?;
    let ttl_secs = request.ttl_secs.unwrap_or(DEFAULT_TOKEN_TTL_SECS);
    if !(MIN_TOKEN_TTL_SECS..=MAX_TOKEN_TTL_SECS).contains(&ttl_secs) {
        let error =
            format!("ttlSecs: expected {MIN_TOKEN_TTL_SECS} to {MAX_TOKEN_TTL_SECS}, found {ttl_secs}");
        return Err(Failure::bad_request(error));
    }
    if request.server.as_ref().is_some_and(|server| !is_server_url(server)) {
        return Err(Failure::bad_request("server: expected https://HOST:PORT without a path"));
    }
    Ok(Json(blocking(move || tokens::create(&node, role, request.server, ttl_secs)).await?))
}

async fn list(State(node): OfNode) -> Answer<TokenList> {
    only_on_a_control_plane(&node)?;
    Ok(Json(blocking(move || tokens::list(&node)).await?))
}

async fn revoke(State(node): OfNode, Path(id): Path<String>) -> Answer<Done> {
    only_on_a_control_plane(&node)?;
    let shown: String = id.chars().take(64).collect();
    match blocking(move || tokens::revoke(&node, &id)).await? {
        true => Ok(Json(Done {})),
        false => Err(Failure::new(StatusCode::NOT_FOUND, format!("there is no token {shown:?}"))
            .hint("`ironhull token list` shows those that there are")),
    }
}
