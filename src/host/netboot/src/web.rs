//! The HTTP server: the image and its parts, the script for iPXE, configs.

use std::io::SeekFrom;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::configs::{self, Machine};
use crate::files::Files;
use crate::offer::{CONFIG, SCRIPT, Served};
use crate::range::{Part, part};
use crate::report::{Event, Report};

/// How much of a file is read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// What the routes share.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    pub files: Arc<Files>,
    pub served: Served,
    /// The folder with configs.
    pub configs: Option<PathBuf>,
    pub report: Report,
}

/// Returns the routes.
pub(crate) fn router(web: Web) -> Router {
    Router::new()
        .route(&format!("/{SCRIPT}"), get(script))
        .route(&format!("/{CONFIG}"), get(config))
        .route("/{name}", get(file))
        .with_state(web)
}

type Peer = ConnectInfo<SocketAddr>;

/// What iPXE does: kernel and initrd by themselves, so that machines with BIOS can start them too.
async fn script(State(web): State<Web>) -> String {
    script_text(&web.served, &web.files.cmdline)
}

fn script_text(served: &Served, cmdline: &str) -> String {
    let (kernel, initrd, config) = (served.url("kernel"), served.url("initrd"), served.url(CONFIG));
    format!(
        "#!ipxe\n\
         kernel {kernel} {cmdline} initrd=initrd \
         ironhull.config={config}?mac=${{netX/mac}}&uuid=${{uuid}}&serial=${{serial:uristring}}\n\
         initrd --name initrd {initrd}\n\
         boot\n"
    )
}

/// A machine's config.
async fn config(State(web): State<Web>, ConnectInfo(peer): Peer, Query(machine): Query<Machine>) -> Response {
    let names = machine.names();
    let folder = web.configs.clone();
    let found = tokio::task::spawn_blocking(move || match folder {
        Some(folder) => configs::find(&folder, &machine),
        None => Ok(None),
    });
    let (status, file, bytes) = match found.await {
        Ok(Ok(Some(found))) => (StatusCode::OK, Some(found.path), found.bytes),
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, None, b"there is no config for this machine\n".to_vec()),
        Ok(Err(refused)) => {
            let (path, error) = (refused.path, refused.error.to_string());
            web.report.tell(Event::Unreadable { path, error });
            return (StatusCode::INTERNAL_SERVER_ERROR, "the config can't be read\n").into_response();
        }
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    web.report.tell(Event::Config { client: peer.ip(), file, names });
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], bytes).into_response()
}

/// A file, or the part of it that is asked for.
async fn file(
    State(web): State<Web>,
    ConnectInfo(peer): Peer,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Some((path, bytes)) = web.files.over_http(&name) else {
        let name = name.chars().take(80).collect();
        web.report.tell(Event::Missing { client: peer.ip(), name });
        return (StatusCode::NOT_FOUND, "no such file\n").into_response();
    };
    let length = bytes.end - bytes.start;
    let wanted = part(request.headers().get(RANGE).and_then(|v| v.to_str().ok()), length);
    let (status, wanted) = match wanted {
        Part::All => (StatusCode::OK, 0..length),
        Part::Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Outside => {
            let range = [(CONTENT_RANGE, format!("bytes */{length}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response();
        }
    };
    let mut answer = Response::builder()
        .status(status)
        .header(ACCEPT_RANGES, "bytes")
        .header(
            CONTENT_TYPE,
            if name.ends_with(".efi") { "application/efi" } else { "application/octet-stream" },
        )
        .header(CONTENT_LENGTH, wanted.end - wanted.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{length}", wanted.start, wanted.end - 1);
        answer = answer.header(CONTENT_RANGE, range);
    }
    let body = if request.method() == Method::HEAD {
        Ok(Body::empty())
    } else {
        tell_begin(&web.report, peer.ip(), &name, wanted.start);
        let start = bytes.start + wanted.start;
        opened(path, start, wanted.end - wanted.start).await
    };
    let unreadable = |error: String| {
        web.report.tell(Event::Unreadable { path: path.to_owned(), error });
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    };
    match body {
        Ok(body) => answer.body(body).unwrap_or_else(|e| unreadable(e.to_string())),
        Err(error) => unreadable(error.to_string()),
    }
}

/// Says that a file is being loaded: once, as some firmware asks for it in parts.
fn tell_begin(report: &Report, client: IpAddr, name: &str, start: u64) {
    if start == 0 {
        report.tell(Event::Loads { client, name: name.to_owned() });
    }
}

/// Returns a part of a file as the body of an answer.
async fn opened(path: &std::path::Path, start: u64, bytes: u64) -> std::io::Result<Body> {
    let mut file = File::open(path).await?;
    file.seek(SeekFrom::Start(start)).await?;
    Ok(Body::from_stream(ReaderStream::with_capacity(file.take(bytes), PIECE_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_script_names_everything() {
        let address = Ipv4Addr::new(10, 0, 0, 1);
        let served = Served { address, http_port: 80, ipxe_bios: false, ipxe_uefi: false };
        let text = script_text(&served, "ironhull.root=x quiet");
        assert!(
            text.starts_with("#!ipxe\nkernel http://10.0.0.1:80/kernel ironhull.root=x quiet initrd=initrd ")
        );
        assert!(text.contains(" ironhull.config=http://10.0.0.1:80/config?mac=${netX/mac}&uuid=${uuid}&"));
        assert!(text.ends_with("initrd --name initrd http://10.0.0.1:80/initrd\nboot\n"));
    }
}
