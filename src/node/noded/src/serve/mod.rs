//! The server of the node API: accepts connections, does TLS, calls the routes.
//!
//! Without a certificate of the operator CA the handshake fails; in maintenance, where there is no such CA, each request
//! needs the secret of the pairing code instead ([`Admission`]). Every wait and every size is bounded. A connection is
//! always accepted, and if there are too many another one goes ([`guests`]), so that connections which only stand
//! there, wherever they come from, can't keep an operator out.

mod body;
mod error;
mod guests;
mod logs;
mod maintenance;
mod partitions;
mod place;
mod routes;
mod shared;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod time;
mod tls;
mod tokens;
mod upgrade;

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use guests::Stage;
use place::{Answering, Place, Places};

use crate::maintenance::Door;
use crate::thread::STACK_BYTES;

pub use maintenance::router as maintenance_router;
pub use routes::router;
pub use shared::Served;
pub use tls::{certificates, maintenance_config, server_config};

/// Longest time of a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a request's head, so also for the next request on an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest head of a request.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// Maximum number of threads for requests that block.
const MAX_BLOCKING_THREADS: usize = 4;
/// Pause after a failed accept or bind.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Listens on every address, IPv6 and IPv4 where the kernel has both. Tries until it succeeds.
pub async fn listen(port: u16) -> TcpListener {
    loop {
        let any6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let any4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        match TcpListener::bind([any6, any4].as_slice()).await {
            Ok(listener) => return listener,
            Err(e) => eprintln!("noded: listening on port {port}: {e}"),
        }
        sleep(RETRY_PAUSE).await;
    }
}

/// Who is let in.
#[derive(Clone, Debug)]
pub enum Admission {
    /// Whoever has made TLS, since that needs a certificate of the operator CA.
    Certificate,
    /// Whoever sends the secret of the pairing code with each request.
    Code(Arc<Door>),
}

/// What is served, and to whom.
#[derive(Clone, Debug)]
pub struct Service {
    /// TLS.
    pub tls: Arc<rustls::ServerConfig>,
    /// Who is let in.
    pub admission: Admission,
    /// What there is.
    pub routes: Router,
}

/// Makes the runtime of a server: one thread, and a few for what blocks.
///
/// # Errors
/// If the kernel has no descriptors left.
pub fn runtime() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_stack_size(STACK_BYTES)
        .thread_keep_alive(Duration::from_secs(1))
        .build()
        .context("starting the API's runtime")
}

/// Serves forever.
pub async fn serve(listener: TcpListener, service: Service) {
    let acceptor = TlsAcceptor::from(Arc::clone(&service.tls));
    let places = Places::new();
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(e) => {
                eprintln!("noded: accepting a connection: {e}");
                // As a rule no descriptor is left.
                places.remove_stranger();
                sleep(RETRY_PAUSE).await;
                continue;
            }
        };
        let (place, leave) = places.enter(address.ip());
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move { unless(leave, attend(&acceptor, stream, place, service)).await });
    }
}

/// Waits for `work` to end, and drops it if `leave` ends before.
pub async fn unless(leave: impl Future, work: impl Future<Output = ()>) {
    let (mut leave, mut work) = (pin!(leave), pin!(work));
    poll_fn(|context| match leave.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => work.as_mut().poll(context),
    })
    .await;
}

/// Serves one connection, from the handshake to its end.
async fn attend(acceptor: &TlsAcceptor, stream: TcpStream, place: Place, service: Service) {
    let Some(secured) = shake_hands(acceptor, stream).await else { return };
    let may_talk = match service.admission {
        // If all places are in use the operator is sent away at once: the close is better than a silence.
        Admission::Certificate => place.know(),
        // A stranger until the first request.
        Admission::Code(_) => true,
    };
    if may_talk {
        talk(secured, Arc::new(place), service).await;
    }
}

/// Makes TLS in bounded time.
async fn shake_hands(acceptor: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    // Small answers should not wait for more to send; without it they are only slower.
    let _ = stream.set_nodelay(true);
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream).into_fallible()).await {
        Ok(Ok(secured)) => Some(secured),
        Ok(Err((_, stream))) => {
            let_go(stream).await;
            None
        }
        Err(_) => None,
    }
}

/// Closes so that the alert, which says why, arrives: closing with unread data would reset the
/// connection, and the client could lose what was sent before.
async fn let_go(mut stream: TcpStream) {
    let drain = async {
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // The client is a stranger: whether it listens is not our concern.
    let _ = timeout(Duration::from_secs(1), drain).await;
}

/// Serves one connection until it ends.
async fn talk(stream: TlsStream<TcpStream>, place: Arc<Place>, service: Service) {
    let routes = TowerToHyperService::new(service.routes);
    let admitted = Arc::new(AtomicBool::new(matches!(service.admission, Admission::Certificate)));
    let service = service_fn(move |request: Request<Incoming>| {
        let (routes, place, admitted) = (routes.clone(), Arc::clone(&place), Arc::clone(&admitted));
        let admission = service.admission.clone();
        async move {
            if let Admission::Code(door) = &admission
                && let Err(refused) = admit(door, &request, &place, &admitted).await
            {
                return Ok(refused.into_response().map(|body| Answering { body, place: None }));
            }
            place.set(Stage::Busy);
            let answer: Response<Body> = routes.call(request).await?;
            if answer.extensions().get::<logs::Endless>().is_some() {
                place.set(Stage::Following);
            }
            Ok::<_, Infallible>(answer.map(|body| Answering { body, place: Some(place) }))
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // Clients leave as they please; only what the node itself did wrong is worth a line.
    if let Err(e) = served
        && e.is_user()
    {
        eprintln!("noded: serving a connection: {e}");
    }
}

/// Lets a request in whose secret is right; the first one makes its connection an operator's.
async fn admit(
    door: &Door,
    request: &Request<Incoming>,
    place: &Place,
    admitted: &AtomicBool,
) -> Result<(), maintenance::Refused> {
    if !door.admits(place.source, maintenance::secret(request.headers())).await {
        return Err(maintenance::Refused::WrongCode);
    }
    if !admitted.swap(true, Ordering::Relaxed) && !place.know() {
        return Err(maintenance::Refused::NoRoom);
    }
    Ok(())
}
