//! Tests against Squid with Debian's default rules: a request that they forbid must not be made.

use std::net::TcpStream;
use std::process::{Child, Stdio};

use super::*;
use crate::http::proxy::Proxies;

/// Debian's rules, with another port and without a cache.
const RULES: &str = "acl SSL_ports port 443
acl Safe_ports port 80
acl Safe_ports port 443
acl Safe_ports port 1025-65535
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
";

/// Who may use it.
const ALLOW: &str = "http_access allow localhost\n";

/// A running Squid, ended when it is dropped.
struct Squid {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Squid {
    fn drop(&mut self) {
        // It may have exited by itself; the test has reported that then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Squid {
    /// Starts Squid with Debian's rules; `None` if it is not installed.
    fn start(access: &str) -> Option<Squid> {
        Squid::start_with(RULES, access)
    }

    fn start_with(rules: &str, access: &str) -> Option<Squid> {
        let program = judges::find("squid")?;
        // Squid drops root, and its new user writes here.
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        // The kernel picks a free port. If another program takes it before Squid does, another one is picked.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let config = dir.path().join("squid.conf");
            let path = dir.path().display();
            let text = format!(
                "http_port 127.0.0.1:{port}\n{rules}{access}pid_filename none\ncache deny all\ncache_log \
                 {path}/cache.log\naccess_log stdio:{path}/access.log\ncoredump_dir {path}\nshutdown_lifetime 0 \
                 seconds\nvisible_hostname proxy.example\npinger_enable off\n"
            );
            fs::write(&config, text).unwrap();
            let mut squid = program.command();
            squid.arg("-N").arg("-f").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = squid.spawn().unwrap();
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Some(Squid { child, port, dir });
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        panic!(
            "squid does not start: {}",
            fs::read_to_string(dir.path().join("cache.log")).unwrap_or_default()
        );
    }

    /// Returns a client whose environment names this proxy for everything.
    fn client(&self, user: &str) -> Client {
        let value = format!("http://{user}127.0.0.1:{}", self.port);
        let limits = Limits { tries: 1, ..LIMITS };
        Client::with(limits, Proxies::new(|name| (name == "all_proxy").then(|| value.clone())))
    }

    /// Waits until Squid has logged `count` requests; returns them all: method, then URL or host.
    fn asked(&self, count: usize) -> Vec<String> {
        let asked = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{} {}", words[5], words[6])
        };
        loop {
            let log = fs::read_to_string(self.dir.path().join("access.log")).unwrap();
            // Without the probe that waits for its port.
            let found: Vec<_> = log.lines().map(asked).filter(|r| !r.starts_with("- error:")).collect();
            if found.len() >= count {
                return found;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn plain_http_goes_through_by_its_whole_address() {
    let Some(squid) = Squid::start(ALLOW) else { return };
    let (url, asked) = serve(vec![whole(), broken_off(10), Answer::Rest]);
    let client = squid.client("");
    assert_eq!(client.get(&url, 100).unwrap(), BODY);
    let dir = tempfile::tempdir().unwrap();
    let part = dir.path().join("part");
    let step = Step::start(&Silent, "x", Unit::Bytes, None);
    let expected = Expected { size: BODY.len() as u64, sha256: Digest::of(BODY) };
    client.download(&Download { url: &url, expected, part: &part, step: &step }).unwrap();
    assert_eq!(fs::read(&part).unwrap(), BODY);
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), [None, None, Some("10-".to_owned())]);
    assert_eq!(squid.asked(3), vec![format!("GET {}", url.secret()); 3]);
}

#[test]
fn https_goes_through_a_tunnel_and_a_refusal_names_the_proxy() {
    let Some(squid) = Squid::start(ALLOW) else { return };
    // Tunnels are allowed to port 443 only: the rule that must not affect plain http.
    let text = squid.client("").get(&WebUrl::new("https://127.0.0.1:8443/x"), 10).unwrap_err().to_string();
    assert!(text.contains("403"), "{text}");
    assert!(
        text.contains(&format!("(through the proxy http://127.0.0.1:{} of all_proxy)", squid.port)),
        "{text}"
    );
    assert_eq!(squid.asked(1), ["CONNECT 127.0.0.1:8443"]);
}

#[test]
fn what_goes_through_a_tunnel_is_tls_to_the_server() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    // As at a site whose servers use other ports.
    let Some(squid) = Squid::start_with(&RULES.replace("port 443\n", &format!("port 443 {port}\n")), ALLOW)
    else {
        return;
    };
    let first = thread::spawn(move || {
        let mut byte = [0];
        server.accept().unwrap().0.read_exact(&mut byte).unwrap();
        byte[0]
    });
    // Nobody listens there.
    squid.client("").get(&WebUrl::new(format!("https://127.0.0.1:{port}/x")), 10).unwrap_err();
    assert_eq!(first.join().unwrap(), 0x16, "expected a handshake record");
    assert_eq!(squid.asked(1), [format!("CONNECT 127.0.0.1:{port}")]);
}

#[test]
fn a_proxy_that_wants_a_user_gets_it_and_nobody_else_does() {
    let auth = "auth_param basic program /usr/lib/squid/basic_ncsa_auth DIR\nacl users proxy_auth REQUIRED\n\
                http_access allow users\n";
    let passwords = tempfile::NamedTempFile::new().unwrap();
    // Squid's helper runs as another user.
    fs::set_permissions(passwords.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    // `openssl passwd -apr1 -salt ironhull s3cret`
    fs::write(passwords.path(), "user:$apr1$ironhull$mnoBbHzKyTTu3xxLc4lQs1\n").unwrap();
    let access = auth.replace("DIR", &passwords.path().display().to_string());
    let Some(squid) = Squid::start(&access) else { return };
    let (url, _asked) = serve(vec![whole()]);
    assert_eq!(squid.client("user:s3cret@").get(&url, 100).unwrap(), BODY);
    let text = squid.client("user:wrong@").get(&url, 100).unwrap_err().to_string();
    assert!(text.contains("refused (HTTP 407)") && text.contains("the proxy wants a user"), "{text}");
    assert!(text.contains("http://***@127.0.0.1") && !text.contains("wrong"), "{text}");
}
