//! Calico as the pod network: VXLAN between nodes, policies by nftables, addresses from its own pools. No BGP, so no
//! BIRD, and no Typha.
//!
//! The agent needs no container image of its own: its program is on the node as a CNI plugin, and it runs nft, which is
//! there too. So its pods see the node's `/usr`, over the image of the pods' sandbox, and whatever they run is on the
//! verified root. The custom resource definitions are in the image too (`noded` adds them).

use config::ClusterNetwork;
use serde_json::{Value, json};

use super::PAUSE_IMAGE;

/// The program.
const PROGRAM: &str = "/usr/libexec/cni/calico";
/// Name of the agent and of its account.
const AGENT: &str = "calico-node";
/// The account of the CNI plugins, for which the agent obtains tokens.
const PLUGINS: &str = "calico-cni-plugin";
const NAMESPACE: &str = "kube-system";
const RBAC: &str = "rbac.authorization.k8s.io";
/// Calico's own kinds.
const GROUP: &str = "crd.projectcalico.org";
/// Port of the agent's health check, on the loopback address only.
const HEALTH_PORT: u16 = 9099;
const READ: [&str; 3] = ["get", "list", "watch"];

/// Returns the objects, without the custom resource definitions.
pub(super) fn objects(network: &ClusterNetwork) -> Vec<Value> {
    let mut objects = access(AGENT, agent_rules());
    objects.extend(access(PLUGINS, plugin_rules()));
    objects.push(daemon_set(network));
    objects
}

/// An account, its role, and their binding, which all have one name.
fn access(name: &str, rules: Vec<Value>) -> Vec<Value> {
    vec![
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": name, "namespace": NAMESPACE },
        }),
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole",
            "metadata": { "name": name },
            "rules": rules,
        }),
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding",
            "metadata": { "name": name },
            "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": NAMESPACE }],
        }),
    ]
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}

/// What the agent may do, as in upstream's manifest, without what only BGP and eBPF need.
fn agent_rules() -> Vec<Value> {
    let mut token = rule("", &["serviceaccounts/token"], &["create"]);
    token["resourceNames"] = json!([PLUGINS]);
    let policies = ["adminnetworkpolicies", "baselineadminnetworkpolicies"];
    let read = [
        "bgpconfigurations",
        "bgpfilters",
        "bgppeers",
        "blockaffinities",
        "caliconodestatuses",
        "clusterinformations",
        "felixconfigurations",
        // Of old versions, which the agent would convert.
        "globalbgpconfigs",
        "globalfelixconfigs",
        "globalnetworkpolicies",
        "globalnetworksets",
        "hostendpoints",
        "ipamblocks",
        "ippools",
        "ipreservations",
        "networkpolicies",
        "networksets",
        "stagedglobalnetworkpolicies",
        "stagedkubernetesnetworkpolicies",
        "stagednetworkpolicies",
        "tiers",
    ];
    vec![
        token,
        rule("", &["endpoints", "namespaces", "nodes", "pods", "serviceaccounts", "services"], &READ),
        rule("", &["configmaps"], &["get"]),
        rule("", &["nodes/status"], &["patch", "update"]),
        rule("", &["pods/status"], &["patch"]),
        rule("discovery.k8s.io", &["endpointslices"], &["list", "watch"]),
        rule("networking.k8s.io", &["networkpolicies"], &["list", "watch"]),
        rule("policy.networking.k8s.io", &policies, &["list", "watch"]),
        rule("apps", &["daemonsets"], &["get"]),
        rule(GROUP, &read, &READ),
        rule(GROUP, &["tiers"], &["create"]),
        rule(GROUP, &["clusterinformations", "felixconfigurations", "ippools"], &["create", "update"]),
        rule(GROUP, &["caliconodestatuses"], &["update"]),
        rule(GROUP, &["blockaffinities", "ipamblocks", "ipamhandles"], &["create", "update", "delete"]),
        rule(GROUP, &["ipamhandles", "ipamconfigs"], &READ),
        rule(GROUP, &["ipamconfigs"], &["create"]),
    ]
}

/// What the plugins may do, as in upstream's manifest.
fn plugin_rules() -> Vec<Value> {
    let kinds = [
        "blockaffinities",
        "clusterinformations",
        "ipamblocks",
        "ipamconfigs",
        "ipamhandles",
        "ippools",
        "ipreservations",
    ];
    vec![
        rule("", &["namespaces", "nodes", "pods"], &["get"]),
        rule("", &["pods/status"], &["patch"]),
        rule(GROUP, &kinds, &["get", "list", "create", "update", "delete"]),
    ]
}

fn daemon_set(network: &ClusterNetwork) -> Value {
    let labels = json!({ "k8s-app": AGENT });
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": { "name": AGENT, "namespace": NAMESPACE, "labels": labels },
        "spec": {
            "selector": { "matchLabels": labels },
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1 } },
            "template": { "metadata": { "labels": labels }, "spec": pod(network) },
        },
    })
}

/// Directories of the node that the agent sees: name, path on the node, path in the container, whether read-only.
const DIRECTORIES: [(&str, &str, &str, bool); 6] = [
    ("usr", "/usr", "/usr", true),
    // Links to directories in /usr.
    ("lib", "/usr/lib", "/lib", true),
    ("lib64", "/usr/lib64", "/lib64", true),
    ("cni", "/etc/cni/net.d", "/host/etc/cni/net.d", false),
    ("run", "/run/calico", "/var/run/calico", false),
    ("state", "/var/lib/calico", "/var/lib/calico", false),
];

fn pod(network: &ClusterNetwork) -> Value {
    let volume = |(name, path, _, read_only): &(&str, &str, &str, bool)| {
        let kind = if *read_only { "Directory" } else { "DirectoryOrCreate" };
        json!({ "name": name, "hostPath": { "path": path, "type": kind } })
    };
    json!({
        "serviceAccountName": AGENT,
        "priorityClassName": "system-node-critical",
        "hostNetwork": true,
        "enableServiceLinks": false,
        "nodeSelector": { "kubernetes.io/os": "linux" },
        "tolerations": [
            { "operator": "Exists", "effect": "NoSchedule" },
            { "operator": "Exists", "effect": "NoExecute" },
            { "key": "CriticalAddonsOnly", "operator": "Exists" },
        ],
        // Its rules and routes stay while it is away.
        "terminationGracePeriodSeconds": 0,
        "containers": [container(network)],
        "volumes": DIRECTORIES.iter().map(volume).collect::<Vec<_>>(),
    })
}

fn container(network: &ClusterNetwork) -> Value {
    let probe = |path: &str| {
        json!({
            "httpGet": { "host": "127.0.0.1", "port": HEALTH_PORT, "path": path },
            "periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 6,
        })
    };
    let mount = |(name, _, path, read_only): &(&str, &str, &str, bool)| json!({ "name": name, "mountPath": path, "readOnly": read_only });
    let mut startup = probe("/readiness");
    startup["periodSeconds"] = json!(1);
    startup["failureThreshold"] = json!(300);
    json!({
        "name": AGENT,
        "image": PAUSE_IMAGE,
        "imagePullPolicy": "Never",
        "command": [PROGRAM, "node"],
        "env": environment(network),
        "resources": { "requests": { "cpu": "100m" } },
        "securityContext": { "privileged": true, "runAsUser": 0, "runAsGroup": 0 },
        "startupProbe": startup,
        "livenessProbe": probe("/liveness"),
        "readinessProbe": probe("/readiness"),
        "volumeMounts": DIRECTORIES.iter().map(mount).collect::<Vec<_>>(),
    })
}

/// The agent's settings. VXLAN with upstream's port and network identifier, on every way between nodes.
fn environment(network: &ClusterNetwork) -> Vec<Value> {
    let plugins = plugins().to_string();
    let pods = network.pod_cidr.to_string();
    let plain = [
        ("DATASTORE_TYPE", "kubernetes"),
        ("FELIX_DATASTORETYPE", "kubernetes"),
        ("WAIT_FOR_DATASTORE", "true"),
        ("CLUSTER_TYPE", "k8s"),
        ("CALICO_NETWORKING_BACKEND", "vxlan"),
        ("CALICO_DISABLE_FILE_LOGGING", "true"),
        ("CALICO_IPV4POOL_CIDR", pods.as_str()),
        ("CALICO_IPV4POOL_IPIP", "Never"),
        ("CALICO_IPV4POOL_VXLAN", "Always"),
        ("CNI_NETWORK_CONFIG", plugins.as_str()),
        ("FELIX_BPFENABLED", "false"),
        ("FELIX_DEFAULTENDPOINTTOHOSTACTION", "ACCEPT"),
        ("FELIX_HEALTHENABLED", "true"),
        ("FELIX_HEALTHHOST", "127.0.0.1"),
        // What it would look for does not exist in its nftables mode.
        ("FELIX_IPSETSREFRESHINTERVAL", "0"),
        ("FELIX_IPV6SUPPORT", "false"),
        ("FELIX_LOGSEVERITYSCREEN", "Warning"),
        ("FELIX_LOGSEVERITYSYS", "none"),
        ("FELIX_NFTABLESMODE", "Enabled"),
        ("FELIX_USAGEREPORTINGENABLED", "false"),
        ("FELIX_VXLANPORT", "4789"),
        ("FELIX_VXLANVNI", "4096"),
        ("FELIX_XDPENABLED", "false"),
        ("IP", "autodetect"),
        ("IP_AUTODETECTION_METHOD", "kubernetes-internal-ip"),
        ("IP6", "none"),
    ];
    let node = json!({ "fieldRef": { "fieldPath": "spec.nodeName" } });
    let node = ["NODENAME", "FELIX_FELIXHOSTNAME"].map(|name| json!({ "name": name, "valueFrom": node }));
    plain.iter().map(|(name, value)| json!({ "name": name, "value": value })).chain(node).collect()
}

/// The configuration of the CNI plugins, which the agent writes once it is able to serve them. The MTU is what the agent
/// finds.
fn plugins() -> Value {
    json!({
        "name": "k8s-pod-network",
        "cniVersion": "1.0.0",
        "plugins": [
            {
                "type": "calico",
                "datastore_type": "kubernetes",
                "log_level": "warning",
                "mtu": 0,
                "ipam": { "type": "calico-ipam" },
                "policy": { "type": "k8s" },
                "kubernetes": { "kubeconfig": "/etc/cni/net.d/calico-kubeconfig" },
            },
            { "type": "portmap", "snat": true, "capabilities": { "portMappings": true } },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_reaches_the_agent() {
        let network =
            ClusterNetwork { pod_cidr: "10.32.0.0/12".parse().unwrap(), ..ClusterNetwork::default() };
        let all = objects(&network);
        let agent = all.iter().find(|o| o["kind"] == "DaemonSet").unwrap();
        let container = &agent["spec"]["template"]["spec"]["containers"][0];
        let variables = container["env"].as_array().unwrap();
        let pool = variables.iter().find(|v| v["name"] == "CALICO_IPV4POOL_CIDR").unwrap();
        assert_eq!(pool["value"], "10.32.0.0/12");
        assert_eq!(container["command"][0], PROGRAM);
        assert!(container["volumeMounts"][0]["readOnly"] == true, "{container}");
    }
}
