//! Suggests the word that was probably meant.

/// Maximum length of a word that is compared, in bytes.
const MAX_BYTES: usize = 64;

/// Returns the candidate most similar to `word`, if it is similar enough: equal except for case, or with one
/// or two letters added, missing, changed or swapped.
pub(crate) fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let reach = if word.len() < 4 { 1 } else { 2 };
    candidates
        .filter(|c| c.len() <= MAX_BYTES && word.len() <= MAX_BYTES)
        .map(|c| (distance(&word.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(d, c)| *d <= reach && *d < c.len())
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Returns the Levenshtein distance in bytes, computed row by row.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_near_words_only() {
        let known = ["hostname", "network", "time", "podCIDR"];
        let cases = [
            ("hostnam", Some("hostname")),
            ("hostNmae", Some("hostname")),
            ("podCidr", Some("podCIDR")),
            ("tme", Some("time")),
            ("storage", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(closest(word, known.into_iter()), expected, "{word}");
        }
    }
}
