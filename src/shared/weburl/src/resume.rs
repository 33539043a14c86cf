//! Resuming a download: how a response relates to the bytes already received. Pure.
//!
//! It can't tell whether those bytes are of the same file: the caller checks a hash or an entity tag. Spec:
//! RFC 9110, 14.4 (`Content-Range`), 15.3.7 (206) and 15.5.17 (416).

/// The content of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The complete file.
    Whole,
    /// The rest of the file, after the received bytes.
    Rest,
    /// The response does not continue the received bytes: discard them and request the whole file.
    StartAgain,
    /// Nothing of the file; the status is the reason.
    Nothing,
}

/// Returns the content of a response to a request for the rest after `received` bytes, according to its
/// status and its header `Content-Range`.
///
/// Some servers do not support ranges and send the complete file, for some the file is shorter by now, and
/// some send another range than the requested one.
#[must_use]
pub fn answer(received: u64, status: u16, content_range: Option<&str>) -> Answer {
    let continues = || content_range.is_some_and(|range| range.starts_with(&format!("bytes {received}-")));
    match status {
        200 => Answer::Whole,
        206 if continues() => Answer::Rest,
        206 | 416 if received > 0 => Answer::StartAgain,
        _ => Answer::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_rest_only_where_it_says_so() {
        let cases = [
            ((0, 200, None), Answer::Whole),
            ((7, 200, None), Answer::Whole),
            ((7, 200, Some("bytes 7-9/10")), Answer::Whole),
            ((7, 206, Some("bytes 7-9/10")), Answer::Rest),
            ((7, 206, Some("bytes 7-9/*")), Answer::Rest),
            ((7, 206, Some("bytes 70-99/100")), Answer::StartAgain),
            ((7, 206, Some("bytes 0-9/10")), Answer::StartAgain),
            ((7, 206, Some("7-9/10")), Answer::StartAgain),
            ((7, 206, None), Answer::StartAgain),
            ((7, 416, Some("bytes */5")), Answer::StartAgain),
            ((0, 206, Some("bytes 0-9/10")), Answer::Rest),
            ((0, 206, None), Answer::Nothing),
            ((0, 416, None), Answer::Nothing),
        ];
        for ((received, status, range), expected) in cases {
            assert_eq!(answer(received, status, range), expected, "{received} {status} {range:?}");
        }
        for status in [204, 301, 304, 403, 404, 429, 500, 503] {
            assert_eq!(answer(7, status, None), Answer::Nothing, "{status}");
        }
    }
}
