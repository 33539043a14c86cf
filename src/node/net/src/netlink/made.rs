//! Links that the kernel makes of others: bonds, virtual LANs, bridges. Their requests and how they are read. Pure.

use config::{BondMode, BondParameters, BridgeParameters, HashPolicy, LacpRate};

use super::message::{Request, attributes, flag, kind, link_head, u16_at, u32_at};

/// The group of links that are made here: unassigned otherwise, so that links of others (containers' networks) are never
/// taken for ours.
const GROUP: u32 = 73;
/// Attributes of a link.
const NAME: u16 = 3;
const BELOW: u16 = 5;
const MASTER: u16 = 10;
const INFO: u16 = 18;
const IN_GROUP: u16 = 27;
/// Attributes within [`INFO`].
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
/// Attributes of a virtual LAN.
const VLAN_ID: u16 = 1;
/// Attributes of a bond.
const BOND_MODE: u16 = 1;
const BOND_INTERVAL: u16 = 3;
const BOND_POLICY: u16 = 14;
const BOND_LACP_RATE: u16 = 21;
/// Attributes of a bridge.
const BRIDGE_DELAY: u16 = 1;
const BRIDGE_STP: u16 = 5;

/// What kind of link is made, and how it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// Several links as one; rate and policy are 0 where the mode has none.
    Bond { mode: u8, interval_ms: u32, lacp_rate: u8, policy: u8 },
    /// A virtual LAN.
    Vlan { id: u16 },
    /// A switch; the delay is in hundredths of a second.
    Bridge { stp: bool, delay: u32 },
}

impl Made {
    /// Returns the bond that a config describes.
    pub(crate) fn bond(parameters: &BondParameters) -> Made {
        let mode = match parameters.mode {
            BondMode::ActiveBackup => 1,
            BondMode::BalanceXor => 2,
            BondMode::Lacp => 4,
        };
        let lacp_rate = u8::from(mode == 4 && parameters.lacp_rate == LacpRate::Fast);
        let policy = match parameters.transmit_hash_policy {
            _ if mode == 1 => 0,
            HashPolicy::Layer2 => 0,
            HashPolicy::Layer34 => 1,
            HashPolicy::Layer23 => 2,
        };
        Made::Bond { mode, interval_ms: parameters.mii_monitor_interval, lacp_rate, policy }
    }

    /// Returns the bridge that a config describes.
    pub(crate) fn bridge(parameters: &BridgeParameters) -> Made {
        Made::Bridge { stp: parameters.stp, delay: parameters.forward_delay * 100 }
    }

    const fn name(self) -> &'static str {
        match self {
            Made::Bond { .. } => "bond",
            Made::Vlan { .. } => "vlan",
            Made::Bridge { .. } => "bridge",
        }
    }

    fn data(self) -> Vec<u8> {
        let mut data = Request::body_alone();
        match self {
            Made::Vlan { id } => data = data.attribute(VLAN_ID, &id.to_ne_bytes()),
            Made::Bond { mode, interval_ms, lacp_rate, policy } => {
                data =
                    data.attribute(BOND_MODE, &[mode]).attribute(BOND_INTERVAL, &interval_ms.to_ne_bytes());
                // The kernel refuses what the mode does not have.
                if mode != 1 {
                    data = data.attribute(BOND_POLICY, &[policy]);
                }
                if mode == 4 {
                    data = data.attribute(BOND_LACP_RATE, &[lacp_rate]);
                }
            }
            Made::Bridge { stp, delay } => {
                data = data.attribute(BRIDGE_DELAY, &delay.to_ne_bytes());
                data = data.attribute(BRIDGE_STP, &u32::from(stp).to_ne_bytes());
            }
        }
        data.into_body()
    }
}

/// Makes a link; `below` is the number of the link that a virtual LAN is on.
pub(crate) fn create(name: &str, made: Made, below: Option<u32>) -> Request {
    let info = Request::body_alone()
        .attribute(INFO_KIND, made.name().as_bytes())
        .attribute(INFO_DATA, &made.data())
        .into_body();
    let request = link_head(kind::NEW_LINK, flag::ACK | flag::CREATE | flag::EXCLUSIVE, 0, (0, 0))
        .attribute(NAME, &[name.as_bytes(), b"\0"].concat())
        .attribute(IN_GROUP, &GROUP.to_ne_bytes())
        .attribute(INFO, &info);
    match below {
        Some(below) => request.attribute(BELOW, &below.to_ne_bytes()),
        None => request,
    }
}

/// Removes a link that was made.
pub(crate) fn delete(index: u32) -> Request {
    link_head(kind::DELETE_LINK, flag::ACK, index, (0, 0))
}

/// Makes a link the port of another one; 0: of none.
pub(crate) fn set_master(port: u32, master: u32) -> Request {
    link_head(kind::NEW_LINK, flag::ACK, port, (0, 0)).attribute(MASTER, &master.to_ne_bytes())
}

/// What a link is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// It was made here; `None` if its kind or its settings are none that are made here.
    pub ours: Option<Option<Made>>,
    /// Number of the link that it is on.
    pub below: Option<u32>,
    /// Number of the link whose port it is.
    pub master: Option<u32>,
}

impl Parts {
    /// Takes an attribute of a link.
    pub(crate) fn take(&mut self, kind: u16, value: &[u8], made: &mut Option<Made>) {
        match kind {
            BELOW => self.below = u32_at(value, 0).filter(|below| *below != 0),
            MASTER => self.master = u32_at(value, 0).filter(|master| *master != 0),
            INFO => *made = read(value),
            IN_GROUP if u32_at(value, 0) == Some(GROUP) => self.ours = Some(None),
            _ => {}
        }
    }
}

/// Reads what kind a link is of.
fn read(info: &[u8]) -> Option<Made> {
    let find = |bytes, wanted| attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let name = find(info, INFO_KIND)?;
    let data = find(info, INFO_DATA)?;
    let byte = |kind| find(data, kind).and_then(|value: &[u8]| value.first().copied());
    let number = |kind| find(data, kind).and_then(|value| u32_at(value, 0));
    match name.strip_suffix(b"\0").unwrap_or(name) {
        b"vlan" => Some(Made::Vlan { id: u16_at(find(data, VLAN_ID)?, 0)? }),
        b"bond" => {
            let mode = byte(BOND_MODE)?;
            Some(Made::Bond {
                mode,
                interval_ms: number(BOND_INTERVAL)?,
                lacp_rate: if mode == 4 { byte(BOND_LACP_RATE)? } else { 0 },
                policy: if mode == 1 { 0 } else { byte(BOND_POLICY)? },
            })
        }
        b"bridge" => Some(Made::Bridge { stp: number(BRIDGE_STP)? != 0, delay: number(BRIDGE_DELAY)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{parse_link, split};
    use super::*;

    #[test]
    fn what_is_made_is_read_back_as_the_same() {
        let all = [
            Made::Vlan { id: 4094 },
            Made::Bridge { stp: true, delay: 400 },
            Made::bond(&BondParameters::default()),
            Made::bond(&BondParameters { mode: BondMode::BalanceXor, ..BondParameters::default() }),
            Made::bond(&BondParameters {
                mode: BondMode::Lacp,
                lacp_rate: LacpRate::Fast,
                transmit_hash_policy: HashPolicy::Layer34,
                ..BondParameters::default()
            }),
        ];
        for made in all {
            let message = create("lan5", made, Some(3)).encode(1);
            let body = split(&message)[0].body;
            let link = parse_link(body).unwrap();
            assert_eq!(
                (link.name.as_str(), &link.parts.ours, link.parts.below),
                ("lan5", &Some(Some(made)), Some(3))
            );
            for end in 0..body.len() {
                parse_link(&body[..end]);
            }
            for at in 0..body.len() {
                let mut changed = body.to_vec();
                changed[at] ^= 0xff;
                parse_link(&changed);
            }
        }
        let port = set_master(4, 9).encode(1);
        assert_eq!(split(&port)[0].body.len(), 16 + 8);
    }
}
