//! Errors of requests, as the client sees them.

use api::ErrorBody;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Why a request failed.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    body: ErrorBody,
}

impl Failure {
    /// A failure with the reason `error`.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Failure {
        Failure { status, body: ErrorBody { error: error.into(), hint: None, details: None } }
    }

    /// The request can't be carried out as it is.
    pub fn bad_request(error: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, error)
    }

    /// Adds a remedy.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Failure {
        self.body.hint = Some(hint.to_owned());
        self
    }

    /// Adds what is wrong in full, a text of several lines.
    #[must_use]
    pub fn details(mut self, details: String) -> Failure {
        self.body.details = Some(details);
        self
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
