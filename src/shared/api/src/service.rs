//! Services and their logs.

use serde::{Deserialize, Serialize};

/// Most lines that one request for logs may ask for.
pub const MAX_LOG_LINES: u32 = 10_000;

/// All services of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceList {
    /// By name.
    pub services: Vec<Service>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Name.
    pub name: String,
    /// Where it stands.
    pub state: ServiceState,
    /// Main process, when it runs.
    pub pid: Option<u32>,
    /// How often it was started again since boot.
    pub restarts: u32,
    /// How it ended last: `exit code 1`, `signal 9`, or why it could not start.
    pub last_exit: Option<String>,
    /// Milliseconds since the kernel started, when it entered this state.
    pub since_ms: u64,
    /// Memory of its own in bytes (anonymous pages, no file cache), while it runs.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// Processor time since it started last, in milliseconds.
    #[serde(default)]
    pub cpu_ms: Option<u64>,
}

/// Where a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// Its dependencies are not ready.
    Waiting,
    /// Its process runs, it is not ready yet.
    Starting,
    /// It runs and is ready.
    Ready,
    /// It was asked to end.
    Stopping,
    /// It ended and will be started again after a pause.
    BackOff,
    /// It ended with success and stays so.
    Done,
    /// It failed and stays so.
    Failed,
}

/// A signal for the main process of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRequest {
    /// Signal number, 1 to 64.
    pub signal: i32,
}

/// Which log lines are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Name of the service; `init` and `kernel` have logs too.
    pub service: String,
    /// How many of the last lines, at most [`MAX_LOG_LINES`].
    #[serde(default = "default_lines")]
    pub lines: u32,
    /// Keep sending new ones.
    #[serde(default)]
    pub follow: bool,
    /// Those that this generation has left when it failed its trial; absent: those of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
}

/// As many as a terminal or two show.
fn default_lines() -> u32 {
    100
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// Milliseconds since the kernel started.
    pub at_ms: u64,
    /// The text without line end.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_in_kebab_case() {
        assert_eq!(serde_json::to_string(&ServiceState::BackOff).unwrap(), r#""back-off""#);
    }

    #[test]
    fn log_query_has_defaults_and_refuses_unknown_keys() {
        let query: LogQuery = serde_json::from_str(r#"{"service":"etcd"}"#).unwrap();
        assert_eq!((query.lines, query.follow), (100, false));
        assert!(serde_json::from_str::<LogQuery>(r#"{"service":"etcd","tail":5}"#).is_err());
    }
}
