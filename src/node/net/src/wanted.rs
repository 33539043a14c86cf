//! What a link shall have, by its plan and its lease. Pure.

use std::net::Ipv4Addr;

use config::Cidr;

use crate::dhcp::Lease;
use crate::netlink::Route;
use crate::plan::LinkPlan;

/// Metric of routes to the pods of other nodes, which no config or lease has.
const POD_METRIC: u32 = 7321;
/// Metric of routes from DHCP: static ones, of metric 0, win.
const DHCP_METRIC: u32 = 1024;

/// What DHCP has given to a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leased {
    /// Nothing so far. What the link has may be of a run before this one, and stays until DHCP has spoken.
    #[default]
    Nothing,
    /// A lease.
    Held(Lease),
    /// A lease that is over.
    Lost,
}

impl Leased {
    /// Returns the lease that is in force.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        match self {
            Leased::Held(lease) => Some(lease),
            Leased::Nothing | Leased::Lost => None,
        }
    }
}

/// What a link shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Number of the link.
    pub index: u32,
    /// Largest packet; `None` leaves it as it is.
    pub mtu: Option<u32>,
    /// Exactly these addresses.
    pub addresses: Vec<Cidr>,
    /// Of the routes made here exactly these, those on the link itself first, since gateways are found by them.
    pub routes: Vec<Route>,
    /// Other addresses and routes are left alone for now.
    pub keeps_others: bool,
}

/// Returns what the link of `plan` shall have; `own_mtu` is the largest packet that it had at first.
pub(crate) fn wanted(plan: &LinkPlan, leased: &Leased, own_mtu: u32) -> Wanted {
    let lease = leased.lease();
    let mtu = plan.mtu.or(lease.and_then(|l| l.mtu)).map(u32::from);
    let mut wanted = Wanted {
        index: plan.index,
        mtu: mtu.or((own_mtu > 0).then_some(own_mtu)),
        addresses: plan.addresses.iter().copied().chain(lease.map(|l| l.address)).collect(),
        routes: Vec::new(),
        keeps_others: plan.dhcp && *leased == Leased::Nothing,
    };
    let fixed = plan.routes.iter().map(|(to, via, metric)| (*to, Some(*via), *metric, true));
    let metric = DHCP_METRIC.saturating_add(plan.index);
    let leased = lease.iter().flat_map(|l| &l.routes).map(|(to, via)| (*to, *via, metric, false));
    let all: Vec<(Cidr, Option<Ipv4Addr>, u32, bool)> = fixed.chain(leased).collect();
    let networks: Vec<Cidr> =
        wanted.addresses.iter().copied().chain(all.iter().filter(|r| r.1.is_none()).map(|r| r.0)).collect();
    let reached = |gateway: Ipv4Addr| {
        networks.iter().any(|n| n.prefix() < 32 && n.contains(gateway) || n.address() == gateway)
    };
    let mut routes: Vec<Route> = Vec::new();
    for (to, via, metric, is_fixed) in all {
        let on_link = via.is_some_and(|gateway| !reached(gateway));
        // A gateway in the network of an address that is still to come can't be told from one off every network.
        let early = on_link && is_fixed && plan.dhcp && lease.is_none();
        let known = routes.iter().any(|r| (r.to, r.metric) == (to, metric));
        if !early && !known {
            routes.push(Route { index: plan.index, to, via, on_link, metric });
        }
    }
    routes.sort_by_key(|r| r.via.is_some());
    wanted.routes = routes;
    wanted
}

/// Adds the routes to the pods of other nodes, each to the first link with a network that has the other node in it.
pub(crate) fn add_pod_routes(all: &mut [Wanted], routes: &[(Cidr, Ipv4Addr)]) {
    for (to, via) in routes {
        let holds = |a: &Cidr| a.prefix() < 32 && a.contains(*via) && a.address() != *via;
        let link = all.iter_mut().find(|w| w.addresses.iter().any(holds));
        if let Some(wanted) = link {
            let (to, via) = (*to, Some(*via));
            let route = Route { index: wanted.index, to, via, on_link: false, metric: POD_METRIC };
            wanted.routes.push(route);
        }
    }
}

/// Returns whether `wanted` is what config and lease say, whatever routes to pods there are.
pub(crate) fn is_of_config(wanted: &Wanted, of_config: &Wanted) -> bool {
    let routes = wanted.routes.iter().filter(|r| r.metric != POD_METRIC).copied().collect();
    Wanted { routes, ..wanted.clone() } == *of_config
}

/// Removes the routes for which another link before has one to the same destination of the same metric: the kernel
/// keeps one. Returns a line for each, with the number of its link.
pub(crate) fn drop_conflicts(all: &mut [Wanted]) -> Vec<(u32, String)> {
    let mut taken: Vec<(Cidr, u32)> = Vec::new();
    let mut conflicts = Vec::new();
    for wanted in all {
        let index = wanted.index;
        wanted.routes.retain(|route| {
            let free = !taken.contains(&(route.to, route.metric));
            if !free {
                conflicts.push((index, format!("route to {}: another link has one already", route.to)));
            }
            free
        });
        taken.extend(wanted.routes.iter().map(|r| (r.to, r.metric)));
    }
    conflicts
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    pub(crate) fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    pub(crate) fn link_plan(name: &str, addresses: &[&str], routes: &[(&str, &str)]) -> LinkPlan {
        LinkPlan {
            index: 2,
            name: name.into(),
            entry: name.into(),
            optional: false,
            hardware_address: Some([2, 0, 0, 0, 0, 1]),
            mtu: None,
            dhcp: false,
            addresses: addresses.iter().map(|a| cidr(a)).collect(),
            routes: routes.iter().map(|(to, via)| (cidr(to), ip(via), 0)).collect(),
            dns: Vec::new(),
            search: Vec::new(),
        }
    }

    pub(crate) fn lease(address: &str, routes: &[(&str, Option<&str>)]) -> Lease {
        Lease {
            address: cidr(address),
            server: ip("10.0.0.1"),
            routes: routes.iter().map(|(to, via)| (cidr(to), via.map(ip))).collect(),
            dns: Vec::new(),
            domain: None,
            hostname: None,
            ntp: Vec::new(),
            mtu: None,
            lifetime: None,
            renew_after: None,
            rebind_after: None,
        }
    }

    #[test]
    fn a_gateway_off_every_network_is_on_the_link() {
        let off = link_plan("eth0", &["192.0.2.7/32"], &[("0.0.0.0/0", "172.31.1.1")]);
        assert!(wanted(&off, &Leased::Nothing, 1500).routes[0].on_link);
        let within = link_plan("eth0", &["192.0.2.7/24"], &[("0.0.0.0/0", "192.0.2.1")]);
        assert!(!wanted(&within, &Leased::Nothing, 1500).routes[0].on_link);
        let cloud = Leased::Held(lease("10.128.0.2/32", &[("0.0.0.0/0", Some("10.128.0.1"))]));
        let dhcp = LinkPlan { dhcp: true, ..link_plan("eth0", &[], &[]) };
        assert!(wanted(&dhcp, &cloud, 1500).routes[0].on_link);
        // A route of the lease says where the gateway is.
        let routes = [("0.0.0.0/0", Some("10.128.0.1")), ("10.128.0.1/32", None)];
        let told = wanted(&dhcp, &Leased::Held(lease("10.128.0.2/32", &routes)), 1500).routes;
        assert_eq!(
            told.iter().map(|r| (r.via.is_some(), r.on_link)).collect::<Vec<_>>(),
            [(false, false), (true, false)]
        );
    }

    #[test]
    fn a_static_route_waits_for_the_address_that_its_gateway_is_near() {
        let plan = LinkPlan { dhcp: true, ..link_plan("eth0", &[], &[("192.168.0.0/16", "10.0.0.9")]) };
        let before = wanted(&plan, &Leased::Nothing, 1500);
        assert!(before.routes.is_empty() && before.keeps_others);
        let after = wanted(&plan, &Leased::Held(lease("10.0.0.5/24", &[])), 1500);
        assert!(!after.routes[0].on_link && !after.keeps_others);
        assert!(wanted(&plan, &Leased::Lost, 1500).routes.is_empty());
    }

    #[test]
    fn two_ways_to_one_destination_differ_in_their_metric() {
        let mut plan =
            link_plan("eth0", &["10.0.0.5/24"], &[("0.0.0.0/0", "10.0.0.1"), ("0.0.0.0/0", "10.0.0.2")]);
        assert_eq!(wanted(&plan, &Leased::Nothing, 1500).routes.len(), 1);
        plan.routes[1].2 = 50;
        let routes = wanted(&plan, &Leased::Nothing, 1500).routes;
        assert_eq!(routes.iter().map(|r| r.metric).collect::<Vec<_>>(), [0, 50]);
    }

    #[test]
    fn packet_sizes_come_from_config_then_dhcp_then_the_link() {
        let plan = LinkPlan { dhcp: true, ..link_plan("eth0", &[], &[]) };
        let mut told = lease("10.0.0.5/24", &[]);
        told.mtu = Some(1400);
        assert_eq!(wanted(&plan, &Leased::Held(told.clone()), 1500).mtu, Some(1400));
        assert_eq!(wanted(&plan, &Leased::Lost, 1500).mtu, Some(1500));
        let configured = LinkPlan { mtu: Some(9000), ..plan };
        assert_eq!(wanted(&configured, &Leased::Held(told), 1500).mtu, Some(9000));
    }

    #[test]
    fn the_first_link_has_a_route_that_two_ask_for() {
        let routes = [("0.0.0.0/0", "10.0.0.1")];
        let first = wanted(&link_plan("eth0", &["10.0.0.2/24"], &routes), &Leased::Nothing, 0);
        let second = LinkPlan { index: 3, ..link_plan("eth1", &["10.0.0.3/24"], &routes) };
        let mut all = [first, wanted(&second, &Leased::Nothing, 0)];
        let conflicts = drop_conflicts(&mut all);
        assert_eq!(conflicts, [(3, "route to 0.0.0.0/0: another link has one already".to_owned())]);
        assert_eq!((all[0].routes.len(), all[1].routes.len()), (1, 0));
    }

    #[test]
    fn ways_to_pods_go_through_the_link_that_has_the_node_in_its_network() {
        let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        let first = wanted(&link_plan("eth0", &["10.0.0.2/24"], &[]), &Leased::Nothing, 0);
        let second = LinkPlan { index: 3, ..link_plan("eth1", &["10.1.0.2/16"], &[]) };
        let plain = [first, wanted(&second, &Leased::Nothing, 0)];
        let mut all = plain.clone();
        let pods = cidr("10.244.1.0/24");
        add_pod_routes(&mut all, &[(pods, ip("10.1.7.7")), (pods, ip("192.0.2.1")), (pods, ip("10.0.0.2"))]);
        assert_eq!(
            (all[0].routes.len(), all[1].routes.len()),
            (0, 1),
            "others are not reached, or are this node"
        );
        assert_eq!((all[1].routes[0].to, all[1].routes[0].via), (pods, Some(ip("10.1.7.7"))));
        assert!(is_of_config(&all[1], &plain[1]) && all[1] != plain[1]);
    }
}
