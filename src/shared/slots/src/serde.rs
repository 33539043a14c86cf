//! Serde for the types of a disk, with the same stable names that are printed.
//!
//! A reader may be older than its input: unknown flags are ignored, and an unknown reason for a start
//! is [`Why::Unknown`]. An unknown slot or failure is an error.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::{Flags, Reason, Slot, Why};

/// What is written as one name.
trait Named: Sized {
    /// What a name is of, for errors.
    const WHAT: &'static str;

    /// Returns what a name stands for.
    fn named(name: &str) -> Option<Self>;
}

impl Named for Slot {
    const WHAT: &'static str = "the slot a or b";

    fn named(name: &str) -> Option<Slot> {
        Slot::from_name(name)
    }
}

impl Named for Reason {
    const WHAT: &'static str = "the reason of a failure";

    fn named(name: &str) -> Option<Reason> {
        Reason::from_name(name)
    }
}

impl Named for Why {
    const WHAT: &'static str = "the reason of a start";

    fn named(name: &str) -> Option<Why> {
        Some(Why::from_name(name))
    }
}

/// Reads one name.
struct Name<T>(PhantomData<T>);

impl<T: Named> Visitor<'_> for Name<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        T::named(name).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(name), &self))
    }
}

macro_rules! by_name {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Name(PhantomData))
            }
        }
    )*};
}

by_name!(Slot, Reason, Why);

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.names().count()))?;
        self.names().try_for_each(|name| list.serialize_element(name))?;
        list.end()
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FlagNames)
    }
}

/// Reads a list of flags.
struct FlagNames;

impl<'de> Visitor<'de> for FlagNames {
    type Value = Flags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of flags of a slot")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Flags, A::Error> {
        let mut flags = Flags::default();
        while let Some(Flag(flag)) = list.next_element()? {
            flags = flags.with(flag);
        }
        Ok(flags)
    }
}

/// One flag of a list; one that is unknown here is none.
struct Flag(Flags);

impl Named for Flag {
    const WHAT: &'static str = "a flag of a slot";

    fn named(name: &str) -> Option<Flag> {
        Some(Flag(Flags::from_name(name).unwrap_or_default()))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Name(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entry;
    use std::string::ToString;

    #[test]
    fn an_entry_is_written_in_words_and_read_back() {
        let entry = Entry {
            generation: 3,
            epoch: 1,
            flags: Flags::PRESENT.with(Flags::RETIRED),
            tries_left: 0,
            last_failure: Reason::Other(200),
        };
        let text = serde_json::to_string(&entry).unwrap();
        let expected = r#"{"generation":3,"epoch":1,"flags":["present","retired"],"tries_left":0,"last_failure":"other(200)"}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    }

    #[test]
    fn every_word_leads_back() {
        for code in 0..=u8::MAX {
            let reason = Reason::from_code(code);
            let text = serde_json::to_string(&reason).unwrap();
            assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), reason, "{text}");
        }
        for text in [r#""a""#, r#""b""#] {
            assert_eq!(serde_json::to_string(&serde_json::from_str::<Slot>(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_unknown_is_borne_where_nothing_hangs_on_it() {
        let flags: Flags = serde_json::from_str(r#"["present","frozen"]"#).unwrap();
        assert_eq!(flags, Flags::PRESENT);
        assert_eq!(serde_json::from_str::<Why>(r#""whim""#).unwrap(), Why::Unknown);
        let error = serde_json::from_str::<Slot>(r#""c""#).unwrap_err().to_string();
        assert!(error.contains("expected the slot a or b"), "{error}");
        assert!(serde_json::from_str::<Reason>(r#""other(7)""#).is_err(), "a known code has a name");
    }
}
