//! Serves files over TFTP to many clients at a time, each with a socket of its own.

mod packet;
mod transfer;

use std::io::{ErrorKind, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::files::Files;
use crate::report::{Event, Report};
use packet::{Failure, MAX_BYTES, Packet, Request};
use transfer::Transfer;

/// Most transfers at a time. Further clients ask again after a second, and wait so.
const MAX_TRANSFERS: usize = 256;
/// How long an acknowledgement is waited for before what it is for is sent again, and how often that is done.
const PATIENCE: Duration = Duration::from_secs(1);
const MAX_TRIES: u32 = 12;

/// Serves what is asked for on `socket`, for ever.
pub(crate) async fn serve(socket: UdpSocket, address: Ipv4Addr, files: Arc<Files>, report: Report) {
    let free = Arc::new(Semaphore::new(MAX_TRANSFERS));
    let mut bytes = [0; MAX_BYTES];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut bytes).await else { continue };
        let request = match Packet::parse(bytes.get(..length).unwrap_or_default()) {
            Ok(Packet::Read(request)) => request,
            Ok(Packet::Write) => {
                refuse(&socket, client, Failure::ReadOnly).await;
                continue;
            }
            // Part of a transfer has gone to the wrong port, or is no TFTP.
            Ok(Packet::Ack(_) | Packet::Error) => continue,
            Err(failure) => {
                refuse(&socket, client, failure).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&free).try_acquire_owned() else { continue };
        let (files, report) = (Arc::clone(&files), report.clone());
        tokio::spawn(async move {
            // A client that goes away is nobody's error; it asks again if it wants to.
            drop(send(&request, (address, client), &files, &report).await);
            drop(place);
        });
    }
}

async fn refuse(socket: &UdpSocket, client: SocketAddr, failure: Failure) {
    // A lost refusal is asked for again.
    drop(socket.send_to(&packet::error(failure), client).await);
}

/// Sends a file.
async fn send(
    request: &Request,
    (address, client): (Ipv4Addr, SocketAddr),
    files: &Files,
    report: &Report,
) -> std::io::Result<()> {
    let socket = UdpSocket::bind((address, 0)).await?;
    socket.connect(client).await?;
    let name = request.name.trim_start_matches('/');
    let Some(path) = files.over_tftp(name) else {
        report.tell(Event::Missing { client: client.ip(), name: name.chars().take(80).collect() });
        return socket.send(&packet::error(Failure::NotFound)).await.map(drop);
    };
    let (mut file, bytes) = match opened(path).await {
        Ok(opened) => opened,
        Err(error) => {
            report.tell(Event::Unreadable { path: path.to_owned(), error: error.to_string() });
            return socket.send(&packet::error(Failure::Unreadable)).await.map(drop);
        }
    };
    if let Some(options) = request.accepted(bytes)
        && !is_taken(&socket, &options).await?
    {
        return Ok(());
    }
    // Firmware that only asks for the length gives up before.
    report.tell(Event::Loads { client: client.ip(), name: name.to_owned() });
    let mut transfer = Transfer::new(bytes, request.block_bytes, request.window);
    let mut block = vec![0; request.block_bytes.into()];
    let mut tries = 0;
    while !transfer.is_complete() {
        for number in transfer.next() {
            let length = read(&mut file, &mut block, number).await?;
            let sent = socket.send(&packet::data(number, block.get(..length).unwrap_or_default())).await;
            // What the network does not take now is lost as anything else, and sent again.
            if sent.as_ref().is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused) {
                return sent.map(drop);
            }
        }
        // Others may come first: copies, or of blocks before.
        let deadline = Instant::now() + PATIENCE;
        loop {
            match acknowledged(&socket, deadline).await? {
                Some(number) if transfer.take(number) => {
                    tries = 0;
                    break;
                }
                Some(_) => {}
                None if tries == MAX_TRIES => return Ok(()),
                None => {
                    tries += 1;
                    break;
                }
            }
        }
    }
    report.tell(Event::Loaded { client: client.ip(), name: name.to_owned() });
    Ok(())
}

/// Opens a file; returns its length too.
async fn opened(path: &Path) -> std::io::Result<(File, u64)> {
    let file = File::open(path).await?;
    let bytes = file.metadata().await?.len();
    Ok((file, bytes))
}

/// Sends the options that were accepted; returns whether the client has taken them.
async fn is_taken(socket: &UdpSocket, options: &[u8]) -> std::io::Result<bool> {
    for _ in 0..MAX_TRIES {
        socket.send(options).await?;
        if acknowledged(socket, Instant::now() + PATIENCE).await? == Some(0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads a block, counted from 1; returns its length.
async fn read(file: &mut File, block: &mut [u8], number: u64) -> std::io::Result<usize> {
    let at = (number - 1) * u64::try_from(block.len()).unwrap_or(u64::MAX);
    file.seek(SeekFrom::Start(at)).await?;
    let mut length = 0;
    while length < block.len() {
        match file.read(block.get_mut(length..).unwrap_or_default()).await? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

/// Waits for an acknowledgement until `deadline`; `None` if none comes.
///
/// # Errors
/// If the client has given up.
async fn acknowledged(socket: &UdpSocket, deadline: Instant) -> std::io::Result<Option<u16>> {
    let mut bytes = [0; MAX_BYTES];
    let Ok(received) = timeout_at(deadline, socket.recv(&mut bytes)).await else { return Ok(None) };
    match Packet::parse(bytes.get(..received?).unwrap_or_default()) {
        Ok(Packet::Ack(number)) => Ok(Some(number)),
        Ok(Packet::Error) => Err(ErrorKind::ConnectionAborted.into()),
        _ => Ok(None),
    }
}
