//! The kernel command line: `ironhull.config=` with base64 of the user-data, which may be packed with gzip first.
//!
//! For machines that boot over a network or without a hypervisor's help, and for tests: everybody on the node can read
//! the command line, and a config holds a private key. Under Secure Boot `init` refuses a command line that was not
//! signed.

use config::user_data::{Part, Seed};

use super::source::{Answer, Source};
use crate::error::Error;
use crate::machine::Machine;

/// The command line as the kernel shows it.
pub(crate) const COMMAND_LINE: &str = "/proc/cmdline";
/// The option.
pub(crate) const OPTION: &str = "ironhull.config=";
/// How cloud-init's option begins.
pub(crate) const CLOUD_INIT: &str = "ds=nocloud";
/// Said of a URL.
const FETCHED: &str = "user-data is fetched once there is a network";

/// The source.
#[derive(Debug)]
pub(super) struct CommandLine;

impl Source for CommandLine {
    fn name(&self) -> &'static str {
        "command-line"
    }

    fn find(&self, machine: &Machine) -> Result<Answer, Error> {
        let line = machine.read(COMMAND_LINE)?.unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        let label = OPTION.trim_end_matches('=');
        // The last one counts, as for the kernel's own options.
        let value = line.split_ascii_whitespace().filter_map(|word| word.strip_prefix(OPTION)).next_back();
        match value.map(|value| value.trim_matches('"')) {
            Some("") => Err(Error::Empty { path: label.into() }),
            Some(url) if url.contains("://") => Ok(Answer::Nothing(format!("{label} is a URL: {FETCHED}"))),
            Some(value) => {
                let user_data = Part { label: label.to_owned(), bytes: value.as_bytes().to_vec() };
                Ok(Answer::Found(Seed::alone(user_data)))
            }
            None if line.split_ascii_whitespace().any(|word| word.starts_with(CLOUD_INIT)) => {
                Ok(Answer::Nothing(format!("there is {CLOUD_INIT}: {FETCHED}")))
            }
            None => Ok(Answer::Nothing(format!("there is no option {label}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Layout;
    use super::*;

    fn answer(line: &str) -> Result<Answer, Error> {
        let layout = Layout::new();
        layout.file(COMMAND_LINE, line.as_bytes());
        CommandLine.find(&layout.machine())
    }

    #[test]
    fn the_last_option_counts() {
        let Answer::Found(seed) = answer("ro ironhull.config=eA== quiet ironhull.config=\"eHk=\"\n").unwrap()
        else {
            panic!("nothing found")
        };
        assert_eq!(
            (seed.user_data.label.as_str(), &seed.user_data.bytes[..]),
            ("ironhull.config", &b"eHk="[..])
        );
    }

    #[test]
    fn says_what_is_missing_or_wrong() {
        for (line, reason) in [
            ("ro xironhull.config=eA== ironhull.configs=x", "there is no option ironhull.config"),
            (
                "ds=nocloud-net;s=http://x/",
                "there is ds=nocloud: user-data is fetched once there is a network",
            ),
            (
                "ironhull.config=http://x/y",
                "ironhull.config is a URL: user-data is fetched once there is a network",
            ),
        ] {
            assert_eq!(answer(line).unwrap(), Answer::Nothing(reason.to_owned()), "{line}");
        }
        let error = |line| answer(line).unwrap_err().to_string();
        assert!(error("ironhull.config= ro").ends_with("ironhull.config: it is empty"));
    }
}
