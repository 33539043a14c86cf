//! The routes of maintenance. They exist only while the node waits for its config; each request has brought the secret
//! of the pairing code, which is checked before it is routed.

use std::sync::Arc;

use api::{
    DiskList, Done, InstallOrder, Installation, LinkList, MAX_CONFIG_BYTES, PAIRING_SCHEME, PairingSecret,
};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::header::{AUTHORIZATION, CONNECTION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use config::DiskSelector;
use control::ShutdownKind;

use super::error::Failure;
use super::partitions::Damaged;
use super::routes::in_bounds;
use super::shared::{Answer, LogSource, blocking, leave};
use super::{logs, partitions};
use crate::convert;
use crate::maintenance::{Maintenance, NotInstalled, NotTaken, Overwrite, Wanted, disks};

/// Where the config goes.
pub const CONFIG: &str = "/v1/maintenance/config";

/// The ways to leave.
const REBOOT: &str = "/v1/maintenance/reboot";
const SHUTDOWN: &str = "/v1/maintenance/shutdown";
/// Where an installation is ordered and followed.
pub const INSTALL: &str = "/v1/maintenance/install";

type OfMaintenance = State<Arc<Maintenance>>;

impl FromRef<Arc<Maintenance>> for LogSource {
    fn from_ref(of: &Arc<Maintenance>) -> LogSource {
        LogSource { init: of.init.clone(), followers: of.followers.clone() }
    }
}

impl FromRef<Arc<Maintenance>> for Damaged {
    fn from_ref(of: &Arc<Maintenance>) -> Damaged {
        Damaged(Arc::clone(&of.partitions))
    }
}

/// Why a request is not routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It has no secret, or not the right one.
    WrongCode,
    /// All places of operators are in use.
    NoRoom,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let failure = match self {
            Refused::WrongCode => {
                Failure::new(StatusCode::UNAUTHORIZED, "the pairing code is not the right one")
                    .hint("the node shows it on its console, and a new one after many wrong ones")
            }
            Refused::NoRoom => {
                Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too many connections are in use")
            }
        };
        let mut response = failure.into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// Returns the secret that a request brings; `None` if it brings none, or something else.
pub(super) fn secret(headers: &HeaderMap) -> Option<PairingSecret> {
    let (scheme, secret) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case(PAIRING_SCHEME) { secret.parse().ok() } else { None }
}

/// All routes.
pub fn router(of: Arc<Maintenance>) -> Router {
    Router::new()
        .route("/v1/maintenance", get(status))
        .route("/v1/maintenance/links", get(links))
        .route("/v1/maintenance/disks", get(|| async { blocking(list_disks).await.map(Json) }))
        .route("/v1/maintenance/logs", get(logs::logs))
        .route(CONFIG, post(apply))
        .route(REBOOT, post(|State(of): OfMaintenance| leave(of.init.clone(), ShutdownKind::Reboot)))
        .route(SHUTDOWN, post(|State(of): OfMaintenance| leave(of.init.clone(), ShutdownKind::PowerOff)))
        .merge(partitions::router("/v1/maintenance/partitions"))
        .route(INSTALL, get(installation).post(install))
        .fallback(|| async {
            Failure::new(StatusCode::NOT_FOUND, "no such route")
                .hint("the node is in maintenance: it has no config")
        })
        .method_not_allowed_fallback(|| async {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this route has another method")
        })
        .layer(DefaultBodyLimit::max(MAX_CONFIG_BYTES))
        .layer(from_fn(in_bounds))
        .with_state(of)
}

async fn status(State(of): OfMaintenance) -> Answer<api::Maintenance> {
    let asked = Arc::clone(&of);
    let of_init = blocking(move || asked.init.status()).await?;
    let mut status = of.describe();
    status.stages = of_init.stages.into_iter().map(convert::stage).collect();
    status.uptime_ms = of_init.uptime_ms;
    status.boot = of_init.boot.map(convert::boot);
    Ok(Json(status))
}

async fn links() -> Answer<LinkList> {
    let surveyed = blocking(|| Ok(net::survey()?)).await?;
    let link = |(link, addresses): (net::Link, Vec<config::Cidr>)| api::Link {
        name: link.name,
        hardware_address: link
            .hardware_address
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<Vec<_>>()
            .join(":"),
        carrier: link.carrier,
        mtu: link.mtu,
        addresses: addresses.iter().map(ToString::to_string).collect(),
    };
    Ok(Json(LinkList { links: surveyed.into_iter().map(link).collect() }))
}

fn list_disks() -> anyhow::Result<DiskList> {
    Ok(DiskList { disks: disks::list(std::path::Path::new("/"))? })
}

impl From<NotTaken> for Failure {
    fn from(not_taken: NotTaken) -> Failure {
        match not_taken {
            NotTaken::Invalid(details) => {
                Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "the config can't be used").details(details)
            }
            NotTaken::Decided => Failure::new(StatusCode::CONFLICT, "the node has got a config meanwhile"),
            NotTaken::Unkept(error) => Failure::new(StatusCode::CONFLICT, error)
                .hint("`ironhull node ADDRESS state --code CODE` shows what can be done"),
            NotTaken::NotInstalled(not) => not.into(),
        }
    }
}

/// Takes the config; maintenance ends once the answer is on its way.
async fn apply(State(of): OfMaintenance, text: Result<Bytes, BytesRejection>) -> Answer<Done> {
    let text = text.map_err(|e| Failure::new(e.status(), e.body_text()))?;
    eprintln!("noded: an operator gives the node its config");
    blocking(move || Ok(of.take(&text))).await??;
    Ok(Json(Done {}))
}

async fn installation(State(of): OfMaintenance) -> Json<Installation> {
    Json(of.installer.status())
}

/// Begins an installation.
async fn install(
    State(of): OfMaintenance,
    order: Result<Json<InstallOrder>, JsonRejection>,
) -> Answer<Installation> {
    let Json(order) = order.map_err(|e| Failure::new(e.status(), e.body_text()))?;
    eprintln!("noded: an operator orders an installation");
    let mut disk = DiskSelector::default();
    for (key, value) in &order.disk {
        disk.set(key, value).map_err(|e| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, e))?;
    }
    let overwrite = if order.wipe { Overwrite::Anything } else { Overwrite::Nothing };
    let started = blocking(move || {
        let config = match order.config {
            None => None,
            Some(text) => match of.accept(text.as_bytes()) {
                Ok(accepted) => accepted.given,
                Err(invalid) => return Ok(Err(Failure::from(invalid))),
            },
        };
        let wanted = Wanted { disk, overwrite, config };
        Ok(of.installer.start(&wanted).map_err(Failure::from))
    });
    started.await?.map(Json)
}

impl From<NotInstalled> for Failure {
    fn from(not: NotInstalled) -> Failure {
        let failure = |status, what: &str| Failure::new(status, what);
        match not {
            NotInstalled::NotNow(text) => failure(StatusCode::CONFLICT, &text),
            NotInstalled::NoDisk(text) => {
                let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
                let failure = failure(StatusCode::UNPROCESSABLE_ENTITY, first);
                if rest.is_empty() { failure } else { failure.details(rest.to_owned()) }
            }
            NotInstalled::Holds(text) | NotInstalled::Installed(text) => {
                failure(StatusCode::CONFLICT, &text).hint("everything on the disk is lost with --wipe")
            }
            NotInstalled::Failed(text) => failure(StatusCode::INTERNAL_SERVER_ERROR, &text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_in_a_header_of_its_scheme() {
        let of = |value: &str| {
            secret(&[(AUTHORIZATION, HeaderValue::from_str(value).unwrap())].into_iter().collect())
        };
        assert_eq!(of("Pairing 000500ZZ"), Some("000500ZZ".parse().unwrap()));
        assert_eq!(of("pairing 0005-00zz"), of("Pairing 000500ZZ"));
        for bad in ["", "Pairing", "Pairing ", "Basic 000500ZZ", "Pairing 000500Z", "Pairing 000500ZZZ"] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(secret(&HeaderMap::new()), None);
    }
}
