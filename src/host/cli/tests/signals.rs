//! A build and the signals sent when a terminal closes: they end it, unless it was started with them ignored.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const SIGHUP: i32 = 1;

/// Starts a build, preceded by the shell command `before`; returns it and its connection to a mirror, from
/// which it is requesting a package: it is in the middle of its work then.
fn build_that_waits(dir: &Path, before: &str) -> (Child, TcpStream) {
    let mirror = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", mirror.local_addr().unwrap());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    // The tests themselves may run with signals ignored.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT", "sh"]);
    command.args(["-c", &format!("{before} exec \"$@\""), "sh", env!("CARGO_BIN_EXE_ironhull"), "--source"]);
    command.arg(source).args(["build", "single", "--mirror", &address, "--output", "out"]);
    command.current_dir(dir).env("IRONHULL_CACHE", dir.join("cache")).env("no_proxy", "127.0.0.1");
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    mirror.set_nonblocking(true).unwrap();
    loop {
        if let Ok((connection, _)) = mirror.accept() {
            connection.set_nonblocking(false).unwrap();
            return (child, connection);
        }
        if child.try_wait().unwrap().is_some() {
            panic!("it asked for nothing: {}", end(child).1);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Answers the request on `connection` with "not found".
fn refuse(mut connection: TcpStream) {
    let lines = BufReader::new(connection.try_clone().unwrap()).lines();
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
    connection
        .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
}

fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn end(child: Child) -> (Output, String) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

#[test]
fn a_build_ends_by_the_hangup_of_its_terminal() {
    if !judges::present(&["go"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (child, _connection) = build_that_waits(dir.path(), "");
    send(&child, "-HUP");
    let (output, text) = end(child);
    assert_eq!(output.status.signal(), Some(SIGHUP), "{text}");
    assert!(text.contains("interrupted: "), "{text}");
}

#[test]
fn a_build_that_was_started_to_ignore_hangup_and_interrupt_goes_on() {
    if !judges::present(&["go"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // As nohup does, and a shell for background jobs of its scripts.
    let (child, connection) = build_that_waits(dir.path(), "trap '' HUP INT;");
    send(&child, "-HUP");
    send(&child, "-INT");
    refuse(connection);
    let (output, text) = end(child);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("not found (HTTP 404)") && !text.contains("interrupted"), "{text}");
}
