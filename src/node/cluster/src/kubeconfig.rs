//! Kubeconfigs, as JSON, which is valid YAML: only JSON's quoting is needed.

use data_encoding::BASE64;
use serde_json::{Value, json};

/// The certificates and the key of a kubeconfig, PEM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Embedded<'a> {
    pub authority: &'a str,
    pub certificate: &'a str,
    pub key: &'a str,
}

/// A self-contained kubeconfig, for an operator.
pub(crate) fn embedded(cluster: &str, server: &str, user: &str, keys: &Embedded) -> String {
    let authority =
        json!({ "server": server, "certificate-authority-data": BASE64.encode(keys.authority.as_bytes()) });
    let user_value = json!({
        "client-certificate-data": BASE64.encode(keys.certificate.as_bytes()),
        "client-key-data": BASE64.encode(keys.key.as_bytes()),
    });
    config((cluster, authority), (user, user_value))
}

/// Paths of the certificates and the key of a kubeconfig, PEM. Certificate and key may be in one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Files<'a> {
    pub authority: &'a str,
    pub certificate: &'a str,
    pub key: &'a str,
}

/// A component's kubeconfig: it refers to files, so that the component notices new ones.
pub(crate) fn by_files(cluster: &str, server: &str, user: &str, files: &Files) -> String {
    let authority = json!({ "server": server, "certificate-authority": files.authority });
    let user_value = json!({ "client-certificate": files.certificate, "client-key": files.key });
    config((cluster, authority), (user, user_value))
}

/// A kubeconfig with one cluster, one user and one context.
fn config((cluster, cluster_value): (&str, Value), (user, user_value): (&str, Value)) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": cluster, "cluster": cluster_value }],
        "users": [{ "name": user, "user": user_value }],
        "contexts": [{ "name": cluster, "context": { "cluster": cluster, "user": user } }],
        "current-context": cluster,
    });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_files_or_holds_them() {
        let files = Files { authority: "/a", certificate: "/b", key: "/state/pki/kubelet/client.key" };
        let by_files = by_files("c", "https://127.0.0.1:6443", "u", &files);
        let by_files: Value = serde_json::from_str(&by_files).unwrap();
        assert_eq!(by_files["users"][0]["user"]["client-key"], "/state/pki/kubelet/client.key");
        assert_eq!(by_files["current-context"], by_files["contexts"][0]["name"]);
        let keys = Embedded { authority: "a", certificate: "b", key: "foo" };
        let embedded: Value = serde_json::from_str(&embedded("c", "https://x:6443", "u", &keys)).unwrap();
        assert_eq!(embedded["users"][0]["user"]["client-key-data"], "Zm9v");
    }
}
