//! The order of Debian versions (Policy 5.6.12): epoch, upstream version, revision; `~` sorts before
//! everything, even the end.

use std::cmp::Ordering;

/// Compares two versions.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (split(a), split(b));
    a.0.cmp(&b.0).then_with(|| part(a.1, b.1)).then_with(|| part(a.2, b.2))
}

/// Splits a version into epoch (0 if absent), upstream version and revision (empty if absent, which equals
/// `0`).
fn split(version: &str) -> (u64, &str, &str) {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Compares alternately the longest prefixes without digits, then the longest numbers.
fn part(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = cut(a, |c| !c.is_ascii_digit());
        let (text_b, rest_b) = cut(b, |c| !c.is_ascii_digit());
        let (digits_a, next_a) = cut(rest_a, |c| c.is_ascii_digit());
        let (digits_b, next_b) = cut(rest_b, |c| c.is_ascii_digit());
        let order = text(text_a, text_b).then_with(|| number(digits_a, digits_b));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
    Ordering::Equal
}

/// Cuts off the longest prefix whose bytes satisfy `belong`.
fn cut(text: &str, belong: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(|c| !belong(c)).unwrap_or(text.len()))
}

/// Compares prefixes without digits: `~` before the end, letters before all others.
fn text(a: &str, b: &str) -> Ordering {
    let weight = |c: Option<&u8>| match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|i| weight(a.as_bytes().get(i)).cmp(&weight(b.as_bytes().get(i))))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares numbers of any length; an empty one is 0.
fn number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_as_debian_policy_says() {
        // Each version is less than the next.
        let chains: &[&[&str]] = &[
            &["~~", "~~a", "~", "", "a"],
            &[
                "1.0~beta1~svn1245",
                "1.0~beta1",
                "1.0",
                "1.0-1",
                "1.0-1+b1",
                "1.0-1.1",
                "1.0-2",
                "1.0a",
                "1.0+1",
            ],
            &["2.41-12", "2.41-12+deb13u2", "2.41-12+deb13u4", "2.41-12+deb13u10"],
            &["6.12.94-1", "6.12.107-1", "1:0"],
            &["0:1", "1:0.4", "1:1.4.8-2", "2:0"],
            &["1.2-4", "1.2-3-1", "1.2-3-2"],
            &["99999999999999999999998", "99999999999999999999999"],
        ];
        for chain in chains {
            for (i, a) in chain.iter().enumerate() {
                assert_eq!(compare(a, a), Ordering::Equal, "{a}");
                for b in &chain[i + 1..] {
                    assert_eq!(compare(a, b), Ordering::Less, "{a} < {b}");
                    assert_eq!(compare(b, a), Ordering::Greater, "{b} > {a}");
                }
            }
        }
        for (a, b) in [("0:1.0", "1.0"), ("1.0-0", "1.0"), ("1.01", "1.1"), ("1.0-00", "1.0-0")] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} = {b}");
        }
    }
}
