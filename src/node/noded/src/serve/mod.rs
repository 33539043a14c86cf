//! The server of the node API: accepts connections, does TLS, calls the routes.
//!
//! Without a certificate of the operator CA the handshake fails. Every wait and every size is bounded, and connections
//! are counted: handshakes, which anyone may begin, separately from those of operators, so that strangers can't exhaust
//! the operators' share.

mod body;
mod error;
mod logs;
mod routes;
mod shared;
#[cfg(test)]
mod tests;
mod tls;
mod upgrade;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use routes::router;
pub use shared::Served;
pub use tls::server_config;

/// Handshakes at the same time.
const MAX_HANDSHAKES: usize = 16;
/// Connections of operators at the same time.
const MAX_CONNECTIONS: usize = 32;
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
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(handshake) = Arc::clone(&handshakes).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(e) => {
                eprintln!("noded: accepting a connection: {e}");
                sleep(RETRY_PAUSE).await;
                continue;
            }
        };
        let (acceptor, routes, connections) = (acceptor.clone(), routes.clone(), Arc::clone(&connections));
        tokio::spawn(async move {
            let secured = shake_hands(&acceptor, stream).await;
            drop(handshake);
            let Some(secured) = secured else { return };
            // Beyond the bound an operator is sent away at once: the close is better than a silence.
            let Ok(_place) = connections.try_acquire_owned() else { return };
            talk(secured, routes).await;
        });
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
async fn talk(stream: TlsStream<TcpStream>, routes: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .await;
    // Clients leave as they please; only what the node itself did wrong is worth a line.
    if let Err(e) = served
        && e.is_user()
    {
        eprintln!("noded: serving a connection: {e}");
    }
}
