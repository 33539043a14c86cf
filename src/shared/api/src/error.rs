//! Why a request to a node failed, so that the operator knows which side to look at.

use std::io;

use rustls::{AlertDescription, CertificateError};

/// Why a request failed. `address` is the one given to the client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is malformed.
    #[error("node address {0:?}: expected HOST or HOST:PORT")]
    Address(String),
    /// The operator's credentials can't be used.
    #[error("reading operator credentials: {0}")]
    Credentials(String),
    /// Nothing listens at the address.
    #[error("connecting to {address}: connection refused, nothing listens there")]
    Refused {
        /// The node's address.
        address: String,
    },
    /// The name does not resolve, or the network does not reach the address.
    #[error("connecting to {address}: {cause}")]
    Unreachable {
        /// The node's address.
        address: String,
        /// The cause.
        cause: String,
    },
    /// No response in time.
    #[error("calling {address}: timed out ({waiting_for})")]
    Timeout {
        /// The node's address.
        address: String,
        /// Which step took too long.
        waiting_for: String,
    },
    /// The server's certificate is not that of a node of this operator.
    #[error("calling {address}: its certificate is not trusted: {cause}")]
    Untrusted {
        /// The node's address.
        address: String,
        /// What is wrong with the certificate.
        cause: String,
    },
    /// The server's key is not the one that the pairing code names.
    #[error("calling {address}: the pairing code is not of the node that answers there")]
    NotPaired {
        /// The node's address.
        address: String,
    },
    /// The server rejected our certificate.
    #[error("calling {address}: it rejected our certificate: {cause}")]
    Denied {
        /// The node's address.
        address: String,
        /// The TLS alert.
        cause: String,
    },
    /// The connection ended before the response was complete.
    #[error("calling {address}: connection lost: {cause}")]
    Lost {
        /// The node's address.
        address: String,
        /// The cause.
        cause: String,
    },
    /// The response is not that of a node.
    #[error("calling {address}: malformed response: {cause}")]
    Malformed {
        /// The node's address.
        address: String,
        /// The cause.
        cause: String,
    },
    /// The node refused the request.
    #[error("{address} answered {status}: {error}")]
    Node {
        /// The node's address.
        address: String,
        /// HTTP status, 400 or more.
        status: u16,
        /// The node's reason.
        error: String,
        /// The node's remedy.
        hint: Option<String>,
        /// What is wrong in full, as a text of several lines.
        details: Option<String>,
    },
}

impl ClientError {
    /// Returns the remedy, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            ClientError::Refused { .. } => "is the node up, and the port of its node API forwarded?",
            ClientError::Timeout { .. } => "the node may still be starting; try again",
            ClientError::Untrusted { .. } => "these credentials may belong to another node or cluster",
            ClientError::NotPaired { .. } => {
                "compare the code with the one on the node's console: a new one is shown after each restart; a node \
                 that is configured already takes the operator's certificate, without --code"
            }
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

    /// Classifies an error of `ureq`.
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

/// Classifies an I/O error, which may contain an error of TLS.
fn from_io(address: String, error: &io::Error) -> ClientError {
    if let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        return from_tls(address, tls);
    }
    // ureq wraps its own error in an I/O error while a body is read.
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

/// Classifies an error of TLS by whose certificate it is about.
fn from_tls(address: String, error: &rustls::Error) -> ClientError {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            ClientError::NotPaired { address }
        }
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

/// Returns whether an alert is about the client's certificate.
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
