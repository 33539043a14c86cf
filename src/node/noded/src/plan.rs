//! Plans the cluster for this node from its current facts. Nothing is written here.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use cluster::{Duties, Facts, Plan, State};
use config::{Cidr, NodeConfig, Role};
use net::clock;

use crate::node::Node;
use crate::room;

/// Parses the role in the image's facts.
///
/// # Errors
/// If this program does not know the role.
pub fn role(name: &str) -> Result<Role> {
    let known = || Role::ALL.map(|r| format!("{:?}", r.name())).join(" or ");
    Role::from_name(name).with_context(|| format!("image.json: role: expected {}, found {name:?}", known()))
}

/// Checks that a config is for an image of this role: only a node that does not found its cluster joins one. That it has
/// a token is not checked here, since a node that has joined needs none.
///
/// # Errors
/// If it is not.
pub fn check_role(role: Role, config: &NodeConfig) -> Result<()> {
    ensure!(
        config.join.is_none() || !Duties::of(role).control_plane,
        "join: expected none, since this image is of role {} and founds its cluster; an image of role worker joins",
        role.name()
    );
    if let Some(join) = &config.join {
        ensure!(
            join.token.role == role,
            "join.token: expected one for role {}, that of this image; found one for role {}",
            role.name(),
            join.token.role.name()
        );
    }
    Ok(())
}

/// Returns the certificate of the cluster's authority, PEM.
///
/// # Errors
/// If it is not there yet, or the node has joined its cluster.
pub fn authority() -> Result<String> {
    let path = Path::new(cluster::PKI_DIRECTORY).join("noded/ca.crt");
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// Returns the address under which the node is known to its cluster, of those that it has: the one that it had until now
/// as long as it still has it, else the first; only in the configured range, if there is one. A second link that gets an
/// address later must not move the cluster to it.
pub fn node_address(node: &Node, addresses: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    choose(node.documents.node.network.node_address, node.address(), addresses)
}

fn choose(range: Option<Cidr>, until_now: Option<Ipv4Addr>, addresses: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    let fits = |address: &Ipv4Addr| range.is_none_or(|range| range.contains(*address));
    let first = || addresses.iter().copied().find(fits);
    until_now.filter(|known| fits(known) && addresses.contains(known)).or_else(first)
}

/// Plans the cluster according to the config, the node's address and all its addresses, the clock and the
/// certificates on the disk.
///
/// # Errors
/// If a certificate can't be read, or a certificate authority is damaged.
pub fn plan_now(node: &Node, (address, addresses): (Ipv4Addr, &[Ipv4Addr])) -> Result<Plan> {
    let member = node.member();
    let facts = Facts {
        node: &node.documents.node,
        cluster: member.as_ref().map_or(&node.documents.cluster, |m| &*m.cluster),
        server: member.as_ref().map(|m| m.server.as_str()),
        address,
        addresses,
        now_secs: clock::now().as_secs(),
        build_time_secs: node.image.build_time,
        state_bytes: room::of(Path::new("/state")).map_or(0, |r| r.total_bytes),
        container_images: &node.image.container_images,
    };
    let state = State::load(Path::new("/")).context("reading certificates")?;
    cluster::plan(node.duties, &facts, &state).context("planning the cluster")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stays_as_long_as_the_node_has_it() {
        let [a, b, c] = [1, 2, 3].map(|n| Ipv4Addr::new(10, 0, 0, n));
        for (until_now, addresses, expected) in [
            (None, vec![], None),
            (None, vec![a, b], Some(a)),
            (Some(b), vec![a, b], Some(b)),
            (Some(b), vec![a, c], Some(a)),
            (Some(b), vec![], None),
        ] {
            assert_eq!(choose(None, until_now, &addresses), expected, "{until_now:?} {addresses:?}");
        }
    }

    #[test]
    fn the_address_is_in_the_configured_range() {
        let range = "10.1.0.0/24".parse().ok();
        let [outside, a, b] = ["10.0.2.15", "10.1.0.1", "10.1.0.2"].map(|t| t.parse::<Ipv4Addr>().unwrap());
        for (until_now, addresses, expected) in [
            (None, vec![outside], None),
            (None, vec![outside, a, b], Some(a)),
            (Some(b), vec![outside, a, b], Some(b)),
            (Some(outside), vec![outside, a], Some(a)),
        ] {
            assert_eq!(choose(range, until_now, &addresses), expected, "{until_now:?} {addresses:?}");
        }
    }
}
