//! The keeper with time servers of its own on the loopback, real files, and clocks that are nobody else's.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Instant;

use net::NetError;
use tempfile::TempDir;

use super::*;

/// 2026-11-30, the present of these tests.
const TRUTH: u64 = 1_796_000_000;
const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;
const CERTIFIED: u64 = TRUTH - DAY;
const AUTHORITY_ENDS: u64 = CERTIFIED + 10 * YEAR;

/// A machine: its clock runs from when it is made.
#[derive(Clone, Debug)]
struct Machine {
    booted: Instant,
    /// What its own clock showed then.
    machine: Duration,
    /// The clock that is set: what it showed at boot, in effect.
    shown: Arc<Mutex<Duration>>,
    refuses: bool,
}

impl Machine {
    fn showing(secs: u64) -> Machine {
        let machine = Duration::from_secs(secs);
        Machine { booted: Instant::now(), machine, shown: Arc::new(Mutex::new(machine)), refuses: false }
    }
}

impl Clocks for Machine {
    fn now(&self) -> Duration {
        *self.shown.lock().unwrap() + self.booted.elapsed()
    }

    fn since_boot(&self) -> Duration {
        self.booted.elapsed()
    }

    fn of_machine(&self) -> Option<Duration> {
        Some(Duration::from_secs((self.machine + self.booted.elapsed()).as_secs()))
    }

    fn set(&self, time: Duration) -> Result<(), NetError> {
        if self.refuses {
            return Err(NetError::NoTime { server: "the kernel".into() });
        }
        *self.shown.lock().unwrap() = time.saturating_sub(self.booted.elapsed());
        Ok(())
    }
}

/// A node's disk.
struct Disk(TempDir);

impl Disk {
    fn new() -> Disk {
        Disk(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("clock")
    }

    /// Boots a machine with this disk.
    fn boot(&self, machine: &Machine) -> Timekeeper {
        let evidence = Evidence {
            built: Duration::from_secs(TRUTH - 100 * DAY),
            certified: Some(Duration::from_secs(CERTIFIED)),
            authority_ends: Some(Duration::from_secs(AUTHORITY_ENDS)),
            ..Evidence::default()
        };
        let keeper = Timekeeper::with(Box::new(machine.clone()), &self.path(), evidence, Doubt::default());
        keeper.begin();
        keeper
    }
}

/// Starts a real time server, in whose world it is `secs` since 1970 now.
fn server(secs: u64) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let started = Instant::now();
    std::thread::spawn(move || {
        let mut request = [0; 48];
        while let Ok((_, from)) = socket.recv_from(&mut request) {
            let now = Duration::from_secs(secs + 2_208_988_800) + started.elapsed();
            let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
            let stamp = (((now.as_secs() & 0xffff_ffff) << 32) | fraction).to_be_bytes();
            let mut packet = [0; 48];
            (packet[0], packet[1]) = ((4 << 3) | 4, 2);
            packet[24..32].copy_from_slice(&request[40..48]);
            packet[32..40].copy_from_slice(&stamp);
            packet[40..48].copy_from_slice(&stamp);
            drop(socket.send_to(&packet, from));
        }
    });
    address
}

/// An address at which nobody answers.
fn nobody() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn ask(keeper: &Timekeeper, servers: &[SocketAddr]) -> Outcome {
    keeper.judge(&sntp::ask_each(servers), Permission::Unattended)
}

/// Whether a clock shows `secs`, give or take the run of a test.
fn shows(machine: &Machine, secs: u64) -> bool {
    machine.now().as_secs().abs_diff(secs) < 300
}

#[test]
fn a_machine_that_is_years_off_is_right_once_a_server_answers() {
    for machine in [0, 1_577_836_800, 2_147_558_400, 2_366_841_600] {
        let (disk, machine) = (Disk::new(), Machine::showing(machine));
        let keeper = disk.boot(&machine);
        assert!(keeper.is_unknown() && shows(&machine, CERTIFIED));
        assert!(matches!(ask(&keeper, &[nobody()]), Outcome::Silent(_)));
        assert!(keeper.is_unknown() && shows(&machine, CERTIFIED));
        let outcome = ask(&keeper, &[server(TRUTH)]);
        assert!(outcome.message().contains("one time server alone"), "{outcome:?}");
        assert!(shows(&machine, TRUTH));
        assert_eq!(keeper.describe().trust, "one-server");
        // Nothing has confirmed it, so no floor is kept; what it showed is.
        keeper.keep_seen().unwrap();
        let kept = kept::load(&disk.path());
        assert_eq!(kept.confirmed, None);
        assert!(kept.seen.is_some_and(|s| s.as_secs().abs_diff(TRUTH) < 300));
        let next = Machine::showing(0);
        disk.boot(&next);
        assert!(shows(&next, TRUTH));
    }
}

#[test]
fn what_is_confirmed_is_never_undone_by_a_server() {
    let (disk, machine) = (Disk::new(), Machine::showing(TRUTH));
    let keeper = disk.boot(&machine);
    assert_eq!(ask(&keeper, &[server(TRUTH)]).claim().message, "");
    assert_eq!(keeper.describe().trust, "confirmed");
    let next = Machine::showing(1_577_836_800);
    let keeper = disk.boot(&next);
    assert!(shows(&next, TRUTH));
    for servers in [&[server(TRUTH - DAY)][..], &[server(TRUTH - DAY), server(TRUTH - DAY)]] {
        let claim = ask(&keeper, servers).claim();
        assert_eq!(claim.reason, "Refused");
        assert!(claim.message.contains("it was already 2026-11-3"), "{}", claim.message);
        assert!(claim.message.ends_with("`ironhull node ADDRESS time accept`"), "{}", claim.message);
        assert!(shows(&next, TRUTH));
    }
}

#[test]
fn the_one_that_lies_is_named_and_not_followed() {
    let (disk, machine) = (Disk::new(), Machine::showing(2_366_841_600));
    let keeper = disk.boot(&machine);
    let liar = server(TRUTH + 3 * YEAR);
    let outcome = ask(&keeper, &[server(TRUTH), liar, server(TRUTH)]);
    assert!(shows(&machine, TRUTH));
    let Outcome::Followed { remarks } = outcome else { panic!("{outcome:?}") };
    assert_eq!(remarks, [format!("time server {liar} is off by 3 years")]);
    assert_eq!(keeper.describe().trust, "several-servers");
    // Alone it is nobody.
    let claim = ask(&keeper, &[liar]).claim();
    assert_eq!(claim.reason, "Refused");
    assert!(claim.message.contains("further than 16 minutes"), "{}", claim.message);
    let shown = keeper.describe();
    assert_eq!(shown.refused.unwrap().epoch_secs / YEAR, (TRUTH + 3 * YEAR) / YEAR);
    assert!(shown.servers[0].ahead_ms.is_some_and(|ms| ms > 1000 * 86_400_000));
    assert!(shows(&machine, TRUTH));
}

#[test]
fn servers_that_disagree_are_told_and_an_order_decides() {
    let (disk, machine) = (Disk::new(), Machine::showing(0));
    let keeper = disk.boot(&machine);
    let servers = [server(TRUTH), server(TRUTH + YEAR)];
    let claim = ask(&keeper, &servers).claim();
    assert_eq!(claim.reason, "Disagreement");
    assert!(claim.message.contains("2026-11-3") && claim.message.contains("2027-11-3"), "{claim:?}");
    let refused = keeper.accepted(&sntp::ask_each(&servers)).unwrap_err();
    assert!(matches!(refused, NotSet::Refused(_, hint) if hint.contains("time set")));
    assert!(shows(&machine, CERTIFIED));
    keeper.set(Duration::from_secs(TRUTH)).unwrap();
    assert!(shows(&machine, TRUTH));
    // Now the clock knows whom to believe.
    assert!(matches!(ask(&keeper, &servers), Outcome::Followed { .. }));
}

#[test]
fn an_operator_accepts_what_the_node_refused_and_takes_it_back() {
    let (disk, machine) = (Disk::new(), Machine::showing(TRUTH));
    let keeper = disk.boot(&machine);
    ask(&keeper, &[server(TRUTH)]);
    let later = server(TRUTH + 2 * YEAR);
    assert_eq!(ask(&keeper, &[later]).claim().reason, "Refused");
    keeper.accepted(&sntp::ask_each(&[later])).unwrap();
    assert!(shows(&machine, TRUTH + 2 * YEAR));
    assert!(kept::load(&disk.path()).confirmed.is_some_and(|c| c.as_secs() >= TRUTH + 2 * YEAR));
    assert_eq!(keeper.describe().refused, None);
    let right = server(TRUTH);
    assert_eq!(ask(&keeper, &[right]).claim().reason, "Refused");
    keeper.accepted(&sntp::ask_each(&[right])).unwrap();
    assert!(shows(&machine, TRUTH));
    assert!(kept::load(&disk.path()).confirmed.is_some_and(|c| c.as_secs() < TRUTH + DAY));
}

#[test]
fn no_order_sets_what_would_lock_the_operator_out() {
    let (disk, machine) = (Disk::new(), Machine::showing(TRUTH));
    let keeper = disk.boot(&machine);
    for (time, why) in [
        (0, "a certificate of the node config begins at"),
        (CERTIFIED - 1, "a certificate of the node config begins at"),
        (AUTHORITY_ENDS + 1, "the operator CA ends at"),
        (u64::MAX / 1000, "the operator CA ends at"),
    ] {
        let refused = keeper.set(Duration::from_secs(time)).unwrap_err();
        assert!(matches!(&refused, NotSet::Refused(error, _) if error.contains(why)), "{refused:?}");
        assert!(shows(&machine, TRUTH));
    }
    for time in [TRUTH + 5 * YEAR, CERTIFIED, TRUTH] {
        keeper.set(Duration::from_secs(time)).unwrap();
        assert!(shows(&machine, time));
        assert_eq!(kept::load(&disk.path()).confirmed, Some(Duration::from_secs(time)));
    }
}

#[test]
fn a_clock_that_can_not_be_set_is_told() {
    let (disk, machine) = (Disk::new(), Machine { refuses: true, ..Machine::showing(0) });
    let keeper = disk.boot(&machine);
    let outcome = ask(&keeper, &[server(TRUTH)]);
    assert_eq!(outcome.claim().reason, "Failed");
    assert!(keeper.is_unknown());
    assert!(matches!(keeper.set(Duration::from_secs(TRUTH)), Err(NotSet::Failed(_))));
}

#[test]
fn a_damaged_file_or_a_lost_partition_stops_nothing() {
    for text in ["", "junk\n", "99999999999\n", "18446744073709551615\n", "0\n"] {
        let (disk, machine) = (Disk::new(), Machine::showing(TRUTH));
        std::fs::write(disk.path(), text).unwrap();
        kept::touch(&disk.path(), Duration::from_secs(9_223_372_036)).unwrap();
        let keeper = disk.boot(&machine);
        assert!(shows(&machine, TRUTH), "{text:?}");
        assert!(matches!(ask(&keeper, &[server(TRUTH)]), Outcome::Followed { .. }), "{text:?}");
    }
    let (disk, machine) = (Disk::new(), Machine::showing(TRUTH));
    std::fs::create_dir(disk.path()).unwrap();
    let keeper = disk.boot(&machine);
    assert!(keeper.keep_seen().is_err());
    assert!(matches!(ask(&keeper, &[server(TRUTH)]), Outcome::Followed { .. }));
    keeper.set(Duration::from_secs(TRUTH)).unwrap();
}
