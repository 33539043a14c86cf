//! IPv4 addresses with a prefix length, `10.244.0.0/16`.
//!
//! IPv4 only, as long as the node's network does not support IPv6.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An IPv4 address and a prefix length of 0 to 32: an interface address or a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    address: Ipv4Addr,
    prefix: u8,
}

impl Cidr {
    /// All IPv4 addresses: the destination of a default route.
    pub const ANY: Cidr = Cidr { address: Ipv4Addr::UNSPECIFIED, prefix: 0 };

    /// Returns `address/prefix`; `None` if `prefix` exceeds 32.
    #[must_use]
    pub const fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        if prefix <= 32 { Some(Cidr { address, prefix }) } else { None }
    }

    /// Returns the address as written, including the host part.
    #[must_use]
    pub const fn address(self) -> Ipv4Addr {
        self.address
    }

    /// Returns the prefix length, 0 to 32.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Returns the netmask as a number in host byte order.
    const fn mask(self) -> u32 {
        if self.prefix == 0 { 0 } else { u32::MAX << (32 - self.prefix) }
    }

    /// Returns the first address of the range.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) & self.mask())
    }

    /// Returns whether the host part is zero.
    #[must_use]
    pub fn is_network(self) -> bool {
        self.network() == self.address
    }

    /// Returns the address `n` after the first one; `None` if it is not in the range.
    #[must_use]
    pub fn nth(self, n: u32) -> Option<Ipv4Addr> {
        let address = u32::from(self.network()).checked_add(n).map(Ipv4Addr::from)?;
        self.contains(address).then_some(address)
    }

    /// Returns whether `address` is in the range.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.network())
    }

    /// Returns whether the two ranges overlap.
    #[must_use]
    pub fn overlaps(self, other: Cidr) -> bool {
        self.contains(other.network()) || other.contains(self.network())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        if prefix.is_empty() || prefix.len() > 2 || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        let prefix = prefix.parse().map_err(|_| ())?;
        Cidr::new(address.parse().map_err(|_| ())?, prefix).ok_or(())
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Cidr {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cidr".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$",
            "examples": ["10.244.0.0/16"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn parses_only_the_usual_form() {
        assert_eq!(cidr("10.0.2.15/24").to_string(), "10.0.2.15/24");
        for bad in
            ["", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "10.0.0.0/008", "::/0"]
        {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_within_its_range() {
        let range = cidr("10.96.0.0/12");
        assert_eq!(range.nth(10), Some(Ipv4Addr::new(10, 96, 0, 10)));
        assert_eq!(cidr("10.0.0.0/30").nth(4), None);
        assert_eq!(cidr("255.255.255.254/31").nth(2), None);
        assert_eq!(cidr("10.0.2.15/24").network(), Ipv4Addr::new(10, 0, 2, 0));
        assert!(!cidr("10.0.2.15/24").is_network());
        assert!(Cidr::ANY.contains(Ipv4Addr::BROADCAST));
    }

    #[test]
    fn sees_overlaps() {
        assert!(cidr("10.0.0.0/8").overlaps(cidr("10.96.0.0/12")));
        assert!(cidr("10.96.0.0/12").overlaps(cidr("10.0.0.0/8")));
        assert!(!cidr("10.96.0.0/12").overlaps(cidr("10.244.0.0/16")));
    }
}
