//! A web server of one file, whose first connection breaks half way. It supports ranges and entity tags, but
//! no TLS, redirects or further versions of the file. It serves one connection at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

/// This host, as seen by a machine in QEMU's user network.
const HOST: &str = "10.0.2.2";

/// Serves a file as long as this process runs; returns its URL for a machine in QEMU.
pub fn serve(file: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{HOST}:{}/bundle.hull", listener.local_addr().unwrap().port());
    let file = file.to_owned();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            // A client may close the connection early.
            drop(stream.and_then(|stream| answer(&stream, &file, number == 0)));
        }
    });
    url
}

/// Responds to one request; with `breaks`, only to its first half.
fn answer(mut stream: &TcpStream, file: &Path, breaks: bool) -> io::Result<()> {
    let head = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let start = head.filter_map(|line| range_start(&line)).last();
    let mut file = File::open(file)?;
    let all = file.metadata()?.len();
    let rest = all.saturating_sub(start.unwrap_or(0));
    let status = match start {
        None => "200 OK".to_owned(),
        Some(start) => format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{all}", all - 1),
    };
    file.seek(SeekFrom::Start(all - rest))?;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Length: {rest}\r\nConnection: close\r\n\r\n"
    )?;
    io::copy(&mut file.take(if breaks { rest / 2 } else { rest }), &mut stream).map(drop)
}

/// Returns the first byte requested by a header line, if it is a range.
fn range_start(line: &str) -> Option<u64> {
    line.to_ascii_lowercase().strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()
}
