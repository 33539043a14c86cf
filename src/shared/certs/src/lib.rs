//! Keys and certificates for the operator, a cluster, and Secure Boot.
//!
//! An [`Authority`] issues narrow certificates: for a server or for a client, for names that are listed, for a time
//! that is given. ECDSA P-256, because making an RSA key takes seconds; RSA keys that were made elsewhere sign as
//! well, since firmware takes no others. Which certificates there are, where they are kept and when they are made
//! anew is decided by who uses this. The time is a parameter; the only effect is to draw random numbers.
#![forbid(unsafe_code)]

mod authority;
mod clock;
mod key;

pub use authority::{
    Authority, Issued, Leaf, SelfSigned, Subject, Usage, request, self_signed, self_signed_leaf,
};
pub use clock::Clock;
pub use key::{CertError, Key};
