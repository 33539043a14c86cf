//! Settings of a run in its environment.

use std::str::FromStr;

/// Returns the number in an environment variable; `default` if it is not set.
///
/// # Panics
/// If it is no number.
#[must_use]
pub fn number<T: FromStr>(variable: &str, default: T) -> T {
    let Ok(text) = std::env::var(variable) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{variable}={text}: expected a number"))
}
