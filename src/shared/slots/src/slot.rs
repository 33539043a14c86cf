//! The two slots, and a value for each.
//!
//! [`Pair`] has two named fields instead of an index: looking one up can't fail, so the boot loader
//! carries no code for it.

use core::fmt;

use crate::Partition;

/// One of the two places for a generation: a kernel partition and a root partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// `kernel-a` and `root-a`.
    A,
    /// `kernel-b` and `root-b`.
    B,
}

impl Slot {
    /// Both slots, in disk order.
    pub const ALL: [Slot; 2] = [Slot::A, Slot::B];

    /// Returns the other slot.
    #[must_use]
    pub const fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    /// Returns the slot's name: one lower-case letter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Slot::A => "a",
            Slot::B => "b",
        }
    }

    /// Returns the slot with the given name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Slot> {
        Slot::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Returns the partition that holds the slot's UKI.
    #[must_use]
    pub const fn kernel(self) -> Partition {
        match self {
            Slot::A => Partition::KernelA,
            Slot::B => Partition::KernelB,
        }
    }

    /// Returns the partition that holds the slot's root.
    #[must_use]
    pub const fn root(self) -> Partition {
        match self {
            Slot::A => Partition::RootA,
            Slot::B => Partition::RootB,
        }
    }

    /// Returns the byte by which a record names "this slot or none": 0 is none.
    pub(crate) const fn code(slot: Option<Slot>) -> u8 {
        match slot {
            None => 0,
            Some(Slot::A) => 1,
            Some(Slot::B) => 2,
        }
    }

    /// The reverse of [`Slot::code`]; a byte without meaning is none.
    pub(crate) const fn from_code(code: u8) -> Option<Slot> {
        match code {
            1 => Some(Slot::A),
            2 => Some(Slot::B),
            _ => None,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value for each slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pair<T> {
    /// Slot A's value.
    pub a: T,
    /// Slot B's value.
    pub b: T,
}

impl<T> Pair<T> {
    /// Returns the value of `slot`.
    pub const fn get(&self, slot: Slot) -> &T {
        match slot {
            Slot::A => &self.a,
            Slot::B => &self.b,
        }
    }

    /// Returns the value of `slot`, to be changed.
    pub const fn get_mut(&mut self, slot: Slot) -> &mut T {
        match slot {
            Slot::A => &mut self.a,
            Slot::B => &mut self.b,
        }
    }

    /// Returns what `change` makes of each value.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Pair<U> {
        Pair { a: change(self.a), b: change(self.b) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back() {
        for slot in Slot::ALL {
            assert_eq!(Slot::from_code(Slot::code(Some(slot))), Some(slot));
            assert_eq!(Slot::from_name(slot.name()), Some(slot));
            assert_eq!(slot.other().other(), slot);
            assert_ne!(slot.kernel(), slot.other().kernel());
        }
        assert_eq!(Slot::from_code(Slot::code(None)), None);
        assert_eq!(Slot::from_code(3), None);
        assert_eq!(Slot::from_name("A"), None);
    }
}
