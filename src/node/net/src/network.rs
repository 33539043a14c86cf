//! Sets up and maintains the node's network: links as they appear, leases as they change.
//!
//! One thread watches links and sets up each one that the config selects; each DHCP link has another thread. Nothing
//! polls. A restart repeats every step without changing what is already set up.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use config::{Cidr, NodeNetwork};

use crate::dhcp::{self, Lease};
use crate::error::{During, NetError};
use crate::files;
use crate::netlink::{Monitor, RouteRequest, Socket};
use crate::plan::{LinkPlan, plan};

/// Stacks of our threads: they call nothing deep.
const STACK_BYTES: usize = 256 << 10;
/// Metric of routes from DHCP: static ones, of metric 0, win.
const DHCP_METRIC: u32 = 1024;
/// Pause before news about links is asked for again after a failure.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// What the network is right now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkState {
    /// Our addresses, by name of the link, static ones first.
    pub addresses: Vec<Cidr>,
    /// There is a way out of our own networks.
    pub has_default_route: bool,
    /// NTP servers that DHCP names.
    pub ntp_servers: Vec<Ipv4Addr>,
    /// What went wrong last, a line each; empty when all is well.
    pub problems: Vec<String>,
    /// All that was asked for is there: every entry of the config has a link, every link an address.
    pub complete: bool,
}

/// One link as it stands.
#[derive(Debug)]
struct Managed {
    plan: LinkPlan,
    lease: Option<Lease>,
    /// The kernel and the files have what plan and lease say.
    configured: bool,
    problem: Option<String>,
}

#[derive(Debug, Default)]
struct Inner {
    links: BTreeMap<u32, Managed>,
    unmatched: Vec<String>,
    problem: Option<String>,
    changes: u64,
}

/// The node's network. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Network {
    hostname: Arc<str>,
    inner: Arc<(Mutex<Inner>, Condvar)>,
}

impl Network {
    /// Sets the host name, begins to set up links and returns; [`Network::wait`] says when there is news.
    ///
    /// # Errors
    /// [`NetError`] if the host name or its files can't be written, or there is no netlink.
    pub fn start(hostname: &str, config: &NodeNetwork) -> Result<Network, NetError> {
        rustix::system::sethostname(hostname.as_bytes()).during("setting host name", hostname)?;
        files::replace(Path::new("/etc/hostname"), &format!("{hostname}\n"))?;
        let network = Network { hostname: hostname.into(), inner: Arc::default() };
        network.write_files()?;
        let (monitor, socket) = (Monitor::open()?, Socket::open()?);
        let (follower, config) = (network.clone(), config.clone());
        spawn("links", move || follower.follow_links(&config, &monitor, socket))?;
        Ok(network)
    }

    /// Returns what is.
    #[must_use]
    pub fn state(&self) -> NetworkState {
        state_of(&self.lock())
    }

    /// Waits until the state has changed since change number `seen` (0: none seen), or the time is over;
    /// returns the number of changes so far.
    #[must_use]
    pub fn wait(&self, seen: u64, longest: Duration) -> u64 {
        let changed = |inner: &mut Inner| inner.changes == seen;
        let waited = self.inner.1.wait_timeout_while(self.lock(), longest, changed);
        waited.unwrap_or_else(PoisonError::into_inner).0.changes
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells those who wait.
    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        inner.changes += 1;
        self.inner.1.notify_all();
    }

    /// Sets up links now and whenever one comes.
    fn follow_links(&self, config: &NodeNetwork, monitor: &Monitor, mut socket: Socket) {
        loop {
            let result = self.set_up_links(config, &mut socket).and_then(|()| monitor.wait());
            if let Err(e) = result {
                self.change(|inner| inner.problem = Some(e.to_string()));
                thread::sleep(ERROR_PAUSE);
            }
        }
    }

    /// Sets up every link that the config means and that was not there before.
    fn set_up_links(&self, config: &NodeNetwork, socket: &mut Socket) -> Result<(), NetError> {
        let links = socket.links()?;
        if let Some(lo) = links.iter().find(|l| l.name == "lo" && !l.up) {
            socket.set_link_up(lo.index, None)?;
        }
        let found = plan(config, &links);
        let gone = |index: &u32| !links.iter().any(|l| l.index == *index);
        let (known, news) = {
            let inner = self.lock();
            let known: Vec<u32> = inner.links.keys().copied().collect();
            let news = inner.unmatched != found.unmatched || known.iter().any(gone) || inner.changes == 0;
            (known, news)
        };
        let new: Vec<LinkPlan> = found.links.into_iter().filter(|l| !known.contains(&l.index)).collect();
        if news || !new.is_empty() {
            self.change(|inner| {
                inner.problem = None;
                inner.unmatched = found.unmatched;
                inner.links.retain(|index, _| !gone(index));
                inner.links.extend(new.iter().map(|plan| {
                    (
                        plan.index,
                        Managed { plan: plan.clone(), lease: None, configured: false, problem: None },
                    )
                }));
            });
        }
        for link in new {
            self.set_up(socket, &link);
        }
        Ok(())
    }

    /// Sets up one link; failures become its problem.
    fn set_up(&self, socket: &mut Socket, link: &LinkPlan) {
        let result = socket.set_link_up(link.index, link.mtu).and_then(|()| match link.dhcp {
            true => self.start_dhcp(link),
            false => self.configure(socket, link.index),
        });
        if let Err(e) = result {
            self.report(link.index, &e);
        }
    }

    fn report(&self, index: u32, error: &NetError) {
        self.change(|inner| {
            if let Some(link) = inner.links.get_mut(&index) {
                link.problem = Some(format!("link {}: {error}", link.plan.name));
            }
        });
    }

    /// Starts the DHCP client of a link. It ends only with an error, such as when its link goes.
    fn start_dhcp(&self, link: &LinkPlan) -> Result<(), NetError> {
        let Some(hardware_address) = link.hardware_address else {
            return Err(NetError::Malformed { what: "hardware address", why: "DHCP needs one of Ethernet" });
        };
        let (network, index, name) = (self.clone(), link.index, link.name.clone());
        let mut socket = Socket::open()?;
        spawn("dhcp", move || {
            let ended = dhcp::run(&name, hardware_address, &network.hostname, |lease| {
                network.lock().links.entry(index).and_modify(|l| (l.lease, l.configured) = (lease, false));
                if let Err(e) = network.configure(&mut socket, index) {
                    network.report(index, &e);
                }
            });
            if let Err(e) = ended {
                network.report(index, &e);
            }
        })
    }

    /// Brings a link's addresses and routes and the files to what plan and lease say.
    fn configure(&self, socket: &mut Socket, index: u32) -> Result<(), NetError> {
        let (addresses, routes) = match self.lock().links.get(&index) {
            Some(link) => (addresses_of(link), routes_of(link)),
            None => return Ok(()),
        };
        socket.set_addresses(index, &addresses)?;
        // Gateways must lie on a link that is already known, so link routes come first.
        for route in
            routes.iter().filter(|r| r.via.is_none()).chain(routes.iter().filter(|r| r.via.is_some()))
        {
            socket.set_route(route)?;
        }
        self.write_files()?;
        self.change(|inner| {
            if let Some(link) = inner.links.get_mut(&index) {
                link.problem = None;
                link.configured = true;
            }
        });
        Ok(())
    }

    /// Writes `hosts` and `resolv.conf`.
    fn write_files(&self) -> Result<(), NetError> {
        let inner = self.lock();
        let statics = || inner.links.values().map(|l| &l.plan);
        let leases = || inner.links.values().filter_map(|l| l.lease.as_ref());
        let mut servers: Vec<Ipv4Addr> = statics().flat_map(|p| p.dns.iter().copied()).collect();
        servers.extend(leases().flat_map(|l| l.dns.iter().copied()));
        let mut search: Vec<String> = statics().flat_map(|p| p.search.iter().cloned()).collect();
        search.extend(leases().filter_map(|l| l.domain.clone()));
        let address = state_of(&inner).addresses.first().map(|a| a.address());
        files::replace(Path::new("/etc/resolv.conf"), &files::resolv_conf(&servers, &search))?;
        files::replace(Path::new("/etc/hosts"), &files::hosts(&self.hostname, address))
    }
}

/// Gathers the state of all links.
fn state_of(inner: &Inner) -> NetworkState {
    let mut links: Vec<&Managed> = inner.links.values().collect();
    links.sort_by(|a, b| a.plan.name.cmp(&b.plan.name));
    let addresses: Vec<Cidr> = links.iter().flat_map(|l| addresses_of(l)).collect();
    let routes: Vec<RouteRequest> = links.iter().flat_map(|l| routes_of(l)).collect();
    let mut problems: Vec<String> = inner.problem.clone().into_iter().collect();
    problems.extend(links.iter().filter_map(|l| l.problem.clone()));
    problems.extend(inner.unmatched.iter().map(|name| format!("network.ethernets.{name}: no link fits")));
    let settled = |l: &&Managed| l.configured && l.problem.is_none() && (!l.plan.dhcp || l.lease.is_some());
    NetworkState {
        has_default_route: routes.iter().any(|r| r.to == Cidr::ANY),
        ntp_servers: links.iter().filter_map(|l| l.lease.as_ref()).flat_map(|l| l.ntp.clone()).collect(),
        complete: !addresses.is_empty() && problems.is_empty() && links.iter().all(settled),
        addresses,
        problems,
    }
}

fn addresses_of(link: &Managed) -> Vec<Cidr> {
    link.plan.addresses.iter().copied().chain(link.lease.as_ref().map(|l| l.address)).collect()
}

fn routes_of(link: &Managed) -> Vec<RouteRequest> {
    let index = link.plan.index;
    let fixed =
        link.plan.routes.iter().map(|(to, via)| RouteRequest { index, to: *to, via: Some(*via), metric: 0 });
    let leased = link.lease.iter().flat_map(|l| &l.routes);
    let leased =
        leased.map(|(to, via)| RouteRequest { index, to: *to, via: *via, metric: DHCP_METRIC + index });
    fixed.chain(leased).collect()
}

/// Starts a thread with a small stack.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), NetError> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    thread.spawn(run).map(drop).during("starting thread", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managed(dhcp: bool, addresses: &[&str]) -> Managed {
        let plan = LinkPlan {
            index: 2,
            name: "eth0".into(),
            hardware_address: None,
            mtu: None,
            dhcp,
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            routes: vec![(Cidr::ANY, Ipv4Addr::new(10, 0, 0, 1))],
            dns: Vec::new(),
            search: Vec::new(),
        };
        Managed { plan, lease: None, configured: true, problem: None }
    }

    #[test]
    fn is_complete_only_when_every_link_has_what_it_asked_for() {
        let mut inner = Inner::default();
        assert!(!state_of(&inner).complete);
        let pending = Managed { configured: false, ..managed(false, &["10.0.0.2/24"]) };
        inner.links.insert(2, pending);
        assert!(!state_of(&inner).complete);
        inner.links.insert(2, managed(false, &["10.0.0.2/24"]));
        assert!(state_of(&inner).complete && state_of(&inner).has_default_route);
        inner.links.insert(3, managed(true, &[]));
        assert!(!state_of(&inner).complete);
        inner.links.remove(&3);
        inner.unmatched.push("eth9".into());
        assert_eq!(state_of(&inner).problems, ["network.ethernets.eth9: no link fits"]);
        assert!(!state_of(&inner).complete);
    }
}
