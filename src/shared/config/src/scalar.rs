//! The value of a plain scalar according to YAML 1.2's core schema; what YAML 1.1 reads differently is
//! refused.

use crate::value::Value;

/// Resolves the text of a plain (unquoted) scalar.
///
/// # Errors
/// A hint, if YAML 1.1 and 1.2 disagree: `yes` and similar words are booleans in one and text in the other,
/// and `0644` is 420 in one and 644 in the other.
pub(crate) fn resolve(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "yes" | "on" => return Err(format!("write true, or {text:?} in quotes for the word")),
        "no" | "off" => return Err(format!("write false, or {text:?} in quotes for the word")),
        _ => {}
    }
    match number(text) {
        Some(Ok(value)) => Ok(value),
        Some(Err(())) => Err("write it without leading zero, as 0o644 for octal, or in quotes".to_owned()),
        None => Ok(Value::Text(text.to_owned())),
    }
}

/// Resolves the words that are booleans in YAML 1.1 alone.
pub(crate) fn resolve_word_1_1(text: &str) -> Option<Value> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" => Some(Value::Bool(true)),
        "no" | "off" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// Parses a number; `Some(Err)` if it has a leading zero, `None` if it is not a number.
fn number(text: &str) -> Option<Result<Value, ()>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(|n| Ok(Value::Integer(n)));
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(|n| Ok(Value::Integer(n)));
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        if digits.len() > 1 && digits.starts_with('0') {
            return Some(Err(()));
        }
        return match text.parse() {
            Ok(n) => Some(Ok(Value::Integer(n))),
            Err(_) => text.parse().ok().map(|f| Ok(Value::Float(f))),
        };
    }
    let float = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if float { text.parse().ok().map(|f| Ok(Value::Float(f))) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_by_the_core_schema() {
        let cases = [
            ("", Value::Null),
            ("~", Value::Null),
            ("true", Value::Bool(true)),
            ("0", Value::Integer(0)),
            ("-12", Value::Integer(-12)),
            ("+3", Value::Integer(3)),
            ("0o644", Value::Integer(420)),
            ("0x1F", Value::Integer(31)),
            ("1.5", Value::Float(1.5)),
            ("1e3", Value::Float(1000.0)),
            (".5", Value::Float(0.5)),
            ("1.36.3", Value::Text("1.36.3".into())),
            ("52:54", Value::Text("52:54".into())),
            ("10.0.0.0/8", Value::Text("10.0.0.0/8".into())),
            ("-", Value::Text("-".into())),
            (".inf", Value::Text(".inf".into())),
            ("5m", Value::Text("5m".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_yaml_1_1_reads_differently() {
        for text in ["yes", "No", "ON", "off", "0644", "-012"] {
            assert!(resolve(text).is_err(), "{text}");
        }
    }
}
