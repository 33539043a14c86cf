//! The error messages for invalid documents: each kind of error, word for word.

use config::{parse_node_documents, parse_profile, validate};

/// A valid profile.
const PROFILE: &str = "\
apiVersion: ironhull.dev/v1
kind: ImageProfile
name: single
role: single
kubernetes: { version: 1.36.3 }
kernel: { config: [base] }
";

/// A valid node config.
const NODE: &str = "\
apiVersion: ironhull.dev/v1
kind: NodeConfig
hostname: node1
api:
  certificateAuthority: |
    -----BEGIN CERTIFICATE-----
    YWJj
    -----END CERTIFICATE-----
  certificate: |
    -----BEGIN CERTIFICATE-----
    YWJj
    -----END CERTIFICATE-----
  key: |
    -----BEGIN PRIVATE KEY-----
    c2VjcmV0
    -----END PRIVATE KEY-----
";

fn profile_errors(text: &str) -> String {
    parse_profile("p.yaml", text).expect_err("the text is wrong").to_string()
}

fn node_errors(text: &str) -> String {
    parse_node_documents("n.yaml", text).expect_err("the text is wrong").to_string()
}

/// Returns the errors of a cluster config with this `spec`, after a valid node config.
fn cluster_errors(spec: &str) -> String {
    let text = format!("apiVersion: ironhull.dev/v1\nkind: ClusterConfig\nspec:\n{spec}---\n{NODE}");
    node_errors(&text)
}

/// Returns only the messages and hints.
fn brief(errors: &str) -> Vec<String> {
    let take = |l: &str| {
        let hint = l.trim_start().strip_prefix("= hint: ").map(|h| format!("hint: {h}"));
        l.strip_prefix("error: ").map(str::to_owned).or(hint)
    };
    errors.lines().filter_map(take).collect()
}

#[test]
fn good_ones_are_accepted() {
    assert!(parse_profile("p.yaml", PROFILE).is_ok());
    assert!(parse_node_documents("n.yaml", NODE).is_ok());
    assert!(validate("p.yaml", PROFILE).is_ok());
    assert!(validate("n.yaml", NODE).is_ok());
    let windows = format!("\u{feff}---\r\n{}---\r\n", NODE.replace('\n', "\r\n"));
    assert!(parse_node_documents("n.yaml", &windows).is_ok());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn all_errors_of_a_document_are_listed_in_order() {
    let text = "\
apiVersion: ironhull.dev/v2
kind: ImageProfile
nmae: single
role: workers
role: single
kubernetes: { version: 1.36 }
kernel: { config: [] }
outputs: [raw, qcow, vhdx]
slots: { rootMiB: 5 }
addons: []
secureBoot: { key: \"\" }
qcow2: { compression: none }
updateKeys: [a.json]
version: 1 beta
epoch: 4294967296
overlay: [files, \"\"]
";
    let expected = "\
error: key \"name\" is missing
 --> p.yaml:1:1
  |
1 | apiVersion: ironhull.dev/v2
  | ^

error: apiVersion: expected \"ironhull.dev/v1\", found \"ironhull.dev/v2\"
 --> p.yaml:1:13
  |
1 | apiVersion: ironhull.dev/v2
  |             ^^^^^^^^^^^^^^^

error: unknown key \"nmae\"
 --> p.yaml:3:1
  |
3 | nmae: single
  | ^^^^
  = hint: did you mean name?

error: role: expected single, controller or worker, found \"workers\"
 --> p.yaml:4:7
  |
4 | role: workers
  |       ^^^^^^^
  = hint: did you mean worker?

error: key \"role\" is repeated
 --> p.yaml:5:1
  |
5 | role: single
  | ^^^^
  = hint: the first one is on line 4

error: kubernetes.version: expected text, found a number
 --> p.yaml:6:24
  |
6 | kubernetes: { version: 1.36 }
  |                        ^^^^
  = hint: quotes make it text

error: kernel.config: expected at least one fragment, found none
 --> p.yaml:7:19
  |
7 | kernel: { config: [] }
  |                   ^

error: outputs.1: expected raw, qcow2, vmdk, ova, vhd, iso, netboot or bundle, found \"qcow\"
 --> p.yaml:8:16
  |
8 | outputs: [raw, qcow, vhdx]
  |                ^^^^
  = hint: did you mean qcow2?

error: outputs.2: \"vhdx\" is planned, but not supported yet
 --> p.yaml:8:22
  |
8 | outputs: [raw, qcow, vhdx]
  |                      ^^^^
  = hint: supported: raw, qcow2, vmdk, ova, vhd, iso, netboot, bundle

error: slots.rootMiB: expected a number from 64 to 16384, found 5
 --> p.yaml:9:19
  |
9 | slots: { rootMiB: 5 }
  |                   ^

error: key \"addons\" is planned, but not supported yet
  --> p.yaml:10:1
   |
10 | addons: []
   | ^^^^^^

error: secureBoot: key \"certificate\" is missing
  --> p.yaml:11:13
   |
11 | secureBoot: { key: \"\" }
   |             ^

error: secureBoot.key: expected the name of a file, found \"\"
  --> p.yaml:11:15
   |
11 | secureBoot: { key: \"\" }
   |               ^^^

error: qcow2.compression: expected zstd or zlib, found \"none\"
  --> p.yaml:12:23
   |
12 | qcow2: { compression: none }
   |                       ^^^^

error: updateKeys: expected text, found a list
  --> p.yaml:13:13
   |
13 | updateKeys: [a.json]
   |             ^

error: version: expected a version of at most 64 letters, digits and \".+~_-\", found \"1 beta\"
  --> p.yaml:14:10
   |
14 | version: 1 beta
   |          ^^^^^^

error: epoch: expected a number from 0 to 4294967295, found 4294967296
  --> p.yaml:15:8
   |
15 | epoch: 4294967296
   |        ^^^^^^^^^^

error: overlay.1: expected the name of a file, found \"\"
  --> p.yaml:16:18
   |
16 | overlay: [files, \"\"]
   |                  ^^
";
    assert_eq!(profile_errors(text), expected);
}

#[test]
fn a_qcow2_is_zstd_unless_told_otherwise() {
    for (more, expected) in [
        ("", config::Compression::Zstd),
        ("qcow2: {}\n", config::Compression::Zstd),
        ("qcow2: { compression: zlib }\n", config::Compression::Zlib),
    ] {
        let profile = config::parse_profile("p.yaml", &format!("{PROFILE}{more}")).unwrap();
        assert_eq!(profile.qcow2.compression, expected, "{more}");
    }
}

#[test]
fn malformed_yaml_is_shown_where_it_breaks() {
    let cases = [
        ("name: a\n\trole: b\n", "p.yaml:2:1", "hint: indent with spaces, not with tabs"),
        ("name: [a, b\nrole: c\n", "p.yaml:2:", "malformed YAML"),
        ("name: \"a\n", "p.yaml:", "malformed YAML"),
        ("a: b: c\n", "p.yaml:1:", "malformed YAML"),
        ("a: @b\n", "p.yaml:1:4", "malformed YAML"),
        ("a: \u{1}\n", "p.yaml:1:", "malformed YAML"),
    ];
    for (text, place, message) in cases {
        let errors = profile_errors(text);
        assert!(errors.contains(place) && errors.contains(message), "{text:?}:\n{errors}");
    }
}

#[test]
fn documents_are_counted() {
    let two = format!("{PROFILE}---\n{PROFILE}");
    assert_eq!(brief(&profile_errors(&two)), ["expected one document, found another"]);
    let two = format!("{NODE}---\n{NODE}");
    let expected = ["expected one NodeConfig, found another", "hint: the first one is on line 1"];
    assert_eq!(brief(&node_errors(&two)), expected);
    let expected = ["the text holds no document", "hint: a document begins with apiVersion: ironhull.dev/v1"];
    assert_eq!(brief(&node_errors("# nothing\n")), expected);
    let cluster = "apiVersion: ironhull.dev/v1\nkind: ClusterConfig\n";
    assert_eq!(brief(&node_errors(cluster)), ["no document of kind NodeConfig found"]);
    assert_eq!(
        brief(&node_errors(PROFILE)),
        ["kind: expected NodeConfig or ClusterConfig, found \"ImageProfile\""]
    );
    assert_eq!(brief(&node_errors("- a\n")), ["expected a mapping with apiVersion and kind"]);
    assert_eq!(brief(&node_errors("a: 1\n")), ["key \"kind\" is missing: NodeConfig, ClusterConfig"]);
    let misspelt = NODE.replace("NodeConfig", "Nodeconfig");
    assert_eq!(brief(&node_errors(&misspelt))[1], "hint: did you mean NodeConfig?");
}

#[test]
fn a_broken_document_does_not_hide_errors_of_the_next() {
    let text =
        format!("{NODE}\nlabels: [\n---\napiVersion: ironhull.dev/v1\nkind: ClusterConfig\nspce: {{}}\n");
    let errors = brief(&node_errors(&text));
    assert!(errors[0].starts_with("malformed YAML"), "{errors:?}");
    assert_eq!(errors[1], "unknown key \"spce\"");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn node_config_values_are_checked() {
    let cases: [(&str, &[&str]); 15] = [
        ("hostname: Node_1\n", &["key \"hostname\" is repeated", "hint: the first one is on line 3"]),
        (
            "time: { servers: [a_b] }\n",
            &["time.servers.0: expected a DNS name or an IPv4 address, found \"a_b\""],
        ),
        ("time:\n", &["time: expected a mapping, found nothing"]),
        (
            "labels: { kubernetes.io/role: x }\n",
            &[
                "labels: \"kubernetes.io/role\" is a label that a node may not give itself",
                "hint: set it with kubectl label node once the node has joined",
            ],
        ),
        (
            "labels: { a: true }\n",
            &["labels.a: expected text, found a truth value", "hint: quotes make it text"],
        ),
        (
            "labels: { a: yes }\n",
            &[
                "yes does not mean the same to every YAML reader",
                "hint: write true, or \"yes\" in quotes for the word",
            ],
        ),
        (
            "taints: [{ key: a, effect: noSchedule }]\n",
            &[
                "taints.0.effect: expected NoSchedule, PreferNoSchedule or NoExecute, found \"noSchedule\"",
                "hint: did you mean NoSchedule?",
            ],
        ),
        (
            "network: { ethernets: { eth0: { addresses: [10.0.0.5] } } }\n",
            &[
                "network.ethernets.eth0.addresses.0: expected an IPv4 address with prefix length, as 10.0.0.5/24, \
                 found \"10.0.0.5\"",
            ],
        ),
        (
            "network: { ethernets: { eth0: { routes: [{ to: default, via: 10.0.0.1 }] } } }\n",
            &["network.ethernets.eth0: routes need an address: expected addresses or dhcp4, found neither"],
        ),
        (
            "network: { ethernets: { eth0: { match: {} } } }\n",
            &["network.ethernets.eth0.match: expected name, macaddress or driver, found none"],
        ),
        ("network: { bonds: { b: {} } }\n", &["network.bonds.b: key \"interfaces\" is missing"]),
        (
            "network: { ethernets: { eth0: { mtu: 99999 } } }\n",
            &["network.ethernets.eth0.mtu: expected a number from 576 to 9216, found 99999"],
        ),
        (
            "kubelet: { extraConfig: { cgroupDriver: systemd } }\n",
            &["kubelet.extraConfig: \"cgroupDriver\" is set by the node itself"],
        ),
        (
            "health: { deadlineSecs: 5 }\n",
            &["health.deadlineSecs: expected a number from 20 to 86400, found 5"],
        ),
        ("join: {}\n", &["join: key \"token\" is missing"]),
    ];
    for (addition, expected) in cases {
        assert_eq!(brief(&node_errors(&format!("{NODE}{addition}"))), expected, "{addition}");
    }
}

#[test]
fn cluster_config_values_are_checked() {
    let cases: [(&str, &[&str]); 13] = [
        (
            "  podSecurity: { enforce: strict }\n",
            &["spec.podSecurity.enforce: expected privileged, baseline or restricted, found \"strict\""],
        ),
        (
            "  podSecurity: { exemptNamespaces: [Kube] }\n",
            &[
                "spec.podSecurity.exemptNamespaces.0: expected a name of at most 63 lower-case letters, digits and \
                 '-', found \"Kube\"",
            ],
        ),
        ("  api: { audit: all }\n", &["spec.api.audit: expected none, metadata or request, found \"all\""]),
        (
            "  network: { provider: kuberouter }\n",
            &[
                "spec.network.provider: \"kuberouter\" is planned, but not supported yet",
                "hint: supported: bridge, calico, custom",
            ],
        ),
        (
            "  network: { podCIDR: 10.96.0.0/16 }\n",
            &["spec.network: pods 10.96.0.0/16 and services 10.96.0.0/12 overlap"],
        ),
        (
            "  network: { podCIDR: 10.244.1.0/16 }\n",
            &[
                "spec.network.podCIDR: expected the first address of a range, found \"10.244.1.0/16\"",
                "hint: the range is 10.244.0.0/16",
            ],
        ),
        (
            "  network: { serviceCIDR: 10.0.0.0/8 }\n",
            &["spec.network.serviceCIDR: expected a prefix length from 12 to 24, found 8"],
        ),
        (
            "  storage: { type: kine, etcd: {} }\n",
            &["spec.storage: settings of etcd, but the storage type is kine"],
        ),
        ("  konnectivity: {}\n", &["spec: key \"konnectivity\" is planned, but not supported yet"]),
        (
            "  api: { extraArgs: { --v: 2 } }\n",
            &[
                "spec.api.extraArgs: expected the name of a flag without dashes, found \"--v\"",
                "hint: write v",
            ],
        ),
        ("  api: { port: 0 }\n", &["spec.api.port: expected a number from 1 to 65535, found 0"]),
        ("  featureGates: { A: maybe }\n", &["spec.featureGates.A: expected true or false, found text"]),
        (
            "  extensions:\n    manifests:\n      - name: a\n        manifest: |\n          kind: Pod\n",
            &[
                "spec.extensions.manifests.0.manifest: line 1: key \"apiVersion\" is missing",
                "spec.extensions.manifests.0.manifest: line 1: key \"metadata\" is missing",
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(brief(&cluster_errors(spec)), expected, "{spec}");
    }
}

#[test]
fn keys_are_never_shown() {
    let cases = [
        NODE.replace("c2VjcmV0", "c2VjcmV0 oops"),
        NODE.replace("  key: |", "  kee: |"),
        NODE.replace("    c2VjcmV0", "c2VjcmV0"),
        NODE.replace("    c2VjcmV0", "\tc2VjcmV0"),
        NODE.replace("    -----END PRIVATE KEY-----\n", ""),
    ];
    for text in cases {
        let errors = node_errors(&text);
        assert!(!errors.contains("c2VjcmV0"), "{errors}");
    }
    let inline = format!("{}  key: c2VjcmV0\n", NODE.split("  key:").next().expect("it has a part before"));
    assert!(!node_errors(&inline).contains("c2VjcmV0"));
}

#[test]
fn hostile_texts_end_in_errors() {
    let huge = format!("a: {}", "x".repeat(1 << 20));
    assert_eq!(brief(&node_errors(&huge)), ["the text has 1048579 bytes, expected at most 1048576"]);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", ")));
    }
    assert!(node_errors(&bomb).contains("aliases are not accepted"));
    let keys: String = (0..40_000).map(|i| format!("k{i}:\n")).collect();
    let errors = profile_errors(&format!("{PROFILE}{keys}"));
    assert!(errors.lines().count() < 1000);
    assert!(errors.ends_with("\nerror: 39900 more errors in p.yaml\n"));
    assert!(profile_errors(&"{".repeat(1 << 20)).contains("error"));
    assert!(profile_errors(&"- ".repeat(1 << 19)).contains("error"));
    assert!(profile_errors(&"---\n".repeat(1 << 18)).contains("error"));
}

#[test]
fn the_profiles_that_are_shipped_are_good() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../image-profiles");
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be listed").path();
        let text = std::fs::read_to_string(&path).expect("it is text");
        parse_profile(&path.display().to_string(), &text).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(text.lines().count() <= 40, "{} is too long", path.display());
    }
}

proptest::proptest! {
    #[test]
    fn parsing_never_panics(junk in "[\\PC\n\t]{0,60}", at in 0usize..400, cut in 0usize..60) {
        for good in [PROFILE, NODE] {
            let (start, end) = (at.min(good.len()), (at + cut).min(good.len()));
            let text = format!("{}{junk}{}", &good[..start], &good[end..]);
            for parsed in [parse_profile("p", &text).err(), parse_node_documents("n", &text).err()] {
                parsed.map(|errors| errors.to_string());
            }
        }
    }
}
