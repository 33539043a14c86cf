//! An iterator over log lines as they arrive.

use std::fmt;
use std::io::{BufRead, BufReader, Read};

use ureq::BodyReader;

use crate::{ClientError, LogLine, MAX_ANSWER_BYTES};

/// An iterator over log lines; blocks until the next line arrives, and ends when the node closes the
/// connection.
pub struct Logs {
    address: String,
    body: BufReader<BodyReader<'static>>,
    ended: bool,
}

impl Logs {
    pub(crate) fn new(address: String, body: BodyReader<'static>) -> Logs {
        Logs { address, body: BufReader::new(body), ended: false }
    }

    /// Reads one line; `None` at the end.
    fn read(&mut self) -> Option<Result<LogLine, ClientError>> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.body).take(MAX_ANSWER_BYTES as u64);
            if let Err(e) = bounded.read_until(b'\n', &mut line) {
                return Some(Err(ClientError::from_ureq(&self.address, ureq::Error::Io(e))));
            }
            match line.as_slice() {
                [] => return None,
                b"\n" => {}
                text => {
                    let malformed = |e: serde_json::Error| ClientError::Malformed {
                        address: self.address.clone(),
                        cause: e.to_string(),
                    };
                    return Some(serde_json::from_slice(text).map_err(malformed));
                }
            }
        }
    }
}

impl Iterator for Logs {
    type Item = Result<LogLine, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("address", &self.address).finish_non_exhaustive()
    }
}
