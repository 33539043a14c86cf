//! MIME multipart, as `cloud-init devel make-mime` writes it: several documents in one user-data.
//!
//! Only what makers of user-data write: one level of parts, as they are or in base64. The documents of all parts become
//! one text. Specs: RFC 2045, RFC 2046.

use data_encoding::BASE64;

/// Maximum number of parts.
const MAX_PARTS: usize = 64;
/// Headers with which such a message begins.
const BEGINNINGS: [&str; 2] = ["content-type:", "mime-version:"];
/// Begins a part that can't be joined with others.
const CLOUD_CONFIG: &str = "#cloud-config";
/// Encodings that leave the content as it is.
const AS_IT_IS: [&str; 4] = ["", "7bit", "8bit", "binary"];

/// Returns whether `bytes` begin as a MIME message does.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    BEGINNINGS.iter().any(|b| bytes.get(..b.len()).is_some_and(|s| s.eq_ignore_ascii_case(b.as_bytes())))
}

/// Returns the content of the only part, or the texts of all parts as one text with several documents.
///
/// # Errors
/// What is wrong with the message.
pub(super) fn join(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the MIME message is not UTF-8".to_owned())?;
    let text = text.replace("\r\n", "\n");
    let message = Entity::parse(&text)?;
    let kind = message.header("content-type").unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("multipart/") {
        return message.content();
    }
    let boundary = parameter(kind, "boundary").ok_or("the MIME message names no boundary of its parts")?;
    let parts = parts(message.body, &boundary)?;
    let contents: Vec<Vec<u8>> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| {
            let content = Entity::parse(part).and_then(|part| part.content());
            content.map_err(|e| format!("part {} of the MIME message: {e}", i + 1))
        })
        .collect::<Result<_, String>>()?;
    match &contents[..] {
        [] => Err("the MIME message has no parts".to_owned()),
        [one] => Ok(one.clone()),
        several => {
            if several.iter().any(|content| content.starts_with(CLOUD_CONFIG.as_bytes())) {
                return Err(format!("expected one part with {CLOUD_CONFIG}, found {} parts", several.len()));
            }
            Ok(several.join(&b"\n---\n"[..]))
        }
    }
}

/// A message or part: headers and body.
struct Entity<'a> {
    /// Names in lower case.
    headers: Vec<(String, String)>,
    body: &'a str,
}

impl<'a> Entity<'a> {
    fn parse(text: &'a str) -> Result<Entity<'a>, String> {
        let (head, body) = match text.strip_prefix('\n') {
            Some(body) => ("", body),
            None => text.split_once("\n\n").ok_or("no empty line follows the headers")?,
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            match (line.starts_with([' ', '\t']), headers.last_mut()) {
                (true, Some((_, value))) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                _ => {
                    let (name, value) =
                        line.split_once(':').ok_or("expected a header, found another line")?;
                    headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
        Ok(Entity { headers, body })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns the decoded body.
    fn content(&self) -> Result<Vec<u8>, String> {
        let kind = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("multipart/") {
            return Err("parts within parts are not supported".to_owned());
        }
        let encoding = self.header("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        if AS_IT_IS.contains(&encoding.as_str()) {
            return Ok(self.body.as_bytes().to_vec());
        }
        if encoding != "base64" {
            return Err(format!("expected the encoding 7bit, 8bit or base64, found {encoding:?}"));
        }
        let dense: Vec<u8> = self.body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        BASE64.decode(&dense).map_err(|e| format!("its base64 is damaged: {e}"))
    }
}

/// Returns a parameter of a header.
fn parameter(header: &str, name: &str) -> Option<String> {
    let values = header.split(';').skip(1).filter_map(|p| p.split_once('='));
    let mut values = values.filter(|(own, _)| own.trim().eq_ignore_ascii_case(name));
    let value = values.next()?.1.trim().trim_matches('"').to_owned();
    (!value.is_empty()).then_some(value)
}

/// Splits a body into its parts. What is before the first and after the last one is no content.
fn parts(body: &str, boundary: &str) -> Result<Vec<String>, String> {
    let (begin, end) = (format!("--{boundary}"), format!("--{boundary}--"));
    let mut parts: Vec<Vec<&str>> = Vec::new();
    for line in body.lines() {
        match line.trim_end() {
            line if line == end => return Ok(parts.iter().map(|lines| lines.join("\n") + "\n").collect()),
            line if line == begin => {
                if parts.len() == MAX_PARTS {
                    return Err(format!("expected at most {MAX_PARTS} parts"));
                }
                parts.push(Vec::new());
            }
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(line);
                }
            }
        }
    }
    Err("the MIME message is cut off: its last boundary is missing".to_owned())
}
