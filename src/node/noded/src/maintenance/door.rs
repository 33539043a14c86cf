//! Who may enter a node in maintenance: its key and certificate, the pairing code, and the bound on guessing.
//!
//! The key is made at each entry and lives in memory only. Of 2^40 secrets a guess hits one. Guesses are taken one after
//! the other, and after a wrong one there is a pause: 50 a second at most, however many connections there are. Of each
//! address one waits at a time, so that whoever has the right secret waits for one wrong one of each other address at
//! most. After [`MAX_WRONG`] there is a new secret: no sooner than after half an hour of guessing, so that guessing
//! keeps nobody out who reads the console.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, Result};
use api::{PairingCode, PairingSecret, SERVER_NAME};
use certs::{Clock, Key, Leaf, Subject, Usage, self_signed_leaf};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// Wrong secrets after which there is a new one.
const MAX_WRONG: u64 = 100_000;
/// Pause after a wrong secret.
const WRONG_PAUSE: Duration = Duration::from_millis(20);

/// The door. `Debug` shows neither key nor secret.
#[derive(Debug)]
pub struct Door {
    key_sha256: [u8; 32],
    guard: Mutex<Guard>,
    /// Secrets are looked at one after the other.
    turn: Arc<Turn>,
    /// Those of an address wait for each other before that.
    lanes: Mutex<BTreeMap<IpAddr, Weak<Turn>>>,
}

/// Whoever holds it is looked at; the others wait in the order in which they came.
type Turn = tokio::sync::Mutex<()>;

/// What a door shows to those who connect: the certificate and its key, for TLS. `Debug` shows neither.
pub struct Shown {
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The key, PEM.
    pub key_pem: String,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

/// The code, and how often it was guessed.
#[derive(Debug)]
struct Guard {
    code: PairingCode,
    /// Wrong ones since this code.
    wrong: u64,
    /// Wrong ones since the door was made.
    wrong_in_all: u64,
}

impl Door {
    /// Makes a key, its certificate, and a code.
    ///
    /// # Errors
    /// If the system provides no random numbers, or the certificate can't be made.
    pub fn new() -> Result<(Door, Shown)> {
        let key = Key::generate().context("making a key")?;
        // The node's clock may be years off, and so may the operator's: the code vouches for the key, not the time.
        let clock = Clock::new(0);
        let leaf = Leaf {
            subject: Subject { common_name: "ironhull maintenance", organization: None },
            usage: Usage::Server,
            names: &[SERVER_NAME.to_owned()],
            not_after_secs: clock.end_secs(u64::MAX),
        };
        let certificate = self_signed_leaf(&leaf, &key, clock).context("making a certificate")?;
        let key_sha256 = digest(&SHA256, &key.public_key_info());
        let key_sha256 = key_sha256.as_ref().try_into().context("SHA-256 has 32 bytes")?;
        let code = PairingCode::new(&key_sha256, random()?);
        let guard = Mutex::new(Guard { code, wrong: 0, wrong_in_all: 0 });
        let shown = Shown { certificate_der: certificate.der, key_pem: key.to_pem() };
        Ok((Door { key_sha256, guard, turn: Arc::default(), lanes: Mutex::default() }, shown))
    }

    /// Returns the code, to be shown on the console and nowhere else.
    pub fn code(&self) -> PairingCode {
        self.lock().code
    }

    /// Returns how many wrong secrets came since the door was made.
    pub fn wrong_in_all(&self) -> u64 {
        self.lock().wrong_in_all
    }

    /// Returns whether `secret`, which comes from the address `source`, is the right one. A request without one is no
    /// guess.
    pub async fn admits(&self, source: IpAddr, secret: Option<PairingSecret>) -> bool {
        let Some(secret) = secret else { return false };
        let lane = self.lane(source).lock_owned().await;
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if self.lock().check(secret, || Ok(PairingCode::new(&self.key_sha256, random()?))) {
            return true;
        }
        // On a task of its own: the pause lasts even if whoever guesses leaves at once.
        tokio::spawn(async move {
            tokio::time::sleep(WRONG_PAUSE).await;
            // In this order: the next one of this address comes after those who wait already.
            drop(turn);
            drop(lane);
        });
        false
    }

    /// Returns where those of an address wait for each other. There are as many as connections at most.
    fn lane(&self, source: IpAddr) -> Arc<Turn> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&source).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::default();
        lanes.insert(source, Arc::downgrade(&lane));
        lane
    }

    fn lock(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    /// Compares in constant time; counts a wrong one, and takes the code of `renew` after too many.
    fn check(&mut self, secret: PairingSecret, renew: impl FnOnce() -> Result<PairingCode>) -> bool {
        if secret == self.code.secret() {
            return true;
        }
        self.wrong += 1;
        self.wrong_in_all += 1;
        if self.wrong_in_all.is_power_of_two() {
            eprintln!("noded: wrong pairing codes so far: {}", self.wrong_in_all);
        }
        if self.wrong >= MAX_WRONG {
            match renew() {
                Ok(code) => (self.code, self.wrong) = (code, 0),
                Err(e) => eprintln!("noded: making a new pairing code: {e:#}"),
            }
        }
        false
    }
}

fn random() -> Result<[u8; 5]> {
    let mut bytes = [0; 5];
    SystemRandom::new().fill(&mut bytes).ok().context("the system provides no random numbers")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn every_door_has_a_key_and_a_secret_of_its_own() {
        let [(one, shown), (other, _)] = [Door::new().unwrap(), Door::new().unwrap()];
        assert!(one.code().is_of_key(&one.key_sha256) && !one.code().is_of_key(&other.key_sha256));
        assert_ne!(one.code().secret(), other.code().secret());
        let debug = format!("{one:?} {shown:?}");
        assert!(!debug.contains(&one.code().secret().to_string()) && !debug.contains("PRIVATE"), "{debug}");
    }

    #[test]
    fn many_wrong_ones_lead_to_a_new_secret_of_the_same_key() {
        let (hash, other) = ([7; 32], PairingCode::new(&[7; 32], [2; 5]));
        let mut guard = Guard { code: PairingCode::new(&hash, [1; 5]), wrong: 0, wrong_in_all: 0 };
        let first = guard.code;
        let wrong = PairingCode::new(&hash, [9; 5]).secret();
        for _ in 1..MAX_WRONG {
            assert!(!guard.check(wrong, || unreachable!("too early")));
        }
        assert!(guard.check(first.secret(), || unreachable!("a right one")));
        assert!(!guard.check(wrong, || anyhow::bail!("no random numbers")));
        assert_eq!(guard.code, first, "without a new code the old one stays");
        assert!(!guard.check(wrong, || Ok(other)));
        assert_eq!((guard.code, guard.wrong, guard.wrong_in_all), (other, 0, MAX_WRONG + 1));
        assert!(!guard.check(first.secret(), || unreachable!("the count begins again")));
        assert!(guard.check(other.secret(), || unreachable!("a right one")));
    }

    #[test]
    fn wrong_ones_wait_for_each_other_even_if_they_leave() {
        let (door, _) = Door::new().unwrap();
        let door = Arc::new(door);
        let wrong = PairingCode::new(&[0; 32], [0; 5]).secret();
        let began = std::time::Instant::now();
        run(async {
            for _ in 0..10 {
                assert!(!door.admits(source(1), Some(wrong)).await);
            }
            assert!(door.admits(source(1), Some(door.code().secret())).await);
            assert!(!door.admits(source(1), None).await);
        });
        // Ten pauses lie before the right one; a test may be slow, never fast.
        assert!(began.elapsed() >= 10 * WRONG_PAUSE, "{:?}", began.elapsed());
        assert_eq!(door.wrong_in_all(), 10);
    }

    fn source(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn the_right_one_waits_for_one_wrong_one_of_each_other_address() {
        let (door, _) = Door::new().unwrap();
        let door = Arc::new(door);
        let wrong = PairingCode::new(&[0; 32], [0; 5]).secret();
        run(async {
            for n in 0..100 {
                let door = Arc::clone(&door);
                tokio::spawn(async move { door.admits(source(n % 2), Some(wrong)).await });
            }
            // All of them wait, or had their turn.
            tokio::task::yield_now().await;
            assert!(door.admits(source(9), Some(door.code().secret())).await);
        });
        assert!((1..=3).contains(&door.wrong_in_all()), "{}", door.wrong_in_all());
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let (door, _) = Door::new().unwrap();
        for n in 0..200 {
            drop(door.lane(source(n)));
        }
        assert_eq!(door.lanes.lock().unwrap().len(), 1);
    }
}
