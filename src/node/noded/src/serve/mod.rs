//! The server of the node API: accepts connections, does TLS, calls the routes.
//!
//! Without a certificate of the operator CA the handshake fails. Every wait and every size is bounded. A connection is
//! always accepted, and if there are too many another one goes ([`guests`]), so that connections which only stand
//! there, wherever they come from, can't keep an operator out.

mod body;
mod error;
mod guests;
mod logs;
mod place;
mod routes;
mod shared;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod time;
mod tls;
mod upgrade;

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use guests::Stage;
use place::{Answering, Place, Places};

pub use routes::router;
pub use shared::Served;
pub use tls::server_config;

/// Longest time of a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a request's head, so also for the next request on an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest head of a request.
const MAX_HEAD_BYTES: usize = 16 << 10;
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

/// Serves forever.
pub async fn serve(listener: TcpListener, tls: Arc<rustls::ServerConfig>, routes: Router) {
    let acceptor = TlsAcceptor::from(tls);
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
        let (acceptor, routes) = (acceptor.clone(), routes.clone());
        tokio::spawn(async move { unless(leave, attend(&acceptor, stream, place, routes)).await });
    }
}

/// Waits for `work` to end, and drops it if `leave` ends before.
async fn unless(leave: impl Future, work: impl Future<Output = ()>) {
    let (mut leave, mut work) = (pin!(leave), pin!(work));
    poll_fn(|context| match leave.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => work.as_mut().poll(context),
    })
    .await;
}

/// Serves one connection, from the handshake to its end.
async fn attend(acceptor: &TlsAcceptor, stream: TcpStream, place: Place, routes: Router) {
    let Some(secured) = shake_hands(acceptor, stream).await else { return };
    // If all places are in use the operator is sent away at once: the close is better than a silence.
    if place.know() {
        talk(secured, Arc::new(place), routes).await;
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
async fn talk(stream: TlsStream<TcpStream>, place: Arc<Place>, routes: Router) {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |request| {
        place.set(Stage::Busy);
        let (answer, place) = (routes.call(request), Arc::clone(&place));
        async move {
            let answer = answer.await?;
            if answer.extensions().get::<logs::Endless>().is_some() {
                place.set(Stage::Following);
            }
            Ok::<_, Infallible>(answer.map(|body| Answering { body, place }))
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
