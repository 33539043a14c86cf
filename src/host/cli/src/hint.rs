//! How errors are printed: `error:` and the chain of causes in one line, then `hint:` lines.

use anyhow::Error;

/// A cause with a remedy.
#[derive(Debug)]
pub struct Hinted {
    message: String,
    hint: String,
}

/// A command line that was parsed but can't be executed.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Hinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Returns an error with a remedy.
pub fn hinted(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(Hinted { message: message.into(), hint: hint.into() })
}

/// Returns the exit code for `error`.
pub fn exit_code(error: &Error) -> u8 {
    match error.is::<Usage>() {
        true => 2,
        false => 1,
    }
}

/// Returns the text for standard error.
pub fn report(error: &Error) -> String {
    // Errors in documents are already formatted, with the line marked.
    if let Some(diagnostics) = error.downcast_ref::<config::Diagnostics>() {
        return diagnostics.to_string();
    }
    let mut hints = Vec::new();
    let mut texts = Vec::new();
    for cause in error.chain() {
        hints.extend(hint_of(cause));
        texts.push(split_hints(&cause.to_string(), &mut hints).to_owned());
    }
    let details = error.chain().find_map(details_of).unwrap_or_default();
    let line = api::one_line(texts);
    let mut seen = Vec::new();
    for hint in hints {
        if !seen.contains(&hint) {
            seen.push(hint);
        }
    }
    let hints: String = seen.iter().map(|h| format!("hint: {h}\n")).collect();
    format!("error: {line}\n{details}{hints}")
}

/// Returns what a node says of an error in full, with a line end.
fn details_of(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    match cause.downcast_ref::<api::ClientError>()? {
        api::ClientError::Node { details: Some(details), .. } => Some(format!("{}\n", details.trim_end())),
        _ => None,
    }
}

/// Removes the `hint: …` lines at the end of a text.
fn split_hints<'a>(text: &'a str, hints: &mut Vec<String>) -> &'a str {
    match text.split_once("\nhint: ") {
        Some((text, hint)) => {
            hints.push(hint.trim_end().to_owned());
            text
        }
        None => text,
    }
}

/// Returns the remedy of a known error.
fn hint_of(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(hinted) = cause.downcast_ref::<Hinted>() {
        return Some(hinted.hint.clone());
    }
    if let Some(error) = cause.downcast_ref::<vm::VmError>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref::<image::Error>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref::<secureboot::Error>() {
        return error.hint().map(str::to_owned);
    }
    if let Some(error) = cause.downcast_ref::<bundle::BundleError>() {
        return error.hint().map(str::to_owned);
    }
    cause.downcast_ref::<api::ClientError>().and_then(api::ClientError::hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn the_chain_is_one_line_and_the_hint_another() {
        let error = Err::<(), _>(hinted("disk is full", "free some space")).context("writing out/a.raw");
        let text = report(&error.unwrap_err());
        assert_eq!(text, "error: writing out/a.raw: disk is full\nhint: free some space\n");
    }

    #[test]
    fn a_cause_that_is_told_already_is_not_told_twice() {
        let io = std::io::Error::from(std::io::ErrorKind::NotFound);
        let told = anyhow::Error::new(io).context("reading a: entity not found");
        assert_eq!(report(&told), "error: reading a: entity not found\n");
    }

    #[test]
    fn hints_inside_a_text_get_their_own_line() {
        let text = report(&anyhow::anyhow!("fetching x: 404\nhint: run y").context("building z"));
        assert_eq!(text, "error: building z: fetching x: 404\nhint: run y\n");
    }

    #[test]
    fn wrong_usage_is_two() {
        assert_eq!(exit_code(&Error::new(Usage("no".into()))), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("no")), 1);
    }
}
