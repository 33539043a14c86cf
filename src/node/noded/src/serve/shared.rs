//! Shared by the routes: state, response format, and calls that block.

use std::sync::Arc;
use std::time::Duration;

use api::Done;
use axum::Json;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use control::ShutdownKind;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::error::Failure;
use super::partitions::Damaged;
use crate::followers::Followers;
use crate::init::Init;
use crate::node::Node;
use crate::store::{Care, Restorer};
use crate::upgrade::Upgrader;

/// Between the answer to a reboot or shutdown and its beginning.
const LEAVE_DELAY: Duration = Duration::from_millis(300);

/// What is served. A handler takes the part that it needs.
#[derive(Clone, Debug)]
pub struct Served {
    /// The node.
    pub node: Arc<Node>,
    /// Its upgrade, if there is one.
    pub upgrader: Arc<Upgrader>,
    /// The restore of its store, if there is one.
    pub restorer: Arc<Restorer>,
    /// The care of its store.
    pub care: Arc<Care>,
}

impl FromRef<Served> for Arc<Node> {
    fn from_ref(served: &Served) -> Arc<Node> {
        Arc::clone(&served.node)
    }
}

impl FromRef<Served> for Arc<Upgrader> {
    fn from_ref(served: &Served) -> Arc<Upgrader> {
        Arc::clone(&served.upgrader)
    }
}

impl FromRef<Served> for Arc<Restorer> {
    fn from_ref(served: &Served) -> Arc<Restorer> {
        Arc::clone(&served.restorer)
    }
}

impl FromRef<Served> for Arc<Care> {
    fn from_ref(served: &Served) -> Arc<Care> {
        Arc::clone(&served.care)
    }
}

impl FromRef<Served> for Damaged {
    fn from_ref(served: &Served) -> Damaged {
        Damaged(Arc::clone(&served.node.partitions))
    }
}

/// Where logs come from.
#[derive(Clone, Debug)]
pub struct LogSource {
    /// The client of `init`.
    pub init: Init,
    /// Those who follow logs.
    pub followers: Followers,
}

impl FromRef<Served> for LogSource {
    fn from_ref(served: &Served) -> LogSource {
        LogSource { init: served.node.init.clone(), followers: served.node.followers.clone() }
    }
}

/// The node, as handlers get it.
pub type OfNode = State<Arc<Node>>;
/// The upgrader, as handlers get it.
pub type OfUpgrader = State<Arc<Upgrader>>;
/// The restorer, as handlers get it.
pub type OfRestorer = State<Arc<Restorer>>;
/// The care of the store, as handlers get it.
pub type OfCare = State<Arc<Care>>;
/// What handlers answer.
pub type Answer<T> = Result<Json<T>, Failure>;

/// Has everything stopped once the answer is on its way: `noded` itself is among what `init` stops.
///
/// # Errors
/// If `init` does not answer: nothing is promised then.
pub async fn leave(init: Init, kind: ShutdownKind) -> Answer<Done> {
    eprintln!("noded: an operator asks for {kind:?}");
    let asked = init.clone();
    blocking(move || asked.status()).await?;
    tokio::spawn(async move {
        sleep(LEAVE_DELAY).await;
        if let Ok(Err(e)) = spawn_blocking(move || init.shutdown(kind)).await {
            eprintln!("noded: asking init for {kind:?}: {e:#}");
        }
    });
    Ok(Json(Done {}))
}

/// Runs what blocks on a thread of its own.
///
/// # Errors
/// Whatever `run` returns, or that its thread ended, as a failure with status 500.
pub async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    match spawn_blocking(run).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the request's thread ended")),
    }
}

/// Checks that the node has a control plane, and so a store and the cluster's authorities.
///
/// # Errors
/// The failure of the request if it has none.
pub fn only_on_a_control_plane(node: &Node) -> Result<(), Failure> {
    match node.duties.control_plane {
        true => Ok(()),
        false => Err(Failure::new(StatusCode::CONFLICT, "this node is a worker, which has no control plane")
            .hint("ask a controller of its cluster")),
    }
}

/// Returns whether `init` has a service of that name. Blocks.
///
/// # Errors
/// If `init` can't be asked.
pub fn known(init: &Init, name: &str) -> anyhow::Result<bool> {
    Ok(init.status()?.services.iter().any(|s| s.name == name))
}

/// Returns the failure of a request about a service that there is none of.
pub fn unknown(name: &str) -> Failure {
    let shown: String = name.chars().take(64).collect();
    Failure::new(StatusCode::NOT_FOUND, format!("service {shown:?} does not exist"))
        .hint("GET /v1/services lists them")
}
