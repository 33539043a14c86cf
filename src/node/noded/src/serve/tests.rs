//! The API over real TLS on the loopback, with the real client, against a stand-in for `init`.

mod maintenance;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::IntoRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use api::{Client, ClientError, Credentials, KubeconfigRequest, LogQuery, SERVER_NAME};
use config::{NodeApi, Secret};
use control::{BootOrder, LogLine, Reply, Request, ServiceState, ServiceStatus, read_message, write_message};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use slots::{Slot, Why};

use crate::condition::{CONFIG_ACCEPTED, Claim};
use crate::init::Init;
use crate::node::Node;
use crate::state::Keeper;
use crate::store::{Care, Restorer};
use crate::testing;
use crate::timekeeper::Doubt;
use crate::upgrade::Upgrader;

/// An authority and what it issues.
struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    fn new() -> Ca {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ca(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `name` and its key, both PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// What an operator holds who trusts `trusted` and shows a certificate of this authority.
    fn operator(&self, trusted: &Ca) -> Credentials {
        let (certificate, key) = self.issue("operator");
        Credentials { ca: trusted.0.pem(), certificate, key }
    }
}

/// A node whose server certificate carries `name`; returns where it listens.
fn serve(ca: &Ca, name: &str) -> SocketAddr {
    serve_with(ca, name, init().0)
}

/// The same with a certain `init`.
fn serve_with(ca: &Ca, name: &str, init: Init) -> SocketAddr {
    serve_in_doubt(ca, name, (init, Doubt::default()))
}

/// The same with a clock that is in doubt.
fn serve_in_doubt(ca: &Ca, name: &str, of: (Init, Doubt)) -> SocketAddr {
    serve_changed(ca, name, of, |_| ())
}

/// The same with another image or state.
fn serve_changed(
    ca: &Ca,
    name: &str,
    (init, doubt): (Init, Doubt),
    change: impl FnOnce(&mut Node),
) -> SocketAddr {
    let (certificate, key) = ca.issue(name);
    let api =
        NodeApi { certificate_authority: ca.0.pem(), certificate, key: Secret::new(key), port: api::PORT };
    let tls = super::server_config(&api, doubt).unwrap();
    let facts = (api::ConfigFacts::default(), Doubt::default());
    let mut node = Node::new(init, testing::image(), testing::documents(api), facts);
    node.state = Keeper::at(Path::new("/nowhere"));
    change(&mut node);
    node.claim(CONFIG_ACCEPTED, Claim::yes("Accepted"));
    let node = Arc::new(node);
    let served = super::Served {
        upgrader: Arc::new(Upgrader::new(Arc::clone(&node))),
        restorer: Arc::new(Restorer::new(Arc::clone(&node))),
        care: Arc::new(Care::new(Arc::clone(&node))),
        node,
    };
    let service =
        super::Service { tls, admission: super::Admission::Certificate, routes: super::router(served) };
    listen(service)
}

/// Serves on the loopback; returns where.
fn listen(service: super::Service) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            super::serve(tokio::net::TcpListener::from_std(listener).unwrap(), service).await;
        });
    });
    address
}

/// Connections over which a log was followed.
type Followed = Arc<AtomicUsize>;

/// A stand-in for `init` with one service, `etcd`.
fn init() -> (Init, Followed) {
    let followed = Followed::default();
    let counter = Arc::clone(&followed);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("init.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    // It serves until the program ends, when nobody is left to remove a folder: the socket is found by a descriptor.
    let flags = i32::try_from(rustix::fs::OFlags::PATH.bits()).unwrap();
    let found = fs::File::options().read(true).custom_flags(flags).open(&socket).unwrap();
    let socket = PathBuf::from(format!("/proc/self/fd/{}", found.into_raw_fd()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let counter = Arc::clone(&counter);
            thread::spawn(move || answer(&stream, &counter));
        }
    });
    (Init::at(&socket), followed)
}

fn answer(stream: &UnixStream, followed: &Followed) {
    let mut from = BufReader::new(stream);
    let mut follows = false;
    while let Ok(Some(request)) = read_message::<Request>(&mut from) {
        if matches!(request, Request::Logs { follow: true, .. }) && !std::mem::replace(&mut follows, true) {
            followed.fetch_add(1, Ordering::Relaxed);
        }
        let reply = match request {
            Request::Status { .. } => Reply::Status(status()),
            Request::Logs { service, follow, .. } => {
                let lines = |text: &str| vec![LogLine { at_ms: 1, text: text.to_owned() }];
                write_message(stream, &Reply::Logs { lines: lines("one") }).unwrap();
                // Enough to fill every buffer on the way to one who does not read.
                let long = "x".repeat(10_000);
                for text in ["two", &long].into_iter().chain([long.as_str(); 200]).filter(|_| follow) {
                    let reply = Reply::Followed { service: service.clone(), lines: lines(text) };
                    if write_message(stream, &reply).is_err() {
                        return;
                    }
                }
                continue;
            }
            Request::Restart { .. } | Request::Signal { .. } | Request::Shutdown { .. } => Reply::Ok,
            Request::Boot { order: BootOrder::BootOnce { slot: Some(_) } } => Reply::Ok,
            Request::Boot { .. } => Reply::Refused { message: "no".into(), hint: "wait".into() },
            _ => Reply::Error { message: "not here".into() },
        };
        write_message(stream, &reply).unwrap();
    }
}

fn status() -> control::Status {
    let etcd = ServiceStatus {
        name: "etcd".into(),
        state: ServiceState::Ready,
        pid: Some(7),
        restarts: 0,
        last_exit: None,
        since_ms: 5,
        usage: None,
    };
    let stages = vec![control::Stage { name: "init".into(), at_ms: 900 }];
    control::Status {
        services: vec![etcd],
        stages,
        uptime_ms: 1000,
        boot: Some(control::BootStatus {
            slot: Slot::A,
            generation: 3,
            why: Why::HasTries,
            next: None,
            boots: 0,
            epoch_floor: 0,
            slots: Vec::new(),
            trial: None,
        }),
        ..control::Status::default()
    }
}

#[test]
fn operator_sees_the_node() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME);
    let client = Client::new(&address.to_string(), &ca.operator(&ca)).unwrap();
    let status = client.status().unwrap();
    assert_eq!((status.node_name.as_str(), status.uptime_ms), ("node1", 1000));
    assert_eq!(status.stages[0].name, "init");
    assert_eq!(status.conditions[0].kind, CONFIG_ACCEPTED);
    assert_eq!(status.boot.unwrap().generation, 3);
    assert_eq!(client.services().unwrap().services[0].name, "etcd");
    client.boot_once(&api::BootOnceRequest { slot: Some("b".into()) }).unwrap();
    client.restart("etcd").unwrap();
    client.signal("etcd", 9).unwrap();
    client.reboot().unwrap();
    client.shutdown().unwrap();
}

#[test]
fn operator_reads_and_follows_logs() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME);
    let client = Client::new(&address.to_string(), &ca.operator(&ca)).unwrap();
    let query = |follow| LogQuery { service: "etcd".into(), lines: 10, follow, generation: None };
    let texts = |follow, count| {
        let lines = client.logs(&query(follow)).unwrap().take(count);
        lines.map(|l| l.unwrap().text).collect::<Vec<_>>()
    };
    assert_eq!(texts(false, 9), ["one"]);
    assert_eq!(texts(true, 2), ["one", "two"]);
}

#[test]
fn followers_that_never_read_share_one_connection_and_keep_no_order_out() {
    let ca = Ca::new();
    let (init, followed) = init();
    let address = serve_with(&ca, SERVER_NAME, init);
    let operator = ca.operator(&ca);
    let query = LogQuery { service: "etcd".into(), lines: 10, follow: true, generation: None };
    let followers: Vec<_> = (0..40)
        .map(|_| {
            let client = Client::new(&address.to_string(), &operator).unwrap();
            let lines = client.logs(&query).unwrap();
            (client, lines)
        })
        .collect();
    let client = Client::new(&address.to_string(), &operator).unwrap();
    for _ in 0..20 {
        client.status().unwrap();
        client.restart("etcd").unwrap();
    }
    assert_eq!(followed.load(Ordering::Relaxed), 1);
    // One who begins to read gets what there was first.
    let (_, mut lines) = followers.into_iter().next().unwrap();
    assert_eq!(lines.next().unwrap().unwrap().text, "one");
}

#[test]
fn connections_that_only_stand_keep_no_operator_out() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME);
    let connect = |_| TcpStream::connect(address).unwrap();
    let idle: Vec<TcpStream> = (0..400).map(connect).collect();
    let half: Vec<TcpStream> = (0..60).map(connect).collect();
    // The head of a handshake record of 512 bytes, and no more.
    half.iter().for_each(|stream| (&*stream).write_all(b"\x16\x03\x01\x02\x00\x01").unwrap());
    let slow: Vec<_> = (0..140)
        .map(|_| {
            let mut stream = secured(&ca, address);
            stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    let client = Client::new(&address.to_string(), &ca.operator(&ca)).unwrap();
    client.status().unwrap();
    client.reboot().unwrap();
    drop((idle, half, slow));
}

#[test]
fn refusals_say_why() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME);
    let client = Client::new(&address.to_string(), &ca.operator(&ca)).unwrap();
    let code = |result: Result<(), ClientError>| match result {
        Err(ClientError::Node { status, error, .. }) => (status, error),
        other => panic!("{other:?}"),
    };
    assert_eq!(code(client.restart("nope")), (404, "service \"nope\" does not exist".into()));
    assert_eq!(code(client.signal("nope", 9)).0, 404);
    assert_eq!(code(client.rollback()), (409, "no".into()));
    let Err(ClientError::Node { hint, .. }) = client.cancel() else { panic!("nothing to cancel") };
    assert_eq!(hint.as_deref(), Some("wait"));
    assert_eq!(code(client.signal("etcd", 0)), (400, "signal: expected 1 to 64, found 0".into()));
    let request = |server: Option<&str>, ttl_secs| {
        let request = KubeconfigRequest { server: server.map(Into::into), ttl_secs };
        code(client.kubeconfig(&request).map(drop))
    };
    assert_eq!(request(None, Some(1)).0, 400);
    assert_eq!(request(Some("http://x"), None).0, 400);
    assert_eq!(request(None, None), (503, "the cluster has no certificates yet".into()));
    let query = LogQuery { service: "etcd".into(), lines: 10_001, follow: false, generation: None };
    assert_eq!(code(client.logs(&query).map(drop)).0, 400);
}

#[test]
fn stranger_with_a_certificate_of_another_authority_is_refused() {
    let (ca, other) = (Ca::new(), Ca::new());
    let address = serve(&ca, SERVER_NAME);
    let client = Client::new(&address.to_string(), &other.operator(&ca)).unwrap();
    let error = client.status().unwrap_err();
    assert!(matches!(error, ClientError::Denied { .. }), "{error}");
}

#[test]
fn client_refuses_a_node_of_another_authority_or_name() {
    let (ca, other) = (Ca::new(), Ca::new());
    for (address, trusted) in [(serve(&ca, SERVER_NAME), &other), (serve(&ca, "node.example.org"), &ca)] {
        let client = Client::new(&address.to_string(), &ca.operator(trusted)).unwrap();
        let error = client.status().unwrap_err();
        assert!(matches!(error, ClientError::Untrusted { .. }), "{error}");
    }
}

#[test]
fn nobody_gets_in_without_a_certificate() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.0.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    // Whether the write still succeeds depends on who is faster; the answer never comes.
    let _ = stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).unwrap_err().to_string();
    assert!(error.contains("CertificateRequired"), "{error}");
    assert!(answer.is_empty());
}

/// Connects as the operator.
fn secured(ca: &Ca, address: SocketAddr) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let operator = ca.operator(ca);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(operator.ca.as_bytes()).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(operator.certificate.as_bytes()).unwrap()];
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(operator.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    rustls::StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

/// Sends one raw request as the operator and returns the status line.
fn raw(ca: &Ca, address: SocketAddr, request: &[u8]) -> String {
    let mut stream = secured(ca, address);
    stream.write_all(request).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn odd_requests_are_refused() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME);
    let long = "x".repeat(20_000);
    let cases = [
        ("GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "404"),
        ("DELETE /v1/status HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "405"),
        ("GET /v1/logs?service=etcd&tail=1 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("POST /v1/kubeconfig HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_owned(), "400"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET /v1/status HTTP/1.1\r\nHost: {long}\r\n\r\n"), "431"),
        (
            "POST /v1/kubeconfig HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: 99999999\r\n\r\n{"
                .to_owned(),
            "413",
        ),
    ];
    for (request, status) in cases {
        let answer = raw(&ca, address, request.as_bytes());
        assert_eq!(answer, format!("HTTP/1.1 {status}"), "{:.60}", request);
    }
}

#[test]
fn a_piece_that_nobody_waits_for_is_refused() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME);
    let client = Client::new(&address.to_string(), &ca.operator(&ca)).unwrap();
    let refused = client.upload("ab", 0, b"piece").unwrap_err();
    assert!(
        matches!(&refused, ClientError::Node { status: 409, error, .. } if error == "no upload is expected")
    );
    assert_eq!(client.upgrade().unwrap(), api::Upgrade::default());
}

#[test]
fn a_scrub_is_claimed_at_once() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME);
    let client = Client::new(&address.to_string(), &ca.operator(&ca)).unwrap();
    client.scrub().unwrap();
    // The program that should read the slots is this test here, which has no answer: what it finds is judged in QEMU.
    let conditions = client.status().unwrap().conditions;
    let claim = conditions.iter().find(|c| c.kind == "SlotsSound").unwrap();
    assert!(["Reading", "NotRead"].contains(&claim.reason.as_str()), "{claim:?}");
}

/// Operators whose certificates are not valid by the node's clock.
#[test]
fn a_clock_in_doubt_locks_no_operator_out() {
    use net::time::{Evidence, Trust, bounds};
    use std::time::Duration;

    let ca = Ca::new();
    // The node's config is of 2020.
    let evidence = Evidence { built: Duration::from_secs(1_577_836_800), ..Evidence::default() };
    let bounds = bounds(&evidence, Duration::from_secs(1_577_836_800));
    let doubt = Doubt::default();
    let address = serve_in_doubt(&ca, SERVER_NAME, (init().0, doubt.clone())).to_string();
    let operator = |years: (i32, i32)| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["operator".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let certificate = params.signed_by(&key, &ca.0).unwrap().pem();
        Credentials { ca: ca.0.pem(), certificate, key: key.serialize_pem() }
    };
    let may = |years| Client::new(&address, &operator(years)).unwrap().status().is_ok();
    for (trust, ended_before, ended_after) in
        [(Trust::Confirmed, false, false), (Trust::Machine, false, false), (Trust::Wrong, false, true)]
    {
        doubt.record(trust, &bounds);
        assert!(may((2010, 2100)), "{trust:?}");
        // Begins after what the clock shows: the clock is behind, whatever it is worth.
        assert!(may((2090, 2100)), "{trust:?}");
        assert_eq!(may((2010, 2019)), ended_before, "{trust:?}");
        assert_eq!(may((2010, 2021)), ended_after, "{trust:?}");
    }
    // Another authority is another authority at any time.
    let stranger = Ca::new().operator(&ca);
    assert!(Client::new(&address, &stranger).unwrap().status().is_err());
}

/// Only what changes nothing: the clock is that of the machine that runs the tests.
#[test]
fn the_clock_is_shown_and_impossible_orders_are_refused() {
    let ca = Ca::new();
    let address = serve(&ca, SERVER_NAME).to_string();
    let client = Client::new(&address, &ca.operator(&ca)).unwrap();
    let time = client.time().unwrap();
    assert_eq!((time.trust.as_str(), time.refused), ("new", None));
    let refused = client.set_time(&api::TimeSetRequest { epoch_ms: 1000 }).unwrap_err();
    let ClientError::Node { status: 409, error, .. } = &refused else { panic!("{refused:?}") };
    assert!(error.contains("it can't be 1970-01-01T00:00:01Z"), "{error}");
    let refused = client.accept_time().unwrap_err();
    assert!(matches!(refused, ClientError::Node { status: 409, .. }), "{refused:?}");
}

#[test]
fn an_operator_orders_about_snapshots_of_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let store = snapshots::Store::at(folder.path());
    let versions =
        |writes| BTreeMap::from([("etcd".to_owned(), api::StateVersions { writes, reads: writes - 1 })]);
    for generation in 1..=2 {
        let versions = versions(6 + generation);
        let image = snapshots::Image { generation, versions, blessed: [1, 2].into() };
        store.prepare(&image).unwrap();
        std::fs::create_dir_all(folder.path().join("etcd")).unwrap();
    }
    let ca = Ca::new();
    let image = api::ImageFacts { state: versions(7), ..api::ImageFacts::default() };
    let address = serve_changed(&ca, SERVER_NAME, (init().0, Doubt::default()), |node| {
        node.image = image;
        node.state = Keeper::at(folder.path());
    });
    let client = Client::new(&address.to_string(), &ca.operator(&ca)).unwrap();
    let state = || client.status().unwrap().state.unwrap();
    assert_eq!((state().generation, state().versions["etcd"], state().blessed), (2, 8, true));
    assert_eq!((state().snapshots[0].id.as_str(), state().snapshots[0].readable), ("g1-1", true));
    let request = |id: &str, dry_run| api::StateRequest { snapshot: Some(id.to_owned()), dry_run };
    let ordered = client.restore_state(&request("g1-1", true)).unwrap();
    assert_eq!(ordered.what, "snapshot g1-1 is restored, and the state that is there is put aside");
    assert_eq!((ordered.at_next_boot, state().restore), (false, None));
    client.restore_state(&request("g1-1", false)).unwrap();
    assert_eq!(state().restore.as_deref(), Some("g1-1"));
    let refused = |result: Result<api::StateOrdered, ClientError>| match result {
        Err(ClientError::Node { status, error, .. }) => (status, error),
        other => panic!("{other:?}"),
    };
    assert!(refused(client.remove_snapshot(&request("g1-1", false))).1.contains("is needed"));
    client.restore_state(&api::StateRequest::default()).unwrap();
    assert_eq!(state().restore, None);
    client.remove_snapshot(&request("g1-1", false)).unwrap();
    assert_eq!(state().snapshots, []);
    let gone = (409, "there is no snapshot g1-1".to_owned());
    assert_eq!(refused(client.restore_state(&request("g1-1", false))), gone);
    assert_eq!(refused(client.remove_snapshot(&api::StateRequest::default())).0, 400);
    assert_eq!(refused(client.remove_snapshot(&request(&"x".repeat(65), false))).0, 400);
}

/// A node whose store's program is a script with this text.
fn serve_with_store(ca: &Ca, script: &Path, text: &str) -> SocketAddr {
    std::fs::write(script, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let spec = format!(
        r#"{{"name":"etcd","command":["{}","--listen-client-urls=unix:///x"],"environment":{{"PATH":"/usr/bin:/bin"}},
            "user":{{"uid":{uid},"gid":{gid}}}}}"#,
        script.display()
    );
    let spec: control::ServiceSpec = serde_json::from_str(&spec).unwrap();
    serve_changed(ca, SERVER_NAME, (init().0, Doubt::default()), |node| node.planned().services = vec![spec])
}

#[test]
fn a_snapshot_of_the_store_is_streamed_and_a_failure_is_told() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    let client = |address: SocketAddr| Client::new(&address.to_string(), &ca.operator(&ca)).unwrap();
    let read = |client: &Client| {
        let mut text = Vec::new();
        client.store_snapshot(None).map(|mut body| body.read_to_end(&mut text).unwrap()).map(|_| text)
    };
    // Longer than a piece, and than what is on its way at once.
    let text = r#"[ "$*" = "snapshot-save --listen-client-urls=unix:///x" ] && head -c 1000000 /dev/zero"#;
    let whole = client(serve_with_store(&ca, &folder.path().join("whole"), text));
    for _ in 0..2 {
        assert!(read(&whole).unwrap() == vec![0; 1_000_000], "and the turn is given back");
    }
    let text = "echo 'error: snapshot-save: no answer within 10s' >&2; exit 1";
    let silent = client(serve_with_store(&ca, &folder.path().join("silent"), text));
    let Err(ClientError::Node { status: 409, error, hint, .. }) = read(&silent) else { panic!("no refusal") };
    assert_eq!(error, "snapshot-save: no answer within 10s");
    assert!(hint.unwrap().contains("logs etcd"));
    let none = client(serve(&ca, SERVER_NAME));
    let Err(ClientError::Node { status: 409, error, .. }) = read(&none) else { panic!("no refusal") };
    assert_eq!(error, "the store was not started yet");
}

#[test]
fn a_restore_of_the_store_is_refused_before_anything_is_sent() {
    let ca = Ca::new();
    let client = Client::new(&serve(&ca, SERVER_NAME).to_string(), &ca.operator(&ca)).unwrap();
    let refusal = |bytes, sha256: &str| {
        let upload = api::Upload { bytes, sha256: sha256.to_owned() };
        let request = api::StoreRestoreRequest { upload, foreign: false, dry_run: false };
        match client.begin_store_restore(&request) {
            Err(ClientError::Node { status, error, .. }) => (status, error),
            other => panic!("{other:?}"),
        }
    };
    let sha256 = "a".repeat(64);
    assert_eq!(refusal(5, "x"), (400, "upload.sha256: expected 64 hex digits".to_owned()));
    assert_eq!(refusal(0, &sha256).0, 400);
    assert_eq!(refusal(u64::MAX, &sha256).0, 400);
    assert_eq!(refusal(5, &sha256), (409, "the store was not started yet".to_owned()));
    let piece = client.upload_store(&sha256, 0, b"piece").unwrap_err();
    assert!(matches!(piece, ClientError::Node { status: 409, .. }), "{piece}");
    assert_eq!(client.store_restore().unwrap(), api::StoreRestore::default());
    let Err(ClientError::Node { status, error, .. }) = client.care_for_store(api::StoreOrder::Disarm) else {
        panic!("no refusal")
    };
    assert_eq!((status, error.as_str()), (409, "the store was not started yet"));
    assert_eq!(client.store_care().unwrap(), api::StoreCare::default());
}
