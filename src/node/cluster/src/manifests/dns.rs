//! The cluster's DNS: CoreDNS behind the tenth service address, where each pod's `resolv.conf` points.
//!
//! Names outside the cluster are asked of the node's resolvers: with `dnsPolicy: Default` the pod's `resolv.conf` is the
//! node's. A node may have none, and then CoreDNS must start nevertheless; the component's own `main` sets `UPSTREAMS`
//! accordingly. The pod needs no rights at all: containerd lets every pod listen on low ports.

use std::net::Ipv4Addr;

use config::ClusterNetwork;
use serde_json::{Value, json};

use super::access::{RBAC, RBAC_GROUP};

/// Name of everything but the service, which has its name from CoreDNS' predecessor.
const NAME: &str = "coredns";
const NAMESPACE: &str = "kube-system";
/// The user of our container images.
const USER: u32 = 65_535;

/// Ports in the pod.
const DNS_PORT: u16 = 53;
const HEALTH_PORT: u16 = 8080;
const READY_PORT: u16 = 8181;
const METRICS_PORT: u16 = 9153;

/// Returns the objects of `replicas` pods that run `image`.
pub(super) fn objects(network: &ClusterNetwork, image: &str, replicas: u32) -> Vec<Value> {
    let mut objects = access();
    objects.push(corefile(&network.cluster_domain));
    objects.push(service(network.dns_service_address()));
    objects.push(deployment(image, replicas));
    if replicas > 1 {
        objects.push(disruption_budget());
    }
    objects
}

fn metadata() -> Value {
    json!({ "name": NAME, "namespace": NAMESPACE, "labels": labels() })
}

/// The labels of upstream's manifests, which other programs look for.
fn labels() -> Value {
    json!({ "k8s-app": "kube-dns" })
}

/// The account and what it may read: services and their endpoints, and pods for their own names.
fn access() -> Vec<Value> {
    let role = "system:coredns";
    let rule = |group: &str, resources: &[&str]| json!({ "apiGroups": [group], "resources": resources, "verbs": ["list", "watch"] });
    vec![
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata() }),
        json!({
            "apiVersion": RBAC,
            "kind": "ClusterRole",
            "metadata": { "name": role },
            "rules": [
                rule("", &["namespaces", "pods", "services"]),
                rule("discovery.k8s.io", &["endpointslices"]),
            ],
        }),
        json!({
            "apiVersion": RBAC,
            "kind": "ClusterRoleBinding",
            "metadata": { "name": role },
            "roleRef": { "apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role },
            "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE }],
        }),
    ]
}

/// CoreDNS' configuration, which it reloads when it changes.
fn corefile(domain: &str) -> Value {
    let text = format!(
        ".:{DNS_PORT} {{
    errors
    health :{HEALTH_PORT} {{
        lameduck 5s
    }}
    ready :{READY_PORT}
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus :{METRICS_PORT}
    forward . {{$UPSTREAMS}} {{
        max_concurrent 1000
    }}
    cache 30
    loop
    reload
    loadbalance
}}
"
    );
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(), "data": { "Corefile": text } })
}

fn service(address: Ipv4Addr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": NAMESPACE,
            "labels": {
                "k8s-app": "kube-dns",
                "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": "CoreDNS",
            },
            "annotations": { "prometheus.io/scrape": "true", "prometheus.io/port": METRICS_PORT.to_string() },
        },
        "spec": {
            "selector": labels(),
            "clusterIP": address.to_string(),
            "ports": [
                { "name": "dns", "port": DNS_PORT, "protocol": "UDP" },
                { "name": "dns-tcp", "port": DNS_PORT, "protocol": "TCP" },
                { "name": "metrics", "port": METRICS_PORT, "protocol": "TCP" },
            ],
        },
    })
}

fn deployment(image: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(),
        "spec": {
            "replicas": replicas,
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1 } },
            "selector": { "matchLabels": labels() },
            "template": { "metadata": { "labels": labels() }, "spec": pod(image) },
        },
    })
}

fn pod(image: &str) -> Value {
    let beside_another = json!({
        "weight": 100,
        "podAffinityTerm": {
            "labelSelector": { "matchLabels": labels() },
            "topologyKey": "kubernetes.io/hostname",
        },
    });
    json!({
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "enableServiceLinks": false,
        "nodeSelector": { "kubernetes.io/os": "linux" },
        "tolerations": [
            { "key": "CriticalAddonsOnly", "operator": "Exists" },
            { "key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule" },
        ],
        "affinity": { "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [beside_another] } },
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [container(image)],
        "volumes": [{
            "name": "config",
            "configMap": { "name": NAME, "items": [{ "key": "Corefile", "path": "Corefile" }] },
        }],
    })
}

fn container(image: &str) -> Value {
    let probe = |port: u16, path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": { "port": port, "path": path },
            "periodSeconds": period,
            "timeoutSeconds": 5,
            "failureThreshold": failures,
        })
    };
    let port = |name: &str, port: u16, protocol: &str| json!({ "name": name, "containerPort": port, "protocol": protocol });
    json!({
        "name": NAME,
        "image": image,
        // It comes with the node's own image; there is no registry that has it.
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            port("dns", DNS_PORT, "UDP"),
            port("dns-tcp", DNS_PORT, "TCP"),
            port("metrics", METRICS_PORT, "TCP"),
        ],
        "resources": { "requests": { "cpu": "50m", "memory": "40Mi" }, "limits": { "memory": "170Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
        },
        // Asked each second until it has read the cluster's services; the other two ask rarely, since each costs.
        "startupProbe": probe(READY_PORT, "/ready", 1, 120),
        "readinessProbe": probe(READY_PORT, "/ready", 10, 3),
        "livenessProbe": probe(HEALTH_PORT, "/health", 20, 5),
        "volumeMounts": [{ "name": "config", "mountPath": "/etc/coredns", "readOnly": true }],
    })
}

/// At most one of several pods is away at a time.
fn disruption_budget() -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(),
        "spec": { "maxUnavailable": 1, "selector": { "matchLabels": labels() } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(objects: &[Value], kind: &str) -> Value {
        objects.iter().find(|o| o["kind"] == kind).unwrap_or(&Value::Null).clone()
    }

    #[test]
    fn the_config_reaches_service_and_corefile() {
        let network = ClusterNetwork {
            service_cidr: "10.32.0.0/16".parse().unwrap(),
            cluster_domain: "lab.example".into(),
            ..ClusterNetwork::default()
        };
        let found = objects(&network, "x/coredns:9", 1);
        assert_eq!(of(&found, "Service")["spec"]["clusterIP"], "10.32.0.10");
        let corefile = of(&found, "ConfigMap")["data"]["Corefile"].clone();
        assert!(corefile.as_str().unwrap().contains("kubernetes lab.example in-addr.arpa"), "{corefile}");
        let pod = of(&found, "Deployment")["spec"]["template"]["spec"].clone();
        assert_eq!(pod["containers"][0]["image"], "x/coredns:9");
        assert_eq!(pod["dnsPolicy"], "Default", "otherwise it would ask itself");
    }

    #[test]
    fn only_several_pods_have_a_disruption_budget() {
        let network = ClusterNetwork::default();
        for (replicas, expected) in [(1, Value::Null), (2, json!(1))] {
            let found = objects(&network, "x", replicas);
            assert_eq!(of(&found, "Deployment")["spec"]["replicas"], replicas);
            assert_eq!(of(&found, "PodDisruptionBudget")["spec"]["maxUnavailable"], expected);
        }
    }
}
