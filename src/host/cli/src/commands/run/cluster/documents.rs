//! What the configs of machines on a segment have besides those of single ones.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};
use config::Cidr;
use files::Access;
use vm::Segment;

use crate::credentials;

/// Hardware address of a machine's adapter to the outside, which QEMU gives the first one.
const OUTSIDE: &str = "52:54:00:12:34:56";

/// A machine's place on the segment.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The segment.
    pub segment: &'a Segment,
    /// Its addresses.
    pub range: Cidr,
    /// The machine's own.
    pub address: Ipv4Addr,
}

/// Adds to a node config how the node is connected: outside by DHCP, on the segment by a static address, by which its
/// cluster knows it.
pub fn connected(text: &str, place: &Place<'_>) -> String {
    let kind = "kind: NodeConfig\n";
    let (range, prefix) = (place.range, place.range.prefix());
    let network = format!(
        "network:
  nodeAddress: {range}
  ethernets:
    outside: {{ match: {{ macaddress: \"{OUTSIDE}\" }}, dhcp4: true }}
    segment: {{ match: {{ macaddress: \"{}\" }}, addresses: [{}/{prefix}] }}
",
        place.segment.hardware_address(),
        place.address,
    );
    text.replacen(kind, &format!("{kind}{network}"), 1)
}

/// Adds to a cluster config the pod network's provider; nothing for the default.
pub fn with_provider(text: &str, name: Option<&str>) -> String {
    let key = "\n  network:\n";
    name.map_or_else(
        || text.to_owned(),
        |name| text.replacen(key, &format!("{key}    provider: {name:?}\n"), 1),
    )
}

/// Copies the operator's credentials to another machine's directory, where commands look for them.
pub fn share_credentials(from: &Path, to: &Path) -> Result<()> {
    for name in credentials::FILES {
        let (from, to) = (from.join(name), to.join(name));
        let bytes = fs::read(&from).with_context(|| format!("reading {}", from.display()))?;
        files::write(&to, &bytes, Access::Private)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::config::make;

    #[test]
    fn a_node_is_known_by_its_address_on_the_segment() {
        let dir = tempfile::tempdir().unwrap();
        let segment = Segment { directories: vec!["/a".into(), "/b".into()], index: 1 };
        let place = Place {
            segment: &segment,
            range: "10.1.0.0/24".parse().unwrap(),
            address: [10, 1, 0, 12].into(),
        };
        let text = connected(&make(dir.path(), "node-1", "home").unwrap(), &place);
        let text = with_provider(&text, Some("custom"));
        let documents = config::parse_node_documents("node.yaml", &text).unwrap();
        assert_eq!(documents.cluster.spec.network.provider, config::NetworkProvider::Custom);
        let network = documents.node.network;
        assert_eq!(network.node_address, Some(place.range));
        assert_eq!(network.ethernets["segment"].addresses[0].to_string(), "10.1.0.12/24");
        let hardware = network.ethernets["segment"].matches.clone().unwrap().macaddress;
        assert_eq!(hardware, Some(segment.hardware_address()));
    }
}
