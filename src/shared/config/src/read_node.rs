//! Reads a [`NodeConfig`].

use std::collections::BTreeMap;

use crate::checks;
use crate::decode::{Context, Fault, Fields, boolean, checked, entries, list, number, one_of, text};
use crate::json;
use crate::node::default_port;
use crate::read_network::network;
use crate::value::{Node, Value};
use crate::{
    DiskSelector, Health, Install, Join, JoinToken, Kubelet, NodeApi, NodeConfig, Secret, Taint, TaintEffect,
    Time,
};

const EFFECTS: &[(&str, TaintEffect)] = &[
    ("NoSchedule", TaintEffect::NoSchedule),
    ("PreferNoSchedule", TaintEffect::PreferNoSchedule),
    ("NoExecute", TaintEffect::NoExecute),
];
const PLANNED: &[&str] = &["state", "kernel", "registries", "trustedRoots", "files", "update", "logs"];
/// Fields of `KubeletConfiguration` on which the node itself depends.
const OURS: &[&str] = &[
    "apiVersion",
    "kind",
    "authentication",
    "authorization",
    "cgroupDriver",
    "cgroupRoot",
    "clusterDNS",
    "clusterDomain",
    "containerRuntimeEndpoint",
    "enableServer",
    "healthzBindAddress",
    "healthzPort",
    "port",
    "resolvConf",
    "rotateCertificates",
    "serverTLSBootstrap",
    "staticPodPath",
    "staticPodURL",
    "tlsCertFile",
    "tlsPrivateKeyFile",
    "volumePluginDir",
];

/// Reads the document; `None` if an error was reported.
pub(crate) fn node_config(cx: &mut Context, node: &Node) -> Option<NodeConfig> {
    let mut f = Fields::new(cx, node, PLANNED)?;
    f.required(cx, "apiVersion", text);
    f.required(cx, "kind", text);
    let hostname = f.optional(cx, "hostname", checked(checks::hostname_template));
    let network = f.optional(cx, "network", network);
    let time = f.optional(cx, "time", time);
    let labels = f.optional(cx, "labels", labels);
    let taints = f.optional(cx, "taints", list(taint));
    let kubelet = f.optional(cx, "kubelet", kubelet);
    let health = f.optional(cx, "health", health);
    let join = f.optional(cx, "join", join);
    let install = f.optional(cx, "install", install);
    let api = f.required(cx, "api", api);
    f.finish(cx);
    Some(NodeConfig {
        hostname: hostname.unwrap_or_default(),
        network: network.unwrap_or_default(),
        time: time.unwrap_or_default(),
        labels: labels.unwrap_or_default(),
        taints: taints.unwrap_or_default(),
        kubelet: kubelet.unwrap_or_default(),
        health: health.unwrap_or_default(),
        join,
        install,
        api: api?,
    })
}

fn time(cx: &mut Context, node: &Node) -> Option<Time> {
    let mut f = Fields::new(cx, node, &[])?;
    let servers = f.optional(cx, "servers", list(checked(checks::host))).unwrap_or_default();
    f.finish(cx);
    Some(Time { servers })
}

fn labels(cx: &mut Context, node: &Node) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for (key, value) in entries(cx, node)? {
        let name = checks::node_label_key(&key.text).map_err(|fault| cx.report(key.place, fault)).ok();
        let value = cx.at(key.text.clone(), |cx| checked(checks::label_value)(cx, value));
        labels.extend(name.zip(value));
    }
    Some(labels)
}

fn taint(cx: &mut Context, node: &Node) -> Option<Taint> {
    let mut f = Fields::new(cx, node, &[])?;
    let key = f.required(cx, "key", checked(checks::label_key));
    let value = f.optional(cx, "value", checked(checks::label_value)).unwrap_or_default();
    let effect = f.required(cx, "effect", one_of(EFFECTS, &[]));
    f.finish(cx);
    Some(Taint { key: key?, value, effect: effect? })
}

fn kubelet(cx: &mut Context, node: &Node) -> Option<Kubelet> {
    let mut f = Fields::new(cx, node, &["extraArgs"])?;
    let extra_config = f.optional(cx, "extraConfig", |cx, node| {
        for (key, _) in entries(cx, node)? {
            if OURS.contains(&key.text.as_str()) {
                cx.report(key.place, Fault::new(format!("{:?} is set by the node itself", key.text)));
            }
        }
        json::object(node)
    });
    f.finish(cx);
    Some(Kubelet { extra_config: extra_config.unwrap_or_default() })
}

fn health(cx: &mut Context, node: &Node) -> Option<Health> {
    let mut f = Fields::new(cx, node, &["checks"])?;
    let deadline_secs = f.optional(cx, "deadlineSecs", number(20, 86_400));
    f.finish(cx);
    Some(deadline_secs.map_or_else(Health::default, |deadline_secs| Health { deadline_secs }))
}

fn join(cx: &mut Context, node: &Node) -> Option<Join> {
    let mut f = Fields::new(cx, node, &["tokenFile"])?;
    let token = f.required(cx, "token", join_token);
    f.finish(cx);
    Some(Join { token: token? })
}

/// Reads a join token; errors never quote it.
fn join_token(cx: &mut Context, node: &Node) -> Option<JoinToken> {
    let Value::Text(text) = &node.value else {
        cx.report_secret(node.place, Fault::new("expected a join token as text"));
        return None;
    };
    let hint = "`ironhull token create` on a controller prints one";
    let token = JoinToken::parse(text).map_err(|e| Fault::new(e.to_string()).hint(hint));
    token.map_err(|fault| cx.report_secret(node.place, fault)).ok()
}

fn install(cx: &mut Context, node: &Node) -> Option<Install> {
    let mut f = Fields::new(cx, node, &[])?;
    let disk = f.required(cx, "disk", disk_selector);
    let wipe = f.optional(cx, "wipe", boolean).unwrap_or_default();
    f.finish(cx);
    Some(Install { disk: disk?, wipe })
}

fn disk_selector(cx: &mut Context, node: &Node) -> Option<DiskSelector> {
    let mut f = Fields::new(cx, node, &[])?;
    let mut selector = DiskSelector::default();
    for key in DiskSelector::KEYS {
        f.optional(cx, key, |cx, node| {
            let value = text(cx, node)?;
            selector.set(key, &value).map_err(|fault| cx.report(node.place, Fault::new(fault))).ok()
        });
    }
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        let fault = Fault::new(format!("expected one of {}, found none", DiskSelector::KEYS.join(", ")));
        cx.report(node.place, fault);
    }
    f.finish(cx);
    Some(selector)
}

fn api(cx: &mut Context, node: &Node) -> Option<NodeApi> {
    let mut f = Fields::new(cx, node, &["allowedCertificates"])?;
    let certificate = || checked(|text: &str| checks::pem(text, "CERTIFICATE"));
    let authority = f.required(cx, "certificateAuthority", certificate());
    let certificate = f.required(cx, "certificate", certificate());
    let key = f.required(cx, "key", private_key);
    let port = f.optional(cx, "port", number(1, 65_535)).unwrap_or(default_port());
    f.finish(cx);
    Some(NodeApi { certificate_authority: authority?, certificate: certificate?, key: key?, port })
}

/// Reads a private key; errors never quote it.
fn private_key(cx: &mut Context, node: &Node) -> Option<Secret> {
    let Value::Text(text) = &node.value else {
        cx.report_secret(node.place, Fault::new("expected a private key as text"));
        return None;
    };
    let key = checks::pem(text, "PRIVATE KEY").map_err(|fault| cx.report_secret(node.place, fault));
    key.map(Secret::new).ok()
}
