//! Maintenance over real TLS on the loopback, with the real client.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use api::{
    CheckRequest, Client, ClientError, LogQuery, MaintenanceClient, MaintenanceReason, PairingCode,
    PartitionName, WipeRequest,
};
use config::NodeDocuments;
use tokio::sync::oneshot;

use super::{Ca, init, listen, serve as serve_configured};
use crate::config_source::Accepted;
use crate::maintenance::{Door, Entering, Maintenance, Tls, Trouble};
use crate::partitions::Partitions;
use crate::serve::{Admission, Service, maintenance_config, maintenance_router, server_config};
use crate::timekeeper::Doubt;

/// A node in maintenance that is served.
struct Waiting {
    address: SocketAddr,
    code: PairingCode,
    root: tempfile::TempDir,
    maintenance: Arc<Maintenance>,
    decided: oneshot::Receiver<Accepted<Tls>>,
}

impl Waiting {
    fn new(reason: MaintenanceReason, problem: &str) -> Waiting {
        Waiting::with(reason, problem, Partitions::default())
    }

    fn with(reason: MaintenanceReason, problem: &str, partitions: Partitions) -> Waiting {
        let root = tempfile::tempdir().unwrap();
        let (door, shown) = Door::new().unwrap();
        let door = Arc::new(door);
        let entering = Entering {
            init: init().0,
            image: api::ImageFacts { name: "single".into(), ..api::ImageFacts::default() },
            root: root.path().to_owned(),
            check: Box::new(|documents: &NodeDocuments| server_config(&documents.node.api, Doubt::default())),
            partitions: Arc::new(partitions),
            trouble: Trouble {
                reason,
                problem: problem.to_owned(),
                passed_over: Vec::new(),
                beside: Box::default(),
            },
        };
        let (maintenance, decided) = Maintenance::new(entering, Some(Arc::clone(&door)));
        let (maintenance, code) = (Arc::new(maintenance), door.code());
        let address = listen(Service {
            tls: maintenance_config(shown.certificate_der, &shown.key_pem).unwrap(),
            admission: Admission::Code(door),
            routes: maintenance_router(Arc::clone(&maintenance)),
        });
        Waiting { address, code, root, maintenance, decided }
    }

    fn client(&self) -> MaintenanceClient {
        MaintenanceClient::connect(&self.address.to_string(), &self.code).unwrap()
    }

    /// The code with another secret.
    fn with_secret(&self, secret: &str) -> PairingCode {
        let code = self.code.to_string().replace('-', "");
        (code[..12].to_owned() + secret).parse().unwrap()
    }
}

/// A config whose certificates are under `ca`.
fn config(ca: &Ca, hostname: &str) -> String {
    let (certificate, key) = ca.issue(api::SERVER_NAME);
    let block = |pem: &str| pem.lines().map(|line| format!("\n    {line}")).collect::<String>();
    format!(
        "apiVersion: ironhull.dev/v1\nkind: NodeConfig\nhostname: {hostname}\napi:\n  certificateAuthority: |{}\n  \
         certificate: |{}\n  key: |{}\n",
        block(&ca.0.pem()),
        block(&certificate),
        block(&key)
    )
}

/// The parts of a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String, String) {
    match result {
        Err(ClientError::Node { status, error, details, .. }) => (status, error, details.unwrap_or_default()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_has_the_code_sees_what_the_node_waits_for_and_gives_it_its_config() {
    let node = Waiting::new(MaintenanceReason::ConfigRefused, "error: a\nerror: b");
    let client = node.client();
    let status = client.status().unwrap();
    assert_eq!(
        (status.reason, status.problem.as_str()),
        (MaintenanceReason::ConfigRefused, "error: a\nerror: b")
    );
    assert_eq!((status.image.name.as_str(), status.uptime_ms, status.wrong_codes), ("single", 1000, 0));
    assert_eq!((status.stages[0].name.as_str(), status.boot.unwrap().generation), ("init", 3));
    client.links().unwrap();
    client.disks().unwrap();
    let query = LogQuery { service: "etcd".into(), lines: 10, follow: false, generation: None };
    assert_eq!(client.logs(&query).unwrap().next().unwrap().unwrap().text, "one");

    let (ca, other) = (Ca::new(), Ca::new());
    let (status, error, details) =
        refusal(client.apply("apiVersion: ironhull.dev/v1\nkind: NodeConfig\nhostnam: x\n"));
    assert_eq!((status, error.as_str()), (422, "the config can't be used"));
    assert!(
        details.contains("hostnam") && details.contains("api") && details.contains('^'),
        "all errors: {details}"
    );
    // Well-formed, and refused for what only the node tries.
    let mixed = config(&ca, "node7").replacen("-----BEGIN PRIVATE", "-----BEGIN OTHER", 1);
    assert_eq!(refusal(client.apply(&mixed)).0, 422);
    assert!(!node.root.path().join("state").exists(), "nothing is kept of what is refused");

    let text = config(&ca, "node7");
    client.apply(&text).unwrap();
    let kept = fs::read_to_string(node.root.path().join("state/config/given.yaml")).unwrap();
    assert_eq!(kept, text);
    let again = refusal(client.apply(&config(&other, "node8")));
    assert_eq!((again.0, again.1.as_str()), (409, "the node has got a config meanwhile"));
    let accepted = node.decided.blocking_recv().unwrap();
    assert_eq!((accepted.facts.source.as_deref(), accepted.given), (Some("api"), Some(text)));
    assert_eq!(accepted.documents.node.hostname, "node7");
}

#[test]
fn a_wrong_code_gets_nothing_and_is_counted() {
    let node = Waiting::new(MaintenanceReason::NoConfig, "no config found");
    let wrong = MaintenanceClient::connect(&node.address.to_string(), &node.with_secret("00000000")).unwrap();
    for _ in 0..3 {
        let (status, error, _) = refusal(wrong.status());
        assert_eq!((status, error.as_str()), (401, "the pairing code is not the right one"));
    }
    assert_eq!(refusal(wrong.apply("x")).0, 401);
    assert_eq!(refusal(wrong.disks()).0, 401);
    assert_eq!(node.client().status().unwrap().wrong_codes, 5);
}

#[test]
fn nothing_is_sent_to_a_node_with_another_key() {
    let (node, other) =
        (Waiting::new(MaintenanceReason::NoConfig, ""), Waiting::new(MaintenanceReason::NoConfig, ""));
    let error = MaintenanceClient::connect(&other.address.to_string(), &node.code).unwrap_err();
    assert!(matches!(error, ClientError::NotPaired { .. }), "{error}");
    assert_eq!(other.maintenance.describe().wrong_codes, 0, "the secret was not even tried");
    // A configured node has another key, too.
    let configured = serve_configured(&Ca::new(), api::SERVER_NAME);
    let error = MaintenanceClient::connect(&configured.to_string(), &node.code).unwrap_err();
    assert!(matches!(error, ClientError::NotPaired { .. }), "{error}");
}

/// Sends a raw request over TLS that trusts anybody, as one who is not the operator would.
fn raw(address: SocketAddr, request: &str) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("anything.example").unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn routes_of_a_configured_node_do_not_exist_and_without_a_code_nothing_does() {
    let node = Waiting::new(MaintenanceReason::NoConfig, "");
    let secret = node.code.secret();
    let ask =
        |line: &str, more: &str| raw(node.address, &format!("{line} HTTP/1.1\r\nHost: x\r\n{more}\r\n"));
    let authorized = format!("Authorization: Pairing {secret}\r\n");
    for (line, more, status) in [
        ("GET /v1/maintenance", authorized.as_str(), "200"),
        ("GET /v1/maintenance", "", "401"),
        ("GET /v1/maintenance", "Authorization: Basic eDp4\r\n", "401"),
        ("GET /v1/nothing", "", "401"),
        ("GET /v1/status", authorized.as_str(), "404"),
        ("GET /v1/maintenance/partitions", authorized.as_str(), "200"),
        ("POST /v1/maintenance/partitions/root-a/wipe", authorized.as_str(), "404"),
        ("POST /v1/maintenance/partitions/state/wipe", "", "401"),
        ("GET /v1/partitions", authorized.as_str(), "404"),
        ("POST /v1/maintenance/reboot", "", "401"),
        ("POST /v1/reboot", authorized.as_str(), "404"),
        ("POST /v1/kubeconfig", authorized.as_str(), "404"),
        ("DELETE /v1/maintenance", authorized.as_str(), "405"),
    ] {
        assert_eq!(ask(line, more), format!("HTTP/1.1 {status}"), "{line} {more}");
    }
    let long = format!("{authorized}Content-Length: {}\r\n", api::MAX_CONFIG_BYTES + 1);
    assert_eq!(ask("POST /v1/maintenance/config", &long), "HTTP/1.1 413");
}

#[test]
fn routes_of_maintenance_do_not_exist_on_a_configured_node() {
    let ca = Ca::new();
    let address = serve_configured(&ca, api::SERVER_NAME);
    for request in [
        "GET /v1/maintenance",
        "POST /v1/maintenance/config",
        "POST /v1/maintenance/reboot",
        "POST /v1/maintenance/partitions/state/wipe",
    ] {
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(super::raw(&ca, address, request.as_bytes()), "HTTP/1.1 404");
    }
    // Nor does an operator's certificate open a node that knows no operator.
    let node = Waiting::new(MaintenanceReason::NoConfig, "");
    let client = Client::new(&node.address.to_string(), &ca.operator(&ca)).unwrap();
    assert!(matches!(client.status().unwrap_err(), ClientError::Untrusted { .. }));
}

#[test]
fn connections_that_only_stand_or_guess_keep_no_operator_out() {
    let node = Waiting::new(MaintenanceReason::NoConfig, "");
    let idle: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(node.address).unwrap()).collect();
    let (address, wrong) = (node.address.to_string(), node.with_secret("00000000"));
    let guessing: Vec<_> = (0..8)
        .map(|_| {
            let address = address.clone();
            std::thread::spawn(move || {
                for _ in 0..5 {
                    // Which of these come to an end does not matter.
                    let _ = MaintenanceClient::connect(&address, &wrong).map(|client| client.status());
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    node.client().status().unwrap();
    guessing.into_iter().for_each(|thread| thread.join().unwrap());
    drop(idle);
}

#[test]
fn a_node_that_could_not_keep_a_config_takes_none() {
    let node = Waiting::new(MaintenanceReason::StateUnusable, "bad superblock");
    let client = node.client();
    assert_eq!(client.status().unwrap().reason, MaintenanceReason::StateUnusable);
    let (status, error, _) = refusal(client.apply(&config(&Ca::new(), "node7")));
    assert_eq!(status, 409);
    assert!(error.contains("state partition"), "{error}");
    // The same where it can't be written.
    let node = Waiting::new(MaintenanceReason::NoConfig, "");
    fs::write(node.root.path().join("state"), "no folder").unwrap();
    let (status, error, _) = refusal(node.client().apply(&config(&Ca::new(), "node7")));
    assert_eq!(status, 409);
    assert!(error.starts_with("keeping the config: "), "{error}");
    fs::remove_file(node.root.path().join("state")).unwrap();
    node.client().apply(&config(&Ca::new(), "node7")).unwrap();
}

#[test]
fn a_damaged_partition_takes_orders_from_whoever_has_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("vda7");
    fs::write(&device, [9; 8192]).unwrap();
    let damage = control::Damage {
        label: "state".into(),
        device: Some(device.display().to_string()),
        problem: "mounting: bad superblock".into(),
        check: vec!["e2fsck failed".into()],
    };
    let partitions = Partitions::new(std::path::Path::new("/"), vec![damage]);
    let node = Waiting::with(MaintenanceReason::StateUnusable, "bad superblock", partitions);
    let client = node.client();
    let status = client.status().unwrap();
    assert_eq!(status.damage, ["state: mounting: bad superblock"]);
    let shown = client.partitions().list().unwrap().partitions;
    assert_eq!((shown.len(), &shown), (1, &status.partitions));
    let wrong = MaintenanceClient::connect(&node.address.to_string(), &node.with_secret("00000000")).unwrap();
    assert_eq!(refusal(wrong.partitions().wipe(PartitionName::State, &WipeRequest::default())).0, 401);
    let refused = refusal(client.partitions().check(PartitionName::Data, &CheckRequest { repair: true }));
    assert_eq!((refused.0, refused.1.as_str()), (409, "the partition data is in use"));
    let wiped = client.partitions().wipe(PartitionName::State, &WipeRequest { dry_run: true }).unwrap();
    assert!(!wiped.lost.is_empty() && fs::read(&device).unwrap() == [9; 8192]);
    client.partitions().wipe(PartitionName::State, &WipeRequest { dry_run: false }).unwrap();
    assert!(client.partitions().list().unwrap().partitions[0].wiped);
    assert!(fs::read(&device).unwrap().starts_with(b"IRONHULL-UNFORMATTED"));
}

/// Trusts every certificate.
#[derive(Debug)]
struct Anybody(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
