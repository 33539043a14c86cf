//! Host names with placeholders: one text configures many machines, each of which fills in what it is.

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `{serial}`: the serial number that the firmware tells.
    Serial,
    /// `{uuid}`: the UUID that the firmware tells.
    Uuid,
    /// `{mac}`: the hardware address of the first physical link, without colons.
    Mac,
}

/// The names of the placeholders.
const NAMES: [(&str, Placeholder); 3] =
    [("serial", Placeholder::Serial), ("uuid", Placeholder::Uuid), ("mac", Placeholder::Mac)];
/// The name of a machine to which nothing gives one.
pub const FALLBACK: &str = "node-{mac}";

/// Returns whether `name` has a placeholder.
#[must_use]
pub fn is_template(name: &str) -> bool {
    name.contains('{')
}

/// Fills in the placeholders of `template`; `value` returns what one stands for. Characters of a value that no host
/// name has become `-`, letters become lower-case.
///
/// # Errors
/// What is wrong with the template or the result, or which value is missing, in one line.
pub fn fill(template: &str, value: impl Fn(Placeholder) -> Option<String>) -> Result<String, String> {
    let (mut name, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').ok_or_else(|| format!("{template:?}: a }} is missing"))?;
        let known = NAMES.iter().find(|(name, _)| *name == word);
        let (word, placeholder) =
            known.ok_or_else(|| format!("{template:?}: there is no placeholder {{{word}}}"))?;
        let value = value(*placeholder).map(|value| as_name(&value)).filter(|value| !value.is_empty());
        name.push_str(before);
        name.push_str(&value.ok_or_else(|| format!("the machine has no value for {{{word}}}"))?);
        rest = after;
    }
    name.push_str(rest);
    crate::checks::hostname(&name).map_err(|fault| fault.message)
}

/// Returns a value as a part of a host name.
fn as_name(value: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    value.trim().chars().map(fits).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_fills_in_what_it_is() {
        let value = |placeholder| match placeholder {
            Placeholder::Serial => Some(" VMware-56 4d\n".to_owned()),
            Placeholder::Mac => Some("525400123456".to_owned()),
            Placeholder::Uuid => None,
        };
        for (template, expected) in [
            ("node-1", Ok("node-1")),
            ("{serial}", Ok("vmware-56-4d")),
            ("n-{mac}.rack-{serial}", Ok("n-525400123456.rack-vmware-56-4d")),
            ("{uuid}", Err("the machine has no value for {uuid}")),
            ("{x}", Err("\"{x}\": there is no placeholder {x}")),
            ("a{mac", Err("\"a{mac\": a } is missing")),
        ] {
            let found = fill(template, value);
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{template}");
        }
        let long = fill("{serial}", |_| Some("x".repeat(64))).unwrap_err();
        assert!(long.starts_with("expected a host name of at most 63"), "{long}");
        assert!(fill("{serial}", |_| Some("___".to_owned())).is_err());
    }
}
