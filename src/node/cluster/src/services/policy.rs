//! What the API server refuses and records: Pod Security admission and the audit policy, as its files and flags.
//!
//! The audit log leaves out what the cluster says to itself all day (leases, events, health, the reads of its own
//! components): on an idle node that is all there is, and it would hide the rest.

use config::{AuditLevel, ClusterConfig};
use serde_json::{Value, json};

use super::builder::Flags;
use super::parts::Parts;
use crate::file::{Directory, File};
use crate::users;

const DIRECTORY: &str = "/etc/kubernetes/apiserver";
const ADMISSION: &str = "/etc/kubernetes/apiserver/admission.yaml";
const AUDIT_POLICY: &str = "/etc/kubernetes/apiserver/audit-policy.yaml";
/// On the data partition.
const LOG_DIRECTORY: &str = "/var/log/kube-apiserver";
/// The log is at most five old files, compressed, and one of 20 MB that is being written.
const LOG_FLAGS: [(&str, &str); 5] = [
    ("audit-log-path", "/var/log/kube-apiserver/audit.log"),
    ("audit-log-maxage", "30"),
    ("audit-log-maxbackup", "5"),
    ("audit-log-maxsize", "20"),
    ("audit-log-compress", "true"),
];
/// Users of the control plane's own programs.
const COMPONENTS: [&str; 5] = [
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kube-proxy",
    "ironhull:noded",
];

/// Adds the files, and the flags that name them.
pub(crate) fn add(cluster: &ClusterConfig, parts: &mut Parts, flags: &mut Flags) {
    parts.directories.push(Directory::public(DIRECTORY));
    parts.files.push(File::public(ADMISSION, format!("{:#}\n", admission(cluster))));
    flags.set("admission-control-config-file", ADMISSION);
    if let Some(policy) = audit_policy(cluster.spec.api.audit) {
        parts.directories.push(Directory::private(LOG_DIRECTORY, users::APISERVER));
        parts.files.push(File::public(AUDIT_POLICY, format!("{policy:#}\n")));
        flags.set("audit-policy-file", AUDIT_POLICY);
        LOG_FLAGS.into_iter().for_each(|(name, value)| flags.set(name, value));
    }
}

/// The defaults of Pod Security admission.
fn admission(cluster: &ClusterConfig) -> Value {
    let security = &cluster.spec.pod_security;
    let (enforce, warn) = (security.enforce.name(), security.warn.name());
    json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{
            "name": "PodSecurity",
            "configuration": {
                "apiVersion": "pod-security.admission.config.k8s.io/v1",
                "kind": "PodSecurityConfiguration",
                "defaults": {
                    "enforce": enforce, "enforce-version": "latest",
                    "audit": warn, "audit-version": "latest",
                    "warn": warn, "warn-version": "latest",
                },
                "exemptions": { "namespaces": security.exempt_namespaces },
            },
        }],
    })
}

/// The audit policy; the first rule that fits a request counts.
fn audit_policy(level: AuditLevel) -> Option<Value> {
    let level = match level {
        AuditLevel::None => return None,
        AuditLevel::Metadata => "Metadata",
        AuditLevel::Request => "Request",
    };
    let quiet = ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*", "/metrics"];
    Some(json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "None", "nonResourceURLs": quiet },
            { "level": "None", "resources": [
                { "group": "coordination.k8s.io", "resources": ["leases"] },
                { "group": "", "resources": ["events"] },
                { "group": "events.k8s.io", "resources": ["events"] },
            ] },
            // Never with their contents.
            { "level": "Metadata", "resources": [
                { "group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"] },
                { "group": "authentication.k8s.io", "resources": ["tokenreviews"] },
            ] },
            { "level": "None", "users": COMPONENTS, "verbs": ["get", "list", "watch"] },
            { "level": "None", "userGroups": ["system:nodes"], "verbs": ["get", "list", "watch"] },
            { "level": level },
        ],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::PodSecurityLevel;

    #[test]
    fn settings_reach_admission() {
        let mut cluster = ClusterConfig::default();
        let defaults = |cluster: &ClusterConfig| admission(cluster)["plugins"][0]["configuration"].clone();
        let found = defaults(&cluster);
        assert_eq!(found["defaults"]["enforce"], "baseline");
        assert_eq!(found["exemptions"]["namespaces"], json!(["kube-system"]));
        cluster.spec.pod_security.enforce = PodSecurityLevel::Restricted;
        cluster.spec.pod_security.exempt_namespaces = vec!["storage".into()];
        let found = defaults(&cluster);
        assert_eq!(
            (&found["defaults"]["enforce"], &found["defaults"]["warn"]),
            (&"restricted".into(), &"baseline".into())
        );
        assert_eq!(found["exemptions"]["namespaces"], json!(["storage"]));
    }

    #[test]
    fn secrets_are_never_recorded_with_their_contents() {
        let policy = audit_policy(AuditLevel::Request).unwrap();
        let rules = policy["rules"].as_array().unwrap();
        let of = |resource: &str| {
            let holds = |r: &Value| r["resources"].to_string().contains(&format!("\"{resource}\""));
            rules.iter().position(holds).unwrap()
        };
        for resource in ["secrets", "configmaps", "serviceaccounts/token", "tokenreviews"] {
            assert_eq!(rules[of(resource)]["level"], "Metadata", "{resource}");
        }
        assert_eq!(rules.last().unwrap(), &json!({ "level": "Request" }));
        assert_eq!(audit_policy(AuditLevel::None), None);
    }
}
