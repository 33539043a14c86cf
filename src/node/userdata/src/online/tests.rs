//! The sources that need a network, against a server of HTTP on this host.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use config::user_data::{Part, Seed};
use formats::smbios::TABLE;
use weburl::WebUrl;

use super::*;
use crate::MAX_BYTES;
use crate::found::Found;
use crate::sources::testing::Layout;
use crate::web::Web;

/// Answers of a server: a request as `GET /path`, a header that it must have (or nothing), status and body.
type Answers = &'static [(&'static str, &'static str, &'static str, &'static str)];

/// A server; it ends with the process.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: Answers) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let head: Vec<String> = BufReader::new(&stream)
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|l| !l.is_empty())
                    .collect();
                let request = head.first().cloned().unwrap_or_default();
                let request = request.trim_end_matches(" HTTP/1.1").to_owned();
                let has =
                    |header: &str| header.is_empty() || head.iter().any(|l| l.eq_ignore_ascii_case(header));
                let found = answers.iter().find(|(own, header, ..)| *own == request && has(header));
                let (status, body) =
                    found.map_or(("404 Not Found", ""), |(_, _, status, body)| (status, body));
                heard.lock().unwrap().push(request);
                let body = if body == "LONG" { "x".repeat(MAX_BYTES + 1) } else { body.to_owned() };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                drop((&stream).write_all((head + &body).as_bytes()));
            }
        });
        Server { address, asked }
    }
}

/// Lays out a machine with these strings in its firmware: manufacturer, product, serial number, asset tag.
fn firmware(layout: &Layout, strings: [&str; 4]) {
    let listed = |all: &[&str]| all.iter().map(|s| format!("{s}\0")).collect::<String>() + "\0";
    let [manufacturer, product, serial, tag] = strings.map(|s| if s.is_empty() { "-" } else { s });
    let system =
        [b"\x01\x08\0\0\x01\x02\0\x03", listed(&[manufacturer, product, serial]).as_bytes()].concat();
    let chassis = [b"\x03\x09\x01\0\0\x01\0\0\x01", listed(&[tag]).as_bytes()].concat();
    layout.file(TABLE, &[&system[..], &chassis, b"\x7f\x04\x02\0\0\0"].concat());
}

fn search(layout: &Layout, server: &Server) -> Result<Search, Error> {
    find_online(&layout.machine().with_web(Web::with_services(&server.address)))
}

/// Returns what was found: source, user-data, and what is beside it.
fn found(search: Search) -> (&'static str, String, String) {
    let Some(Found { source, on_disk: false, seed: Seed { user_data, beside } }) = search.found else {
        panic!("nothing found: {:?}", search.passed_over)
    };
    let text = |part: &Option<Part>| {
        part.as_ref().map_or("-".into(), |p| String::from_utf8_lossy(&p.bytes).into_owned())
    };
    (
        source,
        String::from_utf8(user_data.bytes).unwrap(),
        format!("{} {}", text(&beside.meta_data), text(&beside.network)),
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_platform_has_its_service() {
    let name = r#"{"local-hostname":"n7.x"} -"#;
    let cases: [([&str; 4], &str, Answers, &str); 6] = [
        (
            ["Amazon EC2", "t3.micro", "", ""],
            "ec2",
            &[
                ("PUT /latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds: 300", "200 OK", "T0k=="),
                ("GET /latest/user-data", "x-aws-ec2-metadata-token: T0k==", "200 OK", "data"),
                ("GET /latest/meta-data/local-hostname", "x-aws-ec2-metadata-token: T0k==", "200 OK", "n7.x"),
            ],
            name,
        ),
        (
            ["OpenStack Foundation", "OpenStack Nova", "", ""],
            "openstack",
            &[
                ("GET /openstack/latest/user_data", "", "200 OK", "data"),
                ("GET /openstack/latest/meta_data.json", "", "200 OK", "{}"),
                ("GET /openstack/latest/network_data.json", "", "200 OK", "{\"links\": []}"),
            ],
            "{} {\"links\": []}",
        ),
        (
            ["Google", "Google Compute Engine", "", ""],
            "gce",
            &[
                (
                    "GET /computeMetadata/v1/instance/attributes/user-data",
                    "metadata-flavor: Google",
                    "200 OK",
                    "data",
                ),
                ("GET /computeMetadata/v1/instance/hostname", "metadata-flavor: Google", "200 OK", "n7.x\n"),
            ],
            name,
        ),
        (
            ["Microsoft Corporation", "Virtual Machine", "", "7783-7084-3265-9085-8269-3286-77"],
            "azure",
            &[
                (
                    "GET /metadata/instance/compute/userData?api-version=2021-01-01&format=text",
                    "metadata: true",
                    "200 OK",
                    "data",
                ),
                (
                    "GET /metadata/instance/compute/name?api-version=2021-01-01&format=text",
                    "metadata: true",
                    "200 OK",
                    "n7.x",
                ),
            ],
            name,
        ),
        (
            ["Hetzner", "vServer", "", ""],
            "hetzner",
            &[("GET /hetzner/v1/userdata", "", "200 OK", "data")],
            "- -",
        ),
        (
            ["DigitalOcean", "Droplet", "", ""],
            "digitalocean",
            &[("GET /metadata/v1/user-data", "", "200 OK", "data")],
            "- -",
        ),
    ];
    for (strings, source, answers, beside) in cases {
        let (layout, server) = (Layout::new(), Server::start(answers));
        firmware(&layout, strings);
        assert_eq!(found(search(&layout, &server).unwrap()), (source, "data".into(), beside.into()));
    }
}

#[test]
fn a_machine_of_no_platform_asks_nobody() {
    let (layout, server) = (Layout::new(), Server::start(&[]));
    firmware(&layout, ["QEMU", "Standard PC", "", ""]);
    let nothing = search(&layout, &server).unwrap();
    assert!(nothing.found.is_none() && nothing.passed_over.is_empty());
    assert!(server.asked.lock().unwrap().is_empty());
    assert!(find_online(&layout.machine()).unwrap().passed_over.is_empty(), "there is no network yet");
}

#[test]
fn a_service_without_user_data_or_answer_is_passed_over_with_the_reason() {
    let layout = Layout::new();
    firmware(&layout, ["Google", "", "", ""]);
    let reason = |server: &Server| search(&layout, server).unwrap().passed_over[0].reason.clone();
    let empty =
        Server::start(&[("GET /computeMetadata/v1/instance/attributes/user-data", "", "200 OK", " ")]);
    assert!(reason(&empty).ends_with("/attributes/user-data has no user-data"), "{}", reason(&empty));
    let refusing =
        Server::start(&[("GET /computeMetadata/v1/instance/attributes/user-data", "", "403 Forbidden", "")]);
    assert!(reason(&refusing).contains("the server answers 403"), "{}", reason(&refusing));
    let long =
        Server::start(&[("GET /computeMetadata/v1/instance/attributes/user-data", "", "200 OK", "LONG")]);
    assert!(reason(&long).contains("expected at most 1048576 bytes"), "{}", reason(&long));
    let elsewhere = Server::start(&[(
        "GET /computeMetadata/v1/instance/attributes/user-data",
        "",
        "302 Found\r\nLocation: /x",
        "",
    )]);
    assert!(reason(&elsewhere).contains("the server answers 302"), "{}", reason(&elsewhere));
    let closed = Server { address: "127.0.0.1:1".into(), asked: Arc::default() };
    assert!(reason(&closed).starts_with("fetching http://127.0.0.1:1/compute"), "{}", reason(&closed));
}

/// The files of a volume, below a path.
const SEED: Answers = &[
    ("GET /n/abc-1/user-data", "", "200 OK", "data"),
    ("GET /n/abc-1/meta-data", "", "200 OK", "local-hostname: m"),
    ("GET /n/abc-1/network-config", "", "200 OK", "version: 2"),
    ("GET /away/user-data", "", "302 Found\r\nLocation: /n/abc-1/user-data", ""),
    ("GET /loop/user-data", "", "302 Found\r\nLocation: /loop/user-data", ""),
    ("GET /secret/user-data", "authorization: Basic dTpwdw==", "200 OK", "data"),
    ("GET /page/user-data", "", "200 OK", "<!doctype html>"),
];

#[test]
fn a_url_in_the_serial_number_or_on_the_command_line_is_followed() {
    let server = Server::start(SEED);
    let all = ("nocloud-url", "data".to_owned(), "local-hostname: m version: 2".to_owned());
    let at = |path: &str| format!("ds=nocloud;s=http://{}{path}", server.address);
    for serial in
        [at("/n/abc-1/"), at("/n/abc-1").replace("nocloud", "nocloud-net"), at("/n/__dmi.system-uuid__/")]
    {
        let layout = Layout::new();
        layout.file("/sys/class/dmi/id/product_uuid", b"abc-1\n");
        firmware(&layout, ["QEMU", "", &serial, ""]);
        assert_eq!(found(search(&layout, &server).unwrap()), all, "{serial}");
        layout.file("/proc/cmdline", format!("ro \"{};h=web\"\n", at("/n/abc-1/")).as_bytes());
        let named = found(search(&layout, &server).unwrap()).2;
        assert_eq!(named, "{\"local-hostname\":\"web\"} version: 2");
    }
    let layout = Layout::new();
    firmware(&layout, ["QEMU", "", &at("/away/"), ""]);
    assert_eq!(found(search(&layout, &server).unwrap()).1, "data");
    let layout = Layout::new();
    let line = format!("ironhull.config=http://{}/n/abc-1/user-data", server.address);
    layout.file("/proc/cmdline", line.as_bytes());
    assert_eq!(found(search(&layout, &server).unwrap()), ("command-line-url", "data".into(), "- -".into()));
}

#[test]
fn a_url_that_leads_nowhere_is_told_without_its_secrets() {
    let server = Server::start(SEED);
    let reason = |url: &str| {
        let layout = Layout::new();
        firmware(&layout, ["QEMU", "", &format!("ds=nocloud;s={url}"), ""]);
        search(&layout, &server).map(|search| search.passed_over[0].reason.clone()).map_err(|e| e.to_string())
    };
    let at = |path: &str| format!("http://{}{path}", server.address);
    assert!(reason(&at("/none/")).unwrap().starts_with("there is no user-data below http://127.0.0.1"));
    assert!(reason(&at("/loop/")).unwrap().contains("leads on more than 5 times"));
    assert!(reason(&at("/page/")).unwrap().contains("found a web page"));
    let error = reason("ftp://x/").unwrap_err();
    assert!(
        error.contains("the serial number: expected a URL of http or https, found one of \"ftp\""),
        "{error}"
    );
    assert!(reason(&at("/__dmi.x__/")).unwrap_err().contains("there is no placeholder __dmi.x__"));
    assert!(reason(&at("/__dmi.system-uuid__/")).unwrap_err().contains("has no system-uuid"));
    let secret = format!("http://u:pw@{}/loop/", server.address);
    assert!(!reason(&secret).unwrap().contains("pw"), "{}", reason(&secret).unwrap());
    let layout = Layout::new();
    let url = WebUrl::new(format!("http://u:pw@{}/secret/", server.address));
    firmware(&layout, ["QEMU", "", &format!("ds=nocloud;s={}", url.secret()), ""]);
    assert_eq!(found(search(&layout, &server).unwrap()).1, "data");
}
