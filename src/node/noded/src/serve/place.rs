//! The place of one connection among all: what it does now, and the order to leave.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;

use super::guests::{Guests, Stage, source};

/// All places. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Mutex<Guests<oneshot::Sender<()>>>>);

/// A connection's place, which it gives back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// Where the connection comes from.
    pub(super) source: IpAddr,
    id: u64,
    places: Places,
}

impl Places {
    /// All places are free.
    pub(super) fn new() -> Places {
        Places(Arc::new(Mutex::new(Guests::new())))
    }

    /// Gives a new connection a place; the receiver ends when it has to leave.
    pub(super) fn enter(&self, address: IpAddr) -> (Place, oneshot::Receiver<()>) {
        let (handle, leave) = oneshot::channel();
        let id = self.lock().enter(address, handle, sys::boot_ms());
        (Place { source: source(address), id, places: self.clone() }, leave)
    }

    /// Has one stranger leave.
    pub(super) fn remove_stranger(&self) {
        self.lock().remove_stranger();
    }

    fn lock(&self) -> MutexGuard<'_, Guests<oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes that the connection is one of an operator; false if there is no room for it.
    pub(super) fn know(&self) -> bool {
        self.places.lock().know(self.id, sys::boot_ms())
    }

    /// Notes what the connection does now.
    pub(super) fn set(&self, stage: Stage) {
        self.places.lock().set(self.id, stage, sys::boot_ms());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.id);
    }
}

/// The body of an answer; the connection is idle again when it has been sent.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) body: Body,
    /// `None` for a stranger, who stays one.
    pub(super) place: Option<Arc<Place>>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            place.set(Stage::Idle);
        }
    }
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
