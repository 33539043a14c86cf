//! A time server of this host, which a machine under QEMU's user network reaches as 10.0.2.2.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a machine reaches it.
pub const ADDRESS: &str = "10.0.2.2";
/// From 1900 to 1970.
const EPOCH_OFFSET_SECS: u64 = 2_208_988_800;
/// It does not answer.
const SILENT: i64 = i64::MIN;

/// The server. It ends with the process.
#[derive(Debug)]
pub struct TimeServer(Arc<AtomicI64>);

impl TimeServer {
    /// Starts one that does not answer yet; `None` if the port can't be had, which is told.
    ///
    /// # Panics
    /// When the port can't be had and `CI` is set.
    #[must_use]
    pub fn start() -> Option<TimeServer> {
        let Ok(socket) = UdpSocket::bind("127.0.0.1:123") else {
            judges::missing("UDP port 123 of 127.0.0.1");
            return None;
        };
        let ahead = Arc::new(AtomicI64::new(SILENT));
        let server = TimeServer(Arc::clone(&ahead));
        std::thread::spawn(move || {
            let mut request = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut request) {
                let ahead = ahead.load(Ordering::SeqCst);
                if length >= 48 && ahead != SILENT {
                    drop(socket.send_to(&answer(&request, ahead), from));
                }
            }
        });
        Some(server)
    }

    /// From now on it answers, with a time that is ahead of this host's by so many seconds.
    pub fn answer(&self, ahead_secs: i64) {
        self.0.store(ahead_secs, Ordering::SeqCst);
    }

    /// From now on it does not answer.
    pub fn silence(&self) {
        self.0.store(SILENT, Ordering::SeqCst);
    }
}

/// Returns the answer to a request (RFC 5905, figure 8).
fn answer(request: &[u8], ahead_secs: i64) -> [u8; 48] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = now + Duration::from_secs(EPOCH_OFFSET_SECS);
    let seconds = now.as_secs().saturating_add_signed(ahead_secs) & 0xffff_ffff;
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    let stamp = ((seconds << 32) | fraction).to_be_bytes();
    let mut packet = [0; 48];
    // Version 4, a server, stratum 2.
    (packet[0], packet[1]) = ((4 << 3) | 4, 2);
    packet[24..32].copy_from_slice(&request[40..48]);
    packet[32..40].copy_from_slice(&stamp);
    packet[40..48].copy_from_slice(&stamp);
    packet
}
