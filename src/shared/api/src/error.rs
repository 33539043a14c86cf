//! Why a request to a node failed, in terms that tell the operator which side to look at.

use std::io;

use rustls::{AlertDescription, CertificateError};

/// Why a request failed. `address` is the one that the client was given.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is malformed.
    #[error("node address {0:?}: expected HOST or HOST:PORT")]
    Address(String),
    /// The operator's credentials can't be used.
    #[error("reading operator credentials: {0}")]
    Credentials(String),
    /// Nothing listens there.
    #[error("connecting to {address}: connection refused, nothing listens there")]
    Refused {
        /// Where.
        address: String,
    },
    /// The name does not resolve, or the network does not reach the address.
    #[error("connecting to {address}: {cause}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// No answer in time.
    #[error("calling {address}: timed out ({waiting_for})")]
    Timeout {
        /// Where.
        address: String,
        /// Which step took too long.
        waiting_for: String,
    },
    /// The server's certificate is not that of a node of this operator.
    #[error("calling {address}: its certificate is not trusted: {cause}")]
    Untrusted {
        /// Where.
        address: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The server rejected our certificate.
    #[error("calling {address}: it rejected our certificate: {cause}")]
    Denied {
        /// Where.
        address: String,
        /// Its alert.
        cause: String,
    },
    /// The connection ended before the response was complete.
    #[error("calling {address}: connection lost: {cause}")]
    Lost {
        /// Where.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// The response is not that of a node.
    #[error("calling {address}: malformed response: {cause}")]
    Malformed {
        /// Where.
        address: String,
        /// Why.
        cause: String,
    },
    /// The node refused the request.
    #[error("{address} answered {status}: {error}")]
    Node {
        /// Where.
        address: String,
        /// HTTP status, 400 or more.
        status: u16,
        /// Its reason.
        error: String,
        /// Its remedy.
        hint: Option<String>,
    },
}

impl ClientError {
    /// Returns what the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            ClientError::Refused { .. } => "is the node up, and the port of its node API forwarded?",
            ClientError::Timeout { .. } => "the node may still be starting; try again",
            ClientError::Untrusted { .. } => "these credentials may belong to another node or cluster",
            ClientError::Denied { .. } => {
                "the node takes only certificates under the operator CA of its config"
            }
            ClientError::Lost { .. } => {
                "the node may be restarting, or it closed the connection on our certificate"
            }
            ClientError::Node { hint, .. } => return hint.clone(),
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Sorts what `ureq` reports.
    pub(crate) fn from_ureq(address: &str, error: ureq::Error) -> ClientError {
        let address = address.to_owned();
        match error {
            ureq::Error::Timeout(at) => ClientError::Timeout { address, waiting_for: at.to_string() },
            ureq::Error::Rustls(e) => from_tls(address, &e),
            ureq::Error::Io(e) => from_io(address, &e),
            ureq::Error::HostNotFound => {
                ClientError::Unreachable { address, cause: "host name not found".into() }
            }
            ureq::Error::ConnectionFailed => {
                ClientError::Unreachable { address, cause: "no address answers".into() }
            }
            other => ClientError::Malformed { address, cause: other.to_string() },
        }
    }
}

/// Sorts an I/O error, which may hide one of TLS.
fn from_io(address: String, error: &io::Error) -> ClientError {
    if let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        return from_tls(address, tls);
    }
    // ureq hides its own error in an I/O error while a body is read.
    if let Some(ureq::Error::Timeout(at)) = error.get_ref().and_then(|e| e.downcast_ref()) {
        return ClientError::Timeout { address, waiting_for: at.to_string() };
    }
    let cause = error.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ClientError::Refused { address },
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            ClientError::Timeout { address, waiting_for: "network".into() }
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => ClientError::Lost { address, cause },
        _ => ClientError::Unreachable { address, cause },
    }
}

/// Sorts an error of TLS: whose certificate was it?
fn from_tls(address: String, error: &rustls::Error) -> ClientError {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            let cause = match why {
                CertificateError::UnknownIssuer => "it is not under our operator CA".to_owned(),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    format!("it does not carry the name {}", crate::SERVER_NAME)
                }
                other => other.to_string(),
            };
            ClientError::Untrusted { address, cause }
        }
        rustls::Error::AlertReceived(alert) if is_about_certificate(*alert) => {
            ClientError::Denied { address, cause: format!("alert {alert:?}") }
        }
        other => ClientError::Malformed { address, cause: other.to_string() },
    }
}

/// Tells whether an alert is about the certificate we showed.
fn is_about_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::CertificateRequired
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::DecryptError
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whose_certificate_is_wrong() {
        let sort = |e: rustls::Error| from_tls("n".into(), &e);
        let untrusted = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert!(matches!(sort(untrusted), ClientError::Untrusted { .. }));
        let denied = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        assert!(matches!(sort(denied), ClientError::Denied { .. }));
        let other = rustls::Error::AlertReceived(AlertDescription::InternalError);
        assert!(matches!(sort(other), ClientError::Malformed { .. }));
    }

    #[test]
    fn finds_the_tls_error_inside_an_io_error() {
        let tls = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
        let io = io::Error::new(io::ErrorKind::InvalidData, tls);
        assert!(matches!(ClientError::from_ureq("n", ureq::Error::Io(io)), ClientError::Denied { .. }));
    }
}
