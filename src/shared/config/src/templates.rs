//! The texts that `ironhull config init` begins with: complete, commented, ready to be changed.

use std::fmt::Write;

use crate::API_VERSION;

/// What is known of a node before anybody writes its config.
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
    /// Its private key, PEM. The text holds it in the clear.
    pub key: &'a str,
}

/// Writes a node config and a cluster config for `node`, as one text of two documents.
///
/// The text is parsed by [`crate::parse_node_documents`] as it is if the fields are what they should be.
#[must_use]
pub fn node_documents(node: &NodeTemplate<'_>) -> String {
    let NodeTemplate { hostname, cluster, .. } = node;
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

    #[test]
    fn is_a_valid_config() {
        let pem = |kind: &str| format!("-----BEGIN {kind}-----\nYWJj\nZGVm\n-----END {kind}-----\n");
        let certificate = pem("CERTIFICATE");
        let text = node_documents(&NodeTemplate {
            hostname: "node1",
            cluster: "home",
            certificate_authority: &certificate,
            certificate: &certificate,
            key: &pem("PRIVATE KEY"),
        });
        let parsed = crate::parse_node_documents("node.yaml", &text).unwrap();
        assert_eq!(parsed.node.hostname, "node1");
        assert_eq!(parsed.node.api.certificate, certificate);
        assert_eq!(parsed.node.api.key.expose(), pem("PRIVATE KEY"));
        assert_eq!(parsed.node.api.port, 9443);
        assert_eq!(parsed.cluster.metadata.name, "home");
    }
}
