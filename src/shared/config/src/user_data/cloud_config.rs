//! `#cloud-config`: the keys of cloud-init that make sense on an appliance, around our documents.
//!
//! The key `ironhull` holds the documents. A few of cloud-init's keys fill in what they leave out. Everything else is an
//! error that says what to use instead: a key without effect would be believed to have one. Spec: cloud-init 24.4,
//! module reference.

use crate::decode::{Context, Fault, Fields, entries, list, text};
use crate::diagnostics::Place;
use crate::document::node_config_in;
use crate::value::{Key, Node, Value};

/// The key with our documents.
const OURS: &str = "ironhull";
/// Time zones that are what a node has.
const ZONES: [&str; 4] = ["UTC", "Etc/UTC", "Zulu", "Universal"];
/// Keys that change nothing on a node, with the value for which that is true.
const WITHOUT_EFFECT: &[(&str, Value)] = &[("preserve_hostname", Value::Bool(false))];
/// No shell, no packages: what other systems do at boot is in the image, or in the cluster.
const IN_IMAGE: &str = "put it into the image (a profile's overlay), or run it as a pod";
const NO_USERS: &str =
    "nobody logs in to a node: operators use the node API with a certificate, see `ironhull node`";
const OWN_DISKS: &str = "a node divides its own disk; pods get volumes from the cluster";
const NETWORK: &str = "set network in the NodeConfig";
/// Keys of cloud-init that a node refuses, and what to use instead.
const INSTEAD: &[(&str, &str)] = &[
    ("ansible", IN_IMAGE),
    ("apt", IN_IMAGE),
    ("bootcmd", IN_IMAGE),
    ("chpasswd", NO_USERS),
    ("disable_root", NO_USERS),
    ("disk_setup", OWN_DISKS),
    ("fs_setup", OWN_DISKS),
    ("groups", NO_USERS),
    ("growpart", OWN_DISKS),
    ("mounts", OWN_DISKS),
    ("network", NETWORK),
    ("package_update", IN_IMAGE),
    ("package_upgrade", "upgrade a node with `ironhull node ADDRESS upgrade`"),
    ("packages", IN_IMAGE),
    ("password", NO_USERS),
    ("resize_rootfs", OWN_DISKS),
    ("resolv_conf", NETWORK),
    ("runcmd", IN_IMAGE),
    ("snap", IN_IMAGE),
    ("ssh_authorized_keys", NO_USERS),
    ("ssh_import_id", NO_USERS),
    ("ssh_keys", NO_USERS),
    ("ssh_pwauth", NO_USERS),
    ("swap", OWN_DISKS),
    ("user", NO_USERS),
    ("users", NO_USERS),
    ("write_files", IN_IMAGE),
    ("yum_repos", IN_IMAGE),
];

/// What cloud-init's own keys say, to be filled into the node config.
#[derive(Default)]
struct Given {
    hostname: Option<Node>,
    time: Option<Node>,
}

/// Returns the documents in a cloud-config; `None` if an error was reported.
pub(crate) fn cloud_config(cx: &mut Context, documents: &[Node]) -> Option<Vec<Node>> {
    let [root, others @ ..] = documents else { return None };
    for other in others {
        let fault = Fault::new("expected one document, found another");
        cx.report(other.place, fault.hint(format!("documents of ours go below the key {OURS}, as a list")));
    }
    let all = entries(cx, root)?;
    let (mut ours, mut given) = (None, Given::default());
    for (key, node) in all {
        cx.at(key.text.clone(), |cx| match key.text.as_str() {
            OURS => ours = our_documents(cx, node),
            "hostname" => given.hostname = text(cx, node).map(|_| node.clone()),
            "fqdn" if !all.iter().any(|(k, _)| k.text == "hostname") => {
                given.hostname = text(cx, node).map(|name| first_label(node.place, &name));
            }
            "fqdn" => drop(text(cx, node)),
            "ntp" => given.time = ntp(cx, node),
            "timezone" => timezone(cx, node),
            other => other_key(cx, other, key.place, node),
        });
    }
    if !all.iter().any(|(key, _)| key.text == OURS) {
        let fault = Fault::new(format!("key {OURS:?} is missing"));
        cx.report(
            root.place,
            fault.hint("it holds the documents of the node, each with apiVersion and kind"),
        );
    }
    let mut ours = ours?;
    fill_in(cx, &mut ours, "hostname", given.hostname);
    fill_in(cx, &mut ours, "time", given.time);
    Some(ours)
}

/// Returns the documents below our key: one mapping, or a list of them.
fn our_documents(cx: &mut Context, node: &Node) -> Option<Vec<Node>> {
    match &node.value {
        Value::Map(_) => Some(vec![node.clone()]),
        Value::List(documents) => Some(documents.clone()),
        Value::Broken => None,
        _ => {
            let fault = Fault::new("expected a document, or a list of documents");
            cx.report(node.place, fault.hint("indent the documents below the key, without | or quotes"));
            None
        }
    }
}

fn first_label(place: Place, name: &str) -> Node {
    let label = name.split('.').next().unwrap_or_default();
    Node { place, value: Value::Text(label.to_owned()) }
}

/// Returns the servers of `ntp` as the value of our key `time`.
fn ntp(cx: &mut Context, node: &Node) -> Option<Node> {
    let mut f = Fields::new(cx, node, &["config", "ntp_client", "peers", "allow"])?;
    let enabled = f.get("enabled").is_none_or(|node| node.value != Value::Bool(false));
    let mut servers = Vec::new();
    for key in ["servers", "pools"] {
        let read = list(|cx, node| text(cx, node).map(|_| node.clone()));
        servers.extend(f.optional(cx, key, read).unwrap_or_default());
    }
    f.finish(cx);
    if !enabled {
        cx.report(node.place, Fault::new("a node always keeps its clock, expected enabled: true"));
    }
    let place = node.place;
    let servers = (Key { text: "servers".to_owned(), place }, Node { place, value: Value::List(servers) });
    Some(Node { place, value: Value::Map(vec![servers]) })
}

fn timezone(cx: &mut Context, node: &Node) {
    if let Some(zone) = text(cx, node)
        && !ZONES.contains(&zone.as_str())
    {
        let fault = Fault::new(format!("expected UTC, found {zone:?}"));
        cx.report(node.place, fault.hint("a node keeps its logs in UTC; clients show local time"));
    }
}

/// Reports a key that has no effect here.
fn other_key(cx: &mut Context, name: &str, place: Place, node: &Node) {
    if WITHOUT_EFFECT.iter().any(|(key, value)| *key == name && *value == node.value) {
        return;
    }
    let fault = Fault::new("cloud-init has this key, an appliance does not");
    let hint = INSTEAD.iter().find(|(key, _)| *key == name).map(|(_, hint)| *hint);
    cx.report(
        place,
        match hint {
            Some(hint) => fault.hint(hint),
            None => Fault::new("not supported in #cloud-config")
                .hint(format!("supported: {OURS}, hostname, fqdn, ntp, timezone")),
        },
    );
}

/// Adds `value` to the node config unless it says the same already; reports it if it says something else.
fn fill_in(cx: &mut Context, documents: &mut [Node], key: &str, value: Option<Node>) {
    let Some(value) = value else { return };
    let Some(fields) = node_config_in(documents) else { return };
    match fields.iter().find(|(own, _)| own.text == key) {
        None => fields.push((Key { text: key.to_owned(), place: value.place }, value)),
        Some((_, own)) if same(own, &value) => {}
        Some((own, _)) => {
            let fault = Fault::new(format!("the NodeConfig has another {key}"));
            cx.report(
                value.place,
                fault.hint(format!("remove one of them; the other is on line {}", own.place.line)),
            );
        }
    }
}

/// Returns whether two values are the same, wherever they are.
fn same(a: &Node, b: &Node) -> bool {
    crate::json::value(a) == crate::json::value(b)
}
