//! Pauses between attempts, which double up to a limit.

use std::thread;
use std::time::Duration;

/// A growing pause.
#[derive(Clone, Copy, Debug)]
pub struct BackOff {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl BackOff {
    /// Returns a pause that starts at `first` and grows to `longest`.
    pub fn new(first: Duration, longest: Duration) -> BackOff {
        BackOff { first, next: first, longest }
    }

    /// Sleeps, longer each time.
    pub fn sleep(&mut self) {
        thread::sleep(self.advance());
    }

    /// Resets after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    fn advance(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_bound() {
        let mut pauses = BackOff::new(Duration::from_millis(100), Duration::from_millis(350));
        let taken: Vec<u128> = (0..4).map(|_| pauses.advance().as_millis()).collect();
        assert_eq!(taken, [100, 200, 350, 350]);
        pauses.reset();
        assert_eq!(pauses.advance().as_millis(), 100);
    }
}
