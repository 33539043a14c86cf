//! Answers clients that look for a boot server.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;

use crate::client::Client;
use crate::lend::Lender;
use crate::offer::{Port, Served, answer};
use crate::packet::{Asked, Kind, MAX_BYTES};
use crate::report::Report;

/// Where clients listen.
const CLIENT_PORT: u16 = 68;

/// Answers on one port.
#[derive(Clone, Debug)]
pub(crate) struct Answering {
    pub served: Served,
    pub lender: Option<Arc<Mutex<Lender>>>,
    pub report: Report,
}

impl Answering {
    /// Answers what comes, for ever.
    pub(crate) async fn serve(self, socket: UdpSocket, port: Port) {
        let mut bytes = [0; MAX_BYTES];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut bytes).await else { continue };
            let Some(asked) = Asked::parse(bytes.get(..length).unwrap_or_default()) else { continue };
            if let Some((packet, to)) = self.answer(&asked, port, from) {
                // A lost answer is asked for again.
                drop(socket.send_to(&packet, to).await);
            }
        }
    }

    /// Returns the answer, and where it goes.
    fn answer(&self, asked: &Asked, port: Port, from: SocketAddr) -> Option<(Vec<u8>, SocketAddr)> {
        let client = Client::of(asked)?;
        let lent = self.lender.as_ref().filter(|_| port == Port::Dhcp).and_then(|lender| {
            lender.lock().unwrap_or_else(PoisonError::into_inner).lend(asked, self.served.address)
        });
        if self.lender.is_some() && lent.is_none() && port == Port::Dhcp {
            return None;
        }
        let answer = answer((asked, client), port, &self.served, lent);
        match &answer {
            Some(answer) => self.report.told(asked, client, answer),
            None if asked.kind == Kind::Discover => self.report.has_nothing(asked, client),
            // It asks another server.
            None => {}
        }
        let packet = answer?.encode(asked);
        // A client without an address hears only what goes to all.
        let to = match from {
            SocketAddr::V4(from) if !from.ip().is_unspecified() => from,
            _ => SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT),
        };
        Some((packet, to.into()))
    }
}
