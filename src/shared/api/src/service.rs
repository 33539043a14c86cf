//! Services and their logs.

use serde::{Deserialize, Serialize};

/// Maximum number of lines in one request for logs.
pub const MAX_LOG_LINES: u32 = 10_000;

/// All services of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceList {
    /// Sorted by name.
    pub services: Vec<Service>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Name.
    pub name: String,
    /// Its state.
    pub state: ServiceState,
    /// The main process, while it is running.
    pub pid: Option<u32>,
    /// How often it was restarted since boot.
    pub restarts: u32,
    /// How it last ended: `exit code 1`, `signal 9`, or why it could not be started.
    pub last_exit: Option<String>,
    /// When it entered this state, in milliseconds since the kernel started.
    pub since_ms: u64,
    /// Its own memory in bytes (anonymous pages, no file cache), while it is running.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// Processor time since its last start, in milliseconds.
    #[serde(default)]
    pub cpu_ms: Option<u64>,
}

/// The state of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// It waits for its dependencies to be ready.
    Waiting,
    /// Its process is running, but not ready yet.
    Starting,
    /// It is running and ready.
    Ready,
    /// It is being stopped.
    Stopping,
    /// It ended and will be restarted after a pause.
    BackOff,
    /// It ended successfully and is not restarted.
    Done,
    /// It failed and is not restarted.
    Failed,
}

/// A signal for the main process of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRequest {
    /// Signal number, 1 to 64.
    pub signal: i32,
}

/// The requested log lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Name of the service; `init` and `kernel` have logs too.
    pub service: String,
    /// Number of lines from the end, at most [`MAX_LOG_LINES`].
    #[serde(default = "default_lines")]
    pub lines: u32,
    /// Whether to send new lines as they arrive.
    #[serde(default)]
    pub follow: bool,
    /// The logs kept from this generation when it failed its trial; if absent, the current ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
}

/// The default number of lines: a few screens.
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
