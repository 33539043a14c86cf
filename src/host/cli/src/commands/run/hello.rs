//! The demo's Kubernetes objects, which are part of the config of a new machine.

use serde_json::{Value, json};

/// The image of the demo's pod, which every root contains.
const IMAGE: &str = "ironhull.local/hello:1";
/// Port of the demo on the node.
pub const NODE_PORT: u16 = 30_080;

/// Returns the demo: a deployment of one pod from the image's own store, and a service that answers HTTP on
/// [`NODE_PORT`] of the node.
pub fn objects() -> Vec<Value> {
    let labels = json!({ "app": "hello" });
    let container = json!({
        "name": "hello",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "ports": [{ "containerPort": 8080 }],
        "readinessProbe": { "httpGet": { "path": "/", "port": 8080 }, "periodSeconds": 1 },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": 65_534,
        },
    });
    vec![
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "hello", "namespace": "default", "labels": labels },
            "spec": {
                "replicas": 1,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "containers": [container], "automountServiceAccountToken": false },
                },
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "hello", "namespace": "default", "labels": labels },
            "spec": {
                "type": "NodePort",
                "selector": labels,
                "ports": [{ "port": 80, "targetPort": 8080, "nodePort": NODE_PORT }],
            },
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_uses_the_images_own_store() {
        let objects = objects();
        let container = &objects[0]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], IMAGE);
        assert_eq!(container["imagePullPolicy"], "Never");
        assert_eq!(objects[1]["spec"]["selector"], objects[0]["spec"]["template"]["metadata"]["labels"]);
    }
}
