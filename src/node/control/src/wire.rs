//! Messages as lines: one JSON value, one line feed.

use std::io::{self, BufRead, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest line in bytes, line feed included.
pub const MAX_LINE_BYTES: usize = 4 << 20;

/// Why a message could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error("talking over the control socket: {0}")]
    Io(#[from] io::Error),
    /// A line is longer than [`MAX_LINE_BYTES`], or the connection ended within it.
    #[error("control message is truncated or longer than {MAX_LINE_BYTES} bytes")]
    Length,
    /// A line is not the JSON that was expected.
    #[error("control message is malformed: {0}")]
    Json(#[from] serde_json::Error),
}

/// Writes one message and flushes.
///
/// # Errors
/// [`WireError::Length`] if it is too long (nothing is written), otherwise the writer's error.
pub fn write_message<T: Serialize>(mut to: impl Write, message: &T) -> Result<(), WireError> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    if line.len() > MAX_LINE_BYTES {
        return Err(WireError::Length);
    }
    to.write_all(&line)?;
    Ok(to.flush()?)
}

/// Reads one message; `None` when the other side has closed the connection between two of them.
///
/// # Errors
/// [`WireError`] if the line is too long, cut off or malformed, or the reader fails.
pub fn read_message<T: DeserializeOwned>(from: &mut impl BufRead) -> Result<Option<T>, WireError> {
    let mut line = Vec::new();
    from.take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        Some(_) => Err(WireError::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reply, Request};

    #[test]
    fn round_trip() {
        let mut wire = Vec::new();
        write_message(&mut wire, &Request::Status { usage: true }).unwrap();
        write_message(&mut wire, &Request::Stage { name: "network".into() }).unwrap();
        let mut from = wire.as_slice();
        assert_eq!(read_message(&mut from).unwrap(), Some(Request::Status { usage: true }));
        assert_eq!(read_message(&mut from).unwrap(), Some(Request::Stage { name: "network".into() }));
        assert_eq!(read_message::<Request>(&mut from).unwrap(), None);
    }

    #[test]
    fn hostile_lines_are_errors() {
        assert!(matches!(read_message::<Reply>(&mut &b"{\"reply\":\"ok\"}"[..]), Err(WireError::Length)));
        assert!(matches!(read_message::<Reply>(&mut &b"nonsense\n"[..]), Err(WireError::Json(_))));
        let long = vec![b'x'; MAX_LINE_BYTES + 2];
        assert!(matches!(read_message::<Reply>(&mut &long[..]), Err(WireError::Length)));
    }
}
