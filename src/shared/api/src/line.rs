//! Formats an error and its causes in one line.

/// Joins an error and its causes, outermost first. A cause is left out if the line already ends with it,
/// since many errors include their cause.
pub fn one_line<T: AsRef<str>>(causes: impl IntoIterator<Item = T>) -> String {
    let mut line = String::new();
    for cause in causes {
        let cause = cause.as_ref();
        if line.is_empty() {
            line.push_str(cause);
        } else if !line.ends_with(cause) {
            line.push_str(": ");
            line.push_str(cause);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        assert_eq!(one_line(["installing", "reading /x: no", "no"]), "installing: reading /x: no");
        assert_eq!(one_line(["no"]), "no");
        assert_eq!(one_line::<&str>([]), "");
    }
}
