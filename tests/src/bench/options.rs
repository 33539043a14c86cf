//! Parses the command line. Pure.

/// What `--help` prints.
pub const USAGE: &str = "\
Usage: bench [--json] [--idle-minutes N] [TOPIC…]

Topics: build writers sizes apply loader boot idle memory (all when none is
named), and on request only: cold, a build from an empty cache; --cold is the
same.
";

/// Topics that run if none is named.
const USUAL: &[&str] = &["build", "writers", "sizes", "apply", "loader", "boot", "idle", "memory"];

/// What to measure, and how to print it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Names of topics.
    pub topics: Vec<String>,
    /// Whether to print JSON instead of the table.
    pub json: bool,
    /// For how many minutes the node's writes are counted.
    pub idle_minutes: u64,
}

impl Options {
    /// Parses the arguments of a command line.
    ///
    /// # Errors
    /// A message that names the invalid argument.
    pub fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options { topics: Vec::new(), json: false, idle_minutes: 2 };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--json" => options.json = true,
                "--idle-minutes" => options.idle_minutes = minutes(words.next())?,
                "--cold" | "cold" => options.topics.push("cold".to_owned()),
                topic if USUAL.contains(&topic) => options.topics.push(topic.to_owned()),
                other => return Err(format!("{other:?} is neither a topic nor an option")),
            }
        }
        if options.topics.is_empty() {
            options.topics = USUAL.iter().map(|t| (*t).to_owned()).collect();
        }
        Ok(options)
    }

    /// Returns whether a topic is to be measured.
    #[must_use]
    pub fn chosen(&self, topic: &str) -> bool {
        self.topics.iter().any(|t| t == topic)
    }
}

/// Parses the value of `--idle-minutes`.
fn minutes(word: Option<&str>) -> Result<u64, String> {
    let found = word.and_then(|w| w.parse().ok()).filter(|n| (1..=1440).contains(n));
    found.ok_or_else(|| format!("--idle-minutes: expected 1 to 1440, found {}", word.unwrap_or("nothing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn without_words_all_but_the_cold_build_is_measured() {
        let options = parse("--json").unwrap();
        assert!(options.json && options.chosen("writers") && options.chosen("memory"));
        assert!(!options.chosen("cold"));
    }

    #[test]
    fn words_choose() {
        let options = parse("writers --idle-minutes 5 --cold").unwrap();
        assert_eq!(options.topics, ["writers", "cold"]);
        assert_eq!(options.idle_minutes, 5);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in
            [("writer", "\"writer\""), ("--idle-minutes", "nothing"), ("--idle-minutes 0", "0")]
        {
            assert!(parse(line).unwrap_err().contains(named), "{line}");
        }
    }
}
