//! Decides whether an object is ready. Pure.

use serde::Deserialize;

/// The fields that are read, of objects of any kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Observed {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    generation: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    replicas: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: i64,
    ready_replicas: i64,
    updated_replicas: i64,
    desired_number_scheduled: i64,
    updated_number_scheduled: i64,
    number_ready: i64,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
    message: String,
}

/// Whether an object is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is ready.
    Ready,
    /// It is not ready; the reason in one line.
    NotReady(String),
}

/// Decides whether an object is ready; kinds other than nodes and those with pods are ready once they exist.
pub fn readiness(kind: &str, object: &Observed) -> Readiness {
    let status = &object.status;
    let counted = |ready: i64, wanted: i64, settled: bool| match settled && ready >= wanted {
        true => Readiness::Ready,
        false => Readiness::NotReady(format!("{ready} of {wanted} pods ready")),
    };
    let current = status.observed_generation >= object.metadata.generation;
    let replicas = object.spec.replicas.unwrap_or(1);
    match kind {
        "Node" | "Pod" => by_condition(&status.conditions),
        "Deployment" | "StatefulSet" => {
            counted(status.ready_replicas, replicas, current && status.updated_replicas >= replicas)
        }
        "ReplicaSet" => counted(status.ready_replicas, replicas, current),
        "DaemonSet" => {
            let wanted = status.desired_number_scheduled;
            // Before the controller has counted any node, 0 wanted pods mean nothing.
            let settled = current && wanted > 0 && status.updated_number_scheduled >= wanted;
            counted(status.number_ready, wanted, settled)
        }
        _ => Readiness::Ready,
    }
}

/// Decides according to the condition `Ready`.
fn by_condition(conditions: &[Condition]) -> Readiness {
    match conditions.iter().find(|c| c.r#type == "Ready") {
        Some(c) if c.status == "True" => Readiness::Ready,
        Some(c) => Readiness::NotReady(c.message.chars().take(300).collect()),
        None => Readiness::NotReady("nothing known yet".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ready(kind: &str, json: &str) -> bool {
        readiness(kind, &serde_json::from_str(json).unwrap()) == Readiness::Ready
    }

    #[test]
    fn judges_each_kind() {
        let cases = [
            ("Node", r#"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#, true),
            (
                "Node",
                r#"{"status":{"conditions":[{"type":"Ready","status":"False","message":"no CNI"}]}}"#,
                false,
            ),
            ("Node", "{}", false),
            ("Pod", r#"{"status":{"conditions":[{"type":"Initialized","status":"True"}]}}"#, false),
            (
                "Deployment",
                r#"{"metadata":{"generation":2},"status":{"observedGeneration":1,"readyReplicas":1,"updatedReplicas":1}}"#,
                false,
            ),
            (
                "Deployment",
                r#"{"metadata":{"generation":2},"status":{"observedGeneration":2,"readyReplicas":1,"updatedReplicas":1}}"#,
                true,
            ),
            ("Deployment", r#"{"spec":{"replicas":0}}"#, true),
            ("DaemonSet", "{}", false),
            (
                "DaemonSet",
                r#"{"status":{"desiredNumberScheduled":1,"numberReady":1,"updatedNumberScheduled":1}}"#,
                true,
            ),
            ("ConfigMap", "{}", true),
        ];
        for (kind, json, expected) in cases {
            assert_eq!(is_ready(kind, json), expected, "{kind} {json}");
        }
    }
}
