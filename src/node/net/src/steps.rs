//! The differences between what a link shall have and what it has, as steps. Pure.
//!
//! Only addresses of links that are set up here and routes that were made here are ever removed.

use config::Cidr;

use crate::Link;
use crate::netlink::Route;
use crate::wanted::Wanted;

/// One request to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Switch the link on, with this largest packet.
    Up(Option<u32>),
    /// Add an address.
    AddAddress(Cidr),
    /// Remove one.
    RemoveAddress(Cidr),
    /// Make a route, or change the one to that destination of that metric.
    SetRoute(Route),
    /// Remove one.
    RemoveRoute(Route),
}

/// Returns what is to be done so that `link`, which has `addresses` and `routes`, has what is wanted, in order; nothing
/// once it has. New addresses come before old ones go, so that a route always has one to stand on.
///
/// Of several addresses in one network the kernel removes all together with the first one that was added (unless
/// `promote_secondaries` is set): look again after the steps, and what is missing is added once more.
pub(crate) fn steps(wanted: &Wanted, link: &Link, addresses: &[Cidr], routes: &[Route]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mtu = wanted.mtu.filter(|mtu| *mtu != link.mtu);
    if !link.up || mtu.is_some() {
        steps.push(Step::Up(mtu));
    }
    let missing = wanted.addresses.iter().filter(|a| !addresses.contains(a));
    steps.extend(missing.map(|a| Step::AddAddress(*a)));
    if !wanted.keeps_others {
        let extra = addresses.iter().filter(|a| !wanted.addresses.contains(a));
        steps.extend(extra.map(|a| Step::RemoveAddress(*a)));
    }
    let missing = wanted.routes.iter().filter(|r| !routes.contains(r));
    steps.extend(missing.map(|r| Step::SetRoute(*r)));
    if !wanted.keeps_others {
        // One to the same destination of the same metric was just replaced.
        let replaced = |r: &Route| wanted.routes.iter().any(|w| (w.to, w.metric) == (r.to, r.metric));
        let extra = routes.iter().filter(|r| !wanted.routes.contains(r) && !replaced(r));
        steps.extend(extra.map(|r| Step::RemoveRoute(*r)));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wanted::tests::{cidr, ip};

    /// What a link has, as far as steps change it.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    struct Has {
        up: bool,
        mtu: u32,
        addresses: Vec<Cidr>,
        routes: Vec<Route>,
    }

    fn link(has: &Has) -> Link {
        Link {
            index: 2,
            name: "eth0".into(),
            hardware_address: Vec::new(),
            permanent_address: Vec::new(),
            hardware_type: 1,
            up: has.up,
            carrier: true,
            physical: true,
            driver: None,
            mtu: has.mtu,
            parts: crate::netlink::Parts::default(),
        }
    }

    fn apply(has: &mut Has, step: Step) {
        match step {
            Step::Up(mtu) => (has.up, has.mtu) = (true, mtu.unwrap_or(has.mtu)),
            Step::AddAddress(a) => has.addresses.push(a),
            Step::RemoveAddress(a) => has.addresses.retain(|b| *b != a),
            Step::SetRoute(r) => {
                has.routes.retain(|o| (o.to, o.metric) != (r.to, r.metric));
                has.routes.push(r);
            }
            Step::RemoveRoute(r) => has.routes.retain(|o| *o != r),
        }
    }

    /// All lists made of some of `all`, in order.
    fn some_of<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
        let choose = |mask: usize| {
            all.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, t)| t.clone()).collect()
        };
        (0..1 << all.len()).map(choose).collect()
    }

    #[test]
    fn from_anything_to_anything_and_then_nothing() {
        let addresses = ["10.0.0.2/24", "10.0.0.3/24", "10.1.0.2/32"].map(cidr);
        let route = |to: &str, via: Option<&str>, metric| {
            let on_link = via == Some("172.31.1.1");
            Route { index: 2, to: cidr(to), via: via.map(ip), on_link, metric }
        };
        let routes = [
            route("0.0.0.0/0", Some("10.0.0.1"), 0),
            route("0.0.0.0/0", Some("172.31.1.1"), 1026),
            route("10.7.0.0/16", None, 1026),
        ];
        let other_way = route("0.0.0.0/0", Some("10.0.0.9"), 0);
        let mut seen = 0;
        for (up, mtu) in [(false, 1500), (true, 1500), (true, 1400)] {
            for has_addresses in some_of(&addresses) {
                for mut has_routes in some_of(&routes) {
                    for before in [false, true] {
                        if before {
                            has_routes.retain(|r| (r.to, r.metric) != (other_way.to, other_way.metric));
                            has_routes.push(other_way);
                        }
                        let has =
                            Has { up, mtu, addresses: has_addresses.clone(), routes: has_routes.clone() };
                        for addresses in some_of(&addresses) {
                            for routes in some_of(&routes) {
                                let wanted = Wanted {
                                    index: 2,
                                    mtu: Some(1400),
                                    addresses: addresses.clone(),
                                    routes,
                                    keeps_others: false,
                                };
                                converges(has.clone(), &wanted);
                                seen += 1;
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(seen, 3 * 8 * 8 * 2 * 8 * 8);
    }

    fn converges(mut has: Has, wanted: &Wanted) {
        let todo = steps(wanted, &link(&has), &has.addresses, &has.routes);
        // What is there already is not touched.
        assert!(!todo.iter().any(|s| matches!(s, Step::AddAddress(a) if has.addresses.contains(a))));
        assert!(!todo.iter().any(|s| matches!(s, Step::SetRoute(r) if has.routes.contains(r))));
        todo.into_iter().for_each(|step| apply(&mut has, step));
        assert_eq!(steps(wanted, &link(&has), &has.addresses, &has.routes), [], "{has:?} {wanted:?}");
        assert!(has.up && has.mtu == 1400);
        assert_eq!(has.addresses.len(), wanted.addresses.len());
        assert_eq!(has.routes.len(), wanted.routes.len());
    }

    #[test]
    fn what_was_there_before_dhcp_has_spoken_stays() {
        let has = Has { up: true, mtu: 1500, addresses: vec![cidr("10.0.0.2/24")], ..Has::default() };
        let wanted = Wanted { index: 2, keeps_others: true, ..Wanted::default() };
        assert_eq!(steps(&wanted, &link(&has), &has.addresses, &[]), []);
    }
}
