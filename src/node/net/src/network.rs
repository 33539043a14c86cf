//! Sets up and maintains the node's network: links as they come and go, leases as they change.
//!
//! One thread compares what is wanted with what the kernel has and makes up the difference, in both directions: when a
//! link comes, goes or changes, when DHCP has news, when the config changes, and, ever less often, while anything
//! fails. Nothing polls otherwise. Each DHCP link has a thread of its own. A restart repeats every step without changing
//! what is already set up.

mod managed;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use config::{Cidr, NodeNetwork};

use crate::dhcp::{self, Client, Identity, News};
use crate::error::{During, NetError};
use crate::files;
use crate::netlink::{Monitor, Route, Socket};
use crate::plan::{Plan, plan};
use crate::shape::{Forming, Shape, shape};
use crate::steps::{Step, steps};
use crate::verdict::judge;
use crate::wait::wait;
use crate::wanted::{Leased, Wanted, add_pod_routes, drop_conflicts, is_of_config};
use managed::Managed;

/// Stacks of our threads: they call nothing deep.
const STACK_BYTES: usize = 256 << 10;
/// Pauses before what failed is tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often the kernel is looked at until it has all that is wanted.
const ROUNDS: u32 = 4;
/// How often it is looked at until all links are made: one is made of others three times at most, and removed before.
const FORMING_ROUNDS: u32 = 8;

/// Host name of a node that has none yet.
pub const UNNAMED: &str = "localhost";

/// What the network is right now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkState {
    /// Our addresses that the kernel has: of links with a default route first, then by name of the link, static ones
    /// first.
    pub addresses: Vec<Cidr>,
    /// There is a way out of our own networks.
    pub has_default_route: bool,
    /// NTP servers that DHCP names.
    pub ntp_servers: Vec<Ipv4Addr>,
    /// The name that DHCP gives to the node.
    pub hostname: Option<String>,
    /// What went wrong and keeps the network from being complete, a line each.
    pub problems: Vec<String>,
    /// What is missing for it to be complete although nothing went wrong, a line each.
    pub waits: Vec<String>,
    /// What is missing and does not matter, a line each.
    pub remarks: Vec<String>,
    /// All that counts is there: each entry of the config that is not optional has a link with all that it asks for
    /// (without entries: any link has an address), and one link has a carrier.
    pub complete: bool,
}

#[derive(Debug, Default)]
struct Inner {
    hostname: String,
    config: NodeNetwork,
    /// Ways to the pods of other nodes: their addresses, and the node's own.
    pod_routes: Vec<(Cidr, Ipv4Addr)>,
    /// Counts the configs.
    serial: u64,
    /// What is known of the links is of a config that is not wanted any more, and counts for nothing.
    outdated: bool,
    links: BTreeMap<u32, Managed>,
    unmatched: Vec<(String, bool)>,
    problem: Option<String>,
    /// What [`Network::state`] said when `changes` was counted up last.
    told: NetworkState,
    changes: u64,
}

/// The node's network. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Network {
    inner: Arc<(Mutex<Inner>, Condvar)>,
    /// Wakes the thread.
    wake: Arc<UnixStream>,
}

impl Network {
    /// Sets the host name, begins to set up links and returns; [`Network::wait`] says when there is news.
    ///
    /// # Errors
    /// [`NetError`] if the host name or its files can't be written, or there is no netlink.
    pub fn start(hostname: &str, config: &NodeNetwork) -> Result<Network, NetError> {
        set_hostname(hostname)?;
        let (wake, woken) = UnixStream::pair().during("opening", "a socket pair")?;
        for end in [&wake, &woken] {
            end.set_nonblocking(true).during("setting up", "a socket pair")?;
        }
        let network = Network { inner: Arc::default(), wake: Arc::new(wake) };
        {
            let mut inner = network.lock();
            (inner.hostname, inner.config) = (hostname.to_owned(), config.clone());
        }
        network.write_files()?;
        let (monitor, socket) = (Monitor::open()?, Socket::open()?);
        let follower = network.clone();
        spawn("links", move || follower.follow(monitor, socket, &woken))?;
        Ok(network)
    }

    /// Makes `config` the wanted one: only what differs is changed. What a link had of the config before, and is not
    /// wanted any more, is removed.
    pub fn apply(&self, config: &NodeNetwork) {
        {
            let mut inner = self.lock();
            inner.config = config.clone();
            inner.serial += 1;
        }
        self.wake();
    }

    /// Makes these the routes to the pods of other nodes, each through the node's address, on the link that has that
    /// address in one of its networks. A node that is in none of them has no route; the config's routes win.
    pub fn set_pod_routes(&self, routes: Vec<(Cidr, Ipv4Addr)>) {
        {
            let mut inner = self.lock();
            if inner.pod_routes == routes {
                return;
            }
            inner.pod_routes = routes;
        }
        self.wake();
    }

    /// As [`Network::apply`], for a node that gets its config after it has begun without one: sets the host name too,
    /// and until the links were looked at again the state is that of a network that has just been started. So nobody
    /// takes an address that is about to go for one of the new config.
    ///
    /// # Errors
    /// [`NetError`] if the host name or its file can't be written. The network is unchanged then.
    pub fn restart(&self, hostname: &str, config: &NodeNetwork) -> Result<(), NetError> {
        set_hostname(hostname)?;
        {
            let mut inner = self.lock();
            if inner.hostname != hostname {
                // Servers know a client by its address, and its name from its requests.
                inner.links.values_mut().for_each(|managed| managed.client = None);
                inner.hostname = hostname.to_owned();
            }
            inner.outdated = true;
        }
        self.tell();
        self.apply(config);
        Ok(())
    }

    /// Returns what is.
    #[must_use]
    pub fn state(&self) -> NetworkState {
        state_of(&self.lock())
    }

    /// Returns the addresses of the state, without their prefix lengths.
    #[must_use]
    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        self.state().addresses.iter().map(|a| a.address()).collect()
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

    /// Has the thread look again.
    fn wake(&self) {
        // Full means that it has been woken already.
        let _ = (&*self.wake).write(&[1]);
    }

    /// Tells those who wait if the state is another one than they know.
    fn tell(&self) {
        let mut inner = self.lock();
        let state = state_of(&inner);
        if inner.changes == 0 || state != inner.told {
            inner.told = state;
            inner.changes += 1;
            self.inner.1.notify_all();
        }
    }

    /// Sets up links now and whenever something changes, forever.
    fn follow(&self, mut monitor: Monitor, mut socket: Socket, woken: &UnixStream) {
        let mut pause = FIRST_PAUSE;
        loop {
            let all_done = match self.reconcile(&mut socket) {
                Ok(all_done) => {
                    self.lock().problem = None;
                    all_done
                }
                Err(e) => {
                    self.lock().problem = Some(e.to_string());
                    // What is left of an answer that went wrong would be taken for the next one.
                    if let Ok(new) = Socket::open() {
                        socket = new;
                    }
                    false
                }
            };
            self.tell();
            let retry_in = (!all_done).then_some(pause);
            pause = if all_done { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            wait(woken.as_fd(), Some(monitor.as_fd()), retry_in);
            while (&*woken).read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
            if monitor.drain().is_err() {
                // One that fails would wake us again at once.
                thread::sleep(FIRST_PAUSE);
                if let Ok(new) = Monitor::open() {
                    monitor = new;
                }
            }
        }
    }

    /// Makes the links that are made of others; returns what is lacking, a line each, and whether it is optional.
    fn form(&self, socket: &mut Socket, config: &NodeNetwork) -> Result<Vec<(String, bool)>, NetError> {
        let mut failures = Vec::new();
        for _ in 0..FORMING_ROUNDS {
            let links = socket.links()?;
            let Shape { steps, lacking } = shape(config, &plan(config, &links), &links);
            failures.clone_from(&lacking);
            if steps.is_empty() {
                break;
            }
            for (entry, forming) in steps {
                if let Err(e) = take_forming(socket, &forming) {
                    failures.push((format!("network.{entry}: {e}"), false));
                }
            }
            if failures.len() > lacking.len() {
                break;
            }
        }
        Ok(failures)
    }

    /// Brings the kernel and the files to what config and leases say; returns whether all is done. What fails on a link
    /// becomes its problem.
    fn reconcile(&self, socket: &mut Socket) -> Result<bool, NetError> {
        let config = self.lock().config.clone();
        let lacking = self.form(socket, &config)?;
        let is_formed = lacking.is_empty();
        let links = socket.links()?;
        if let Some(lo) = links.iter().find(|l| l.name == "lo" && !l.up) {
            socket.set_link_up(lo.index, None)?;
        }
        let (mut wanted, released, serial) = {
            let mut inner = self.lock();
            let Plan { links: planned, unmatched } = plan(&inner.config, &links);
            inner.unmatched = unmatched;
            inner.unmatched.extend(lacking);
            inner.links.retain(|index, _| links.iter().any(|l| l.index == *index));
            let released: Vec<Wanted> = (inner.links.values())
                .filter(|m| !planned.iter().any(|p| p.index == m.plan.index))
                .map(|m| Wanted { index: m.plan.index, mtu: m.own_mtu, ..Wanted::default() })
                .collect();
            inner.links.retain(|index, _| !released.iter().any(|r| r.index == *index));
            for plan in planned {
                let Some(link) = links.iter().find(|l| l.index == plan.index) else { continue };
                inner.links.entry(plan.index).or_default().take(plan, link);
            }
            let mut managed: Vec<&Managed> = inner.links.values().collect();
            managed.sort_by(|a, b| a.plan.name.cmp(&b.plan.name));
            let mut wanted: Vec<Wanted> = managed.into_iter().map(Managed::wanted).collect();
            add_pod_routes(&mut wanted, &inner.pod_routes);
            (wanted, released, inner.serial)
        };
        let mut failures: BTreeMap<u32, String> = drop_conflicts(&mut wanted).into_iter().collect();
        let differ = self.make_up(socket, &[wanted.clone(), released].concat(), &mut failures)?;
        self.run_clients(&mut failures);
        self.write_files_after(socket, &wanted, (&failures, &differ))?;
        {
            let mut inner = self.lock();
            inner.outdated &= inner.serial != serial;
        }
        Ok(failures.is_empty() && differ.is_empty() && is_formed)
    }

    /// Makes up the differences; returns the links that still differ, and adds what failed to `failures`.
    fn make_up(
        &self,
        socket: &mut Socket,
        wanted: &[Wanted],
        failures: &mut BTreeMap<u32, String>,
    ) -> Result<Vec<u32>, NetError> {
        let mut differ = Vec::new();
        for _ in 0..ROUNDS {
            differ.clear();
            let (links, addresses, routes) = (socket.links()?, socket.addresses()?, socket.routes()?);
            for wanted in wanted {
                let Some(link) = links.iter().find(|l| l.index == wanted.index) else { continue };
                let addresses: Vec<Cidr> =
                    addresses.iter().filter(|(i, _)| *i == wanted.index).map(|(_, a)| *a).collect();
                let routes: Vec<Route> = routes.iter().filter(|r| r.index == wanted.index).copied().collect();
                let todo = steps(wanted, link, &addresses, &routes);
                if todo.is_empty() {
                    continue;
                }
                differ.push(wanted.index);
                if todo.iter().any(|s| matches!(s, Step::Up(Some(_))))
                    && let Some(managed) = self.lock().links.get_mut(&wanted.index)
                {
                    managed.own_mtu.get_or_insert(link.mtu);
                }
                for step in todo {
                    if let Err(e) = take(socket, wanted.index, step) {
                        failures.insert(wanted.index, e.to_string());
                    }
                }
            }
            if differ.iter().all(|index| failures.contains_key(index)) {
                break;
            }
        }
        Ok(differ)
    }

    /// Notes what each link has now, then writes the files that follow from it.
    fn write_files_after(
        &self,
        socket: &mut Socket,
        wanted: &[Wanted],
        (failures, differ): (&BTreeMap<u32, String>, &[u32]),
    ) -> Result<(), NetError> {
        let (addresses, routes) = (socket.addresses()?, socket.routes()?);
        {
            let mut inner = self.lock();
            for wanted in wanted {
                let Some(managed) = inner.links.get_mut(&wanted.index) else { continue };
                let index = wanted.index;
                managed.addresses =
                    wanted.addresses.iter().filter(|a| addresses.contains(&(index, **a))).copied().collect();
                managed.default_metric =
                    routes.iter().filter(|r| r.index == index && r.to == Cidr::ANY).map(|r| r.metric).min();
                managed.problem = failures.get(&index).cloned();
                // A lease that came meanwhile is looked at in the next round.
                managed.configured = !differ.contains(&index) && is_of_config(wanted, &managed.wanted());
            }
        }
        self.write_files()
    }

    /// Starts the DHCP clients that are missing.
    fn run_clients(&self, failures: &mut BTreeMap<u32, String>) {
        let mut inner = self.lock();
        let Inner { links, hostname, .. } = &mut *inner;
        for (index, managed) in links {
            if managed.plan.dhcp && managed.client.is_none() {
                match self.start_client(hostname, managed) {
                    Ok(client) => managed.client = Some(client),
                    Err(e) => drop(failures.insert(*index, e.to_string())),
                }
            }
        }
    }

    /// Starts the DHCP client of a link.
    fn start_client(&self, hostname: &str, managed: &Managed) -> Result<Client, NetError> {
        let Some(hardware_address) = managed.plan.hardware_address else {
            return Err(NetError::Malformed { what: "hardware address", why: "DHCP needs one of Ethernet" });
        };
        let (client, orders) = Client::new()?;
        // A server may give the name back that it is told.
        let hostname = if hostname == UNNAMED { "" } else { hostname };
        let identity = Identity { hardware_address, hostname: hostname.to_owned() };
        let (network, index, name) = (self.clone(), managed.plan.index, managed.plan.name.clone());
        spawn("dhcp", move || {
            dhcp::run(&name, identity, &orders, |news| network.on_news(index, news));
        })?;
        Ok(client)
    }

    /// Takes what a DHCP client tells.
    fn on_news(&self, index: u32, news: News) {
        {
            let mut inner = self.lock();
            let Some(managed) = inner.links.get_mut(&index) else { return };
            match news {
                News::Leased(lease) => managed.leased = Leased::Held(lease),
                News::Lost => managed.leased = Leased::Lost,
                News::Broken(e) => managed.client_problem = Some(e.to_string()),
                News::Mended => managed.client_problem = None,
            }
        }
        self.wake();
    }

    /// Writes `hosts` and `resolv.conf`.
    fn write_files(&self) -> Result<(), NetError> {
        let inner = self.lock();
        let statics = || inner.links.values().map(|l| &l.plan);
        let leases = || inner.links.values().filter_map(|l| l.leased.lease());
        let mut servers: Vec<Ipv4Addr> = statics().flat_map(|p| p.dns.iter().copied()).collect();
        servers.extend(leases().flat_map(|l| l.dns.iter().copied()));
        let mut search: Vec<String> = statics().flat_map(|p| p.search.iter().cloned()).collect();
        search.extend(leases().filter_map(|l| l.domain.clone()));
        // A platform may name the same ones for each link; only the first few of a list are asked.
        let (servers, search) = (files::each_once(servers), files::each_once(search));
        let address = state_of(&inner).addresses.first().map(|a| a.address());
        files::replace(Path::new("/etc/resolv.conf"), &files::resolv_conf(&servers, &search))?;
        files::replace(Path::new("/etc/hosts"), &files::hosts(&inner.hostname, address))
    }
}

/// Sets the host name, now and in its file.
fn set_hostname(hostname: &str) -> Result<(), NetError> {
    rustix::system::sethostname(hostname.as_bytes()).during("setting host name", hostname)?;
    files::replace(Path::new("/etc/hostname"), &format!("{hostname}\n"))
}

/// Makes, joins or removes a link.
fn take_forming(socket: &mut Socket, forming: &Forming) -> Result<(), NetError> {
    match forming {
        Forming::Delete(index) => socket.delete_link(*index),
        Forming::Create { name, made, below } => socket.create_link(name, *made, *below),
        Forming::Down(index) => socket.set_link_down(*index),
        Forming::Port { port, master } => socket.set_master(*port, *master),
    }
}

/// Takes one step.
fn take(socket: &mut Socket, index: u32, step: Step) -> Result<(), NetError> {
    match step {
        Step::Up(mtu) => socket.set_link_up(index, mtu),
        Step::AddAddress(address) => socket.add_address(index, address),
        Step::RemoveAddress(address) => socket.remove_address(index, address),
        Step::SetRoute(route) => socket.set_route(&route),
        Step::RemoveRoute(route) => socket.remove_route(&route),
    }
}

/// Gathers the state of all links.
fn state_of(inner: &Inner) -> NetworkState {
    if inner.outdated {
        return NetworkState { problems: inner.problem.iter().cloned().collect(), ..NetworkState::default() };
    }
    let mut links: Vec<&Managed> = inner.links.values().collect();
    links.sort_by_key(|l| (l.default_metric.is_none(), l.default_metric, &l.plan.name));
    let seen: Vec<_> = links.iter().map(|l| l.seen()).collect();
    let verdict = judge(&seen, &inner.unmatched);
    let problems: Vec<String> = inner.problem.iter().cloned().chain(verdict.problems).collect();
    NetworkState {
        addresses: links.iter().flat_map(|l| l.addresses.iter().copied()).collect(),
        has_default_route: links.iter().any(|l| l.default_metric.is_some()),
        ntp_servers: links.iter().filter_map(|l| l.leased.lease()).flat_map(|l| l.ntp.clone()).collect(),
        hostname: links.iter().filter_map(|l| l.leased.lease()).find_map(|l| l.hostname.clone()),
        complete: verdict.complete && problems.is_empty(),
        problems,
        waits: verdict.waits,
        remarks: verdict.remarks,
    }
}

/// Starts a thread with a small stack.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), NetError> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    thread.spawn(run).map(drop).during("starting thread", name)
}
