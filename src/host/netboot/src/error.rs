//! Why there is no server.

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image can't be served.
    #[error("reading {} as an image for network boot: {what}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The interface can't be used.
    #[error("interface {name}: {what}")]
    Interface {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The addresses to lend are not usable.
    #[error("--dhcp {first}-{last}: {what}")]
    Range {
        /// The first one.
        first: Ipv4Addr,
        /// The last one.
        last: Ipv4Addr,
        /// What is wrong.
        what: String,
    },
    /// A port can't be used.
    #[error("listening on {protocol} port {port}: {source}")]
    Listen {
        /// `udp` or `tcp`.
        protocol: &'static str,
        /// The port.
        port: u16,
        /// The cause.
        source: std::io::Error,
    },
    /// There can be no server.
    #[error("starting the server: {0}")]
    Runtime(std::io::Error),
}
