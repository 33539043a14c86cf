//! The clocks that time is kept with. Tests have others: they set none of their machine.

use std::fmt::Debug;
use std::time::Duration;

use net::{NetError, clock};

/// The clock that is set, and those that it is held against.
pub trait Clocks: Debug + Send + Sync {
    /// Returns the time since 1970.
    fn now(&self) -> Duration;
    /// Returns the time since the kernel started.
    fn since_boot(&self) -> Duration;
    /// Returns the time since 1970 on the machine's own clock, if it has one.
    fn of_machine(&self) -> Option<Duration>;
    /// Sets the clock to a time since 1970.
    fn set(&self, time: Duration) -> Result<(), NetError>;
}

/// Those of the machine.
#[derive(Debug)]
pub struct OfMachine;

impl Clocks for OfMachine {
    fn now(&self) -> Duration {
        clock::now()
    }

    fn since_boot(&self) -> Duration {
        clock::since_boot()
    }

    fn of_machine(&self) -> Option<Duration> {
        clock::of_machine()
    }

    fn set(&self, time: Duration) -> Result<(), NetError> {
        clock::set(time)
    }
}
