//! The seed of a run, which determines everything that tests choose at random. It is printed, and
//! `IRONHULL_SEED` sets it, so that a failure can be reproduced.

use std::sync::OnceLock;

/// The environment variable that sets the seed.
const VARIABLE: &str = "IRONHULL_SEED";

/// Returns the seed of this run; prints it the first time.
///
/// # Panics
/// If `IRONHULL_SEED` is not a number.
#[must_use]
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = match std::env::var(VARIABLE) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{VARIABLE}={text}: expected a number")),
            Err(_) => fresh(),
        };
        println!("{VARIABLE}={seed} chooses the same again");
        seed
    })
}

/// Returns a random seed.
fn fresh() -> u64 {
    let mut bytes = [0; 4];
    sys::random_bytes(&mut bytes).expect("the kernel has random bytes");
    u64::from(u32::from_le_bytes(bytes))
}

/// Random numbers determined by the seed of the run and a name.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Returns the numbers for `name`: the same in each run with the same seed, whatever runs in parallel.
    #[must_use]
    pub fn of(name: &str) -> Random {
        Random::from(seed(), name)
    }

    fn from(seed: u64, name: &str) -> Random {
        // FNV-1a, 64 bits; xorshift must not begin with zero.
        let hash = name.bytes().chain(seed.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Random(hash | 1)
    }

    /// Returns the next number as an index among `count`, which is not 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    pub fn index(&mut self, count: usize) -> usize {
        (self.part() * count as f64) as usize
    }

    /// Returns the next number, from 0 (inclusive) to 1 (exclusive).
    pub fn part(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = u32::try_from(self.0 >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_name_give_the_same_numbers() {
        let numbers = |seed, name| {
            let mut random = Random::from(seed, name);
            [random.part(), random.part(), random.part()].map(f64::to_bits)
        };
        assert_eq!(numbers(7, "cuts"), numbers(7, "cuts"));
        assert_ne!(numbers(7, "cuts"), numbers(8, "cuts"));
        assert_ne!(numbers(7, "cuts"), numbers(7, "other"));
        let mut random = Random::from(1, "");
        assert!((0..1000).map(|_| random.part()).all(|p| (0.0..1.0).contains(&p)));
    }
}
