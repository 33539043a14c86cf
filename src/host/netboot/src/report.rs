//! What happens, for whoever watches.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use crate::client::Client;
use crate::packet::{Answer, Asked};

/// A hardware address as it is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A machine was told what to load.
    Told {
        /// The machine.
        mac: Mac,
        /// Who asked.
        client: Client,
        /// What it loads.
        file: String,
        /// The address that it was lent.
        lent: Option<Ipv4Addr>,
    },
    /// A machine asked, and there is nothing for it.
    Nothing {
        /// The machine.
        mac: Mac,
        /// Who asked.
        client: Client,
    },
    /// A client begins to load a file.
    Loads {
        /// The client.
        client: IpAddr,
        /// The file.
        name: String,
    },
    /// A client has all of a file.
    Loaded {
        /// The client.
        client: IpAddr,
        /// The file.
        name: String,
    },
    /// A client asked for a file that is not served.
    Missing {
        /// The client.
        client: IpAddr,
        /// The file.
        name: String,
    },
    /// A machine got a config, or there is none for it.
    Config {
        /// The client.
        client: IpAddr,
        /// The file; `None` if none has the machine's name.
        file: Option<PathBuf>,
        /// The names that a file for it could have.
        names: Vec<String>,
    },
    /// A file that is served can't be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Told { mac, client, file, lent } => {
                write!(f, "{mac} {client}: told to load {file}")?;
                lent.map_or(Ok(()), |address| write!(f, ", lent {address}"))
            }
            Event::Nothing { mac, client } => {
                write!(f, "{mac} {client}: there is nothing for it (Debian's package ipxe has what it needs)")
            }
            Event::Loads { client, name } => write!(f, "{client} loads {name}"),
            Event::Loaded { client, name } => write!(f, "{client} has loaded {name}"),
            Event::Missing { client, name } => write!(f, "{client} asked for {name:?}, which is not served"),
            Event::Config { client, file: Some(file), .. } => write!(f, "{client} got {}", file.display()),
            Event::Config { client, file: None, names } => {
                write!(f, "{client} asked for a config; there is no {}", names.join(", "))
            }
            Event::Unreadable { path, error } => write!(f, "reading {}: {error}", path.display()),
        }
    }
}

/// Takes events.
#[derive(Clone)]
pub(crate) struct Report(Arc<dyn Fn(&Event) + Send + Sync>);

impl Report {
    pub(crate) fn to(taker: impl Fn(&Event) + Send + Sync + 'static) -> Report {
        Report(Arc::new(taker))
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.0)(&event);
    }

    /// Says what a machine was told.
    pub(crate) fn told(&self, asked: &Asked, client: Client, answer: &Answer) {
        let file = answer.file.clone().unwrap_or_default();
        let lent = (!answer.lent.is_unspecified()).then_some(answer.lent);
        self.tell(Event::Told { mac: Mac(asked.mac()), client, file, lent });
    }

    /// Says that there is nothing for a machine.
    pub(crate) fn has_nothing(&self, asked: &Asked, client: Client) {
        self.tell(Event::Nothing { mac: Mac(asked.mac()), client });
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}
