//! One measurement with its comparison and its goal. Pure.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};

/// A measured quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A duration.
    Time(Duration),
    /// A length or an amount in bytes.
    Bytes(u64),
}

impl Value {
    /// Returns a duration in milliseconds.
    pub fn millis(ms: u64) -> Value {
        Value::Time(Duration::from_millis(ms))
    }

    /// Returns a number by which values of one kind can be compared.
    fn amount(self) -> u128 {
        match self {
            Value::Time(time) => time.as_nanos(),
            Value::Bytes(bytes) => bytes.into(),
        }
    }

    fn json(self) -> Json {
        match self {
            Value::Time(time) => json!({ "seconds": time.as_secs_f64() }),
            Value::Bytes(bytes) => json!({ "bytes": bytes }),
        }
    }
}

impl fmt::Display for Value {
    /// Bytes are decimal, as in the goals: 1 MB is 1 000 000 bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Time(time) if *time < Duration::from_secs(1) => write!(f, "{} ms", time.as_millis()),
            Value::Time(time) if time.as_secs() < 120 => write!(f, "{:.1} s", time.as_secs_f64()),
            Value::Time(time) => write!(f, "{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
            Value::Bytes(bytes) => {
                let tenths = bytes / 100_000;
                match bytes {
                    0..1_000_000 => write!(f, "{} kB", bytes.div_ceil(1000)),
                    _ => write!(f, "{}.{} MB", tenths / 10, tenths % 10),
                }
            }
        }
    }
}

/// The goal of a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most this.
    AtMost(Value),
    /// Less than the other's.
    BelowOther,
    /// Not more than the other's.
    NotAboveOther,
    /// None: it is only printed.
    Shown,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    topic: &'static str,
    what: String,
    ours: Value,
    other: Option<(&'static str, Value)>,
    goal: Goal,
}

impl Row {
    /// Returns a row without a comparison.
    pub fn new(what: impl Into<String>, ours: Value, goal: Goal) -> Row {
        Row { topic: "", what: what.into(), ours, other: None, goal }
    }

    /// Adds the measurement of another program in the same run.
    pub fn against(self, name: &'static str, value: Value) -> Row {
        Row { other: Some((name, value)), ..self }
    }

    /// Adds the topic that it belongs to.
    pub fn of(self, topic: &'static str) -> Row {
        Row { topic, ..self }
    }

    /// Returns whether the goal is reached, if there is one.
    fn reached(&self) -> Option<bool> {
        let (ours, other) = (self.ours.amount(), self.other.map(|(_, value)| value.amount()));
        match self.goal {
            Goal::AtMost(most) => Some(ours <= most.amount()),
            Goal::BelowOther => other.map(|other| ours < other),
            Goal::NotAboveOther => other.map(|other| ours <= other),
            Goal::Shown => None,
        }
    }

    /// Formats the goal.
    fn goal(&self) -> String {
        match self.goal {
            Goal::AtMost(most) => format!("≤ {most}"),
            Goal::BelowOther => "less".to_owned(),
            Goal::NotAboveOther => "not more".to_owned(),
            Goal::Shown => String::new(),
        }
    }

    /// Returns the cells of the row.
    pub fn cells(&self) -> Vec<String> {
        let other = self.other.map(|(name, value)| format!("{value} ({name})")).unwrap_or_default();
        let reached = match self.reached() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        vec![self.what.clone(), self.ours.to_string(), other, self.goal(), reached.to_owned()]
    }

    /// Returns the row as JSON.
    pub fn json(&self) -> Json {
        json!({
            "topic": self.topic,
            "what": self.what,
            "ours": self.ours.json(),
            "other": self.other.map(|(name, value)| json!({ "name": name, "value": value.json() })),
            "goal": self.goal(),
            "reached": self.reached(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_people_read_them() {
        let cases = [
            (Value::millis(999), "999 ms"),
            (Value::millis(1250), "1.2 s"),
            (Value::millis(68_420), "68.4 s"),
            (Value::millis(125_000), "2 min 5 s"),
            (Value::Bytes(1), "1 kB"),
            (Value::Bytes(151_650_304), "151.6 MB"),
        ];
        for (value, text) in cases {
            assert_eq!(value.to_string(), text);
        }
    }

    #[test]
    fn goals_are_reached_or_not() {
        let row = |goal| Row::new("x", Value::Bytes(10), goal);
        let against = |goal, other| row(goal).against("t", Value::Bytes(other)).reached();
        assert_eq!(row(Goal::AtMost(Value::Bytes(10))).reached(), Some(true));
        assert_eq!(row(Goal::AtMost(Value::Bytes(9))).reached(), Some(false));
        assert_eq!(against(Goal::BelowOther, 10), Some(false));
        assert_eq!(against(Goal::NotAboveOther, 10), Some(true));
        assert_eq!(against(Goal::Shown, 1), None);
    }
}
