//! The documents that `ironhull config init` writes: complete, commented, ready to edit.

use std::fmt::Write;

use crate::API_VERSION;

/// The values for a new node config.
#[derive(Clone, Copy, Debug)]
pub struct NodeTemplate<'a> {
    /// Host name.
    pub hostname: &'a str,
    /// Name of the cluster.
    pub cluster: &'a str,
    /// Certificate of the operator CA, PEM.
    pub certificate_authority: &'a str,
    /// Server certificate of the node API, PEM.
    pub certificate: &'a str,
    /// Its private key, PEM, which is in the resulting text.
    pub key: &'a str,
    /// The token with which it joins a cluster; without one it founds its own.
    pub join_token: Option<&'a str>,
}

/// Returns a node config and, if it founds its cluster, a cluster config for `node`, as one text.
///
/// Names are quoted: `123`, `null` and `no` are valid names, and no name can end its value early. If the
/// fields are valid, the text is accepted by [`crate::parse_node_documents`]; otherwise it is refused there.
#[must_use]
pub fn node_documents(node: &NodeTemplate<'_>) -> String {
    let (hostname, cluster) = (quoted(node.hostname), quoted(node.cluster));
    let mut text = format!(
        "apiVersion: {API_VERSION}
kind: NodeConfig
hostname: {hostname}
# Without network: DHCPv4 on every physical link. A static address:
# network:
#   ethernets:
#     eth0:
#       addresses: [192.168.1.10/24]
#       routes: [{{ to: default, via: 192.168.1.1 }}]
#       nameservers: {{ addresses: [192.168.1.1] }}
# time: {{ servers: [ntp.example.org] }}
# labels: {{ rack: r1 }}
api:
"
    );
    block(&mut text, "certificateAuthority", node.certificate_authority);
    block(&mut text, "certificate", node.certificate);
    text.push_str("  # The private key of the node API: keep this file to yourself.\n");
    block(&mut text, "key", node.key);
    if let Some(token) = node.join_token {
        text.push_str("# What it joins with. Not needed any more once it has joined.\n");
        writeln!(text, "join:\n  token: {}", quoted(token.trim())).expect("writing to a String succeeds");
        return text;
    }
    let rest = format!(
        "---
apiVersion: {API_VERSION}
kind: ClusterConfig
metadata: {{ name: {cluster} }}
spec:
  # Names and addresses under which clients reach the API server, for its certificate.
  # api: {{ sans: [cluster.example.org] }}
  storage: {{ type: etcd }}           # or kine: SQLite, for very small nodes
  network:
    podCIDR: 10.244.0.0/16
    serviceCIDR: 10.96.0.0/12
"
    );
    text.push_str(&rest);
    text
}

/// Returns a text as a YAML string in double quotes. Every JSON string is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Adds `key` with a literal block below `api`.
fn block(text: &mut String, key: &str, value: &str) {
    writeln!(text, "  {key}: |").expect("writing to a String succeeds");
    for line in value.trim().lines() {
        writeln!(text, "    {line}").expect("writing to a String succeeds");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(kind: &str) -> String {
        format!("-----BEGIN {kind}-----\nYWJj\nZGVm\n-----END {kind}-----\n")
    }

    fn text(hostname: &str, cluster: &str) -> String {
        let certificate = pem("CERTIFICATE");
        node_documents(&NodeTemplate {
            hostname,
            cluster,
            certificate_authority: &certificate,
            certificate: &certificate,
            key: &pem("PRIVATE KEY"),
            join_token: None,
        })
    }

    #[test]
    fn is_a_valid_config() {
        let parsed = crate::parse_node_documents("node.yaml", &text("node1", "home")).unwrap();
        assert_eq!(parsed.node.hostname, "node1");
        assert_eq!(parsed.node.api.certificate, pem("CERTIFICATE"));
        assert_eq!(parsed.node.api.key.expose(), pem("PRIVATE KEY"));
        assert_eq!(parsed.node.api.port, 9443);
        assert_eq!(parsed.cluster.metadata.name, "home");
    }

    #[test]
    fn a_node_that_joins_has_a_token_and_no_cluster_of_its_own() {
        let token = crate::JoinToken {
            role: crate::Role::Worker,
            servers: vec!["https://10.0.0.1:6443".into()],
            authority: pem("CERTIFICATE"),
            id: "abcdef".into(),
            secret: crate::Secret::new("0123456789abcdef".into()),
            expires_secs: 1,
        };
        let certificate = pem("CERTIFICATE");
        let text = node_documents(&NodeTemplate {
            hostname: "worker-1",
            cluster: "unused",
            certificate_authority: &certificate,
            certificate: &certificate,
            key: &pem("PRIVATE KEY"),
            join_token: Some(&token.to_text()),
        });
        assert!(!text.contains("ClusterConfig"));
        let parsed = crate::parse_node_documents("node.yaml", &text).unwrap();
        assert_eq!(parsed.node.join.unwrap().token, token);
    }

    #[test]
    fn names_that_yaml_takes_for_something_else_are_names() {
        for name in ["123", "1e3", "0x1f", "null", "no", "true", "2026-11-30", "0o17"] {
            let parsed = crate::parse_node_documents("node.yaml", &text(name, name)).unwrap();
            assert_eq!((&*parsed.node.hostname, &*parsed.cluster.metadata.name), (name, name));
        }
    }

    #[test]
    fn a_name_can_not_add_to_the_text() {
        for name in ["a\nlabels: {x: y}", "node-1 # x", "a, b: c", "a }", "\"", "a\\", "\u{2028}", ""] {
            for text in [text(name, "home"), text("node1", name)] {
                let errors = crate::parse_node_documents("node.yaml", &text).unwrap_err().errors;
                let [error] = &errors[..] else { panic!("{name:?}: {errors:?}") };
                assert!(error.message.contains("name: expected "), "{name:?}: {error:?}");
            }
        }
    }
}
