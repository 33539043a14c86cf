//! State shared by the parts of `noded`: the client of `init` and the facts about the node.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context;
use api::{CertificateExpiry, Condition, ConfigFacts, ImageFacts, PartitionName};
use cluster::Duties;
use cluster::member::{AUTHORITY_PATH, CLIENT_PATH};
use config::{ClusterConfig, NetworkProvider, NodeApi, NodeDocuments, Role};
use control::ServiceSpec;
use net::Network;
use net::time::Evidence;

use crate::condition::{Claim, Conditions, DATA_USABLE};
use crate::followers::Followers;
use crate::init::Init;
use crate::kube::{self, Access, Kube};
use crate::partitions::Partitions;
use crate::state::Keeper;
use crate::timekeeper::{Doubt, Timekeeper};

/// The cluster that a node has joined.
#[derive(Clone, Debug)]
pub struct Member {
    /// URL of its API server.
    pub server: String,
    /// What it says of itself.
    pub cluster: Arc<ClusterConfig>,
}

impl Member {
    /// Returns a client of the API server at `server` with the node's own certificate.
    ///
    /// # Errors
    /// If the certificate can't be read. Nothing is sent yet.
    pub fn kube(server: &str) -> anyhow::Result<Kube> {
        Kube::new(&Access {
            server: server.to_owned(),
            authority: AUTHORITY_PATH.into(),
            certificate: CLIENT_PATH.into(),
            key: CLIENT_PATH.into(),
        })
    }
}

/// The node. Shared by all threads.
#[derive(Debug)]
pub struct Node {
    /// The client of `init`.
    pub init: Init,
    /// Those who follow logs.
    pub followers: Followers,
    /// The facts the image states about itself.
    pub image: ImageFacts,
    /// What it does in its cluster.
    pub duties: Duties,
    /// The accepted config.
    pub documents: NodeDocuments,
    /// The data on the state partition.
    pub state: Keeper,
    /// The partitions that could not be mounted.
    pub partitions: Arc<Partitions>,
    /// The clock.
    pub time: Timekeeper,
    /// The network, once it was started.
    pub network: OnceLock<Network>,
    /// Whether the cluster's certificate authorities are on the disk.
    pub has_authority: AtomicBool,
    /// The cluster that it has joined; none where it has founded one.
    pub member: Mutex<Option<Member>>,
    /// Held by whoever changes the set of services of `init`.
    pub service_set: Mutex<()>,
    planned: Mutex<Planned>,
    api_parts: AtomicU8,
    facts: Mutex<Facts>,
}

/// What the cluster was planned with last.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// The address under which the node is known.
    pub address: Option<Ipv4Addr>,
    /// All addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// The services as they were submitted.
    pub services: Vec<ServiceSpec>,
}

#[derive(Debug, Default)]
struct Facts {
    config: ConfigFacts,
    conditions: Conditions,
    certificates: Vec<CertificateExpiry>,
}

/// Returns what image and config say of the time.
fn evidence(image: &ImageFacts, api: &NodeApi) -> Evidence {
    let authority = cluster::validities_secs(&api.certificate_authority);
    let own = cluster::validities_secs(&api.certificate);
    let begins = authority.iter().chain(&own).map(|(from, _)| *from).max();
    let ends = authority.iter().map(|(_, until)| *until).max();
    Evidence {
        built: Duration::from_secs(image.build_time),
        certified: begins.map(Duration::from_secs),
        authority_ends: ends.map(Duration::from_secs),
        ..Evidence::default()
    }
}

impl Node {
    /// A node of a role that has just accepted `documents`; the clock is as it was, and whoever has `doubt` will know what it is
    /// worth.
    pub fn new(
        init: Init,
        (image, role): (ImageFacts, Role),
        documents: NodeDocuments,
        (config, doubt): (ConfigFacts, Doubt),
    ) -> Node {
        let facts = Facts { config, ..Facts::default() };
        let time = Timekeeper::new(evidence(&image, &documents.node.api), doubt);
        Node {
            followers: Followers::of(init.clone()),
            time,
            init,
            image,
            duties: Duties::of(role),
            documents,
            state: Keeper::of_node(),
            partitions: Arc::default(),
            network: OnceLock::new(),
            has_authority: AtomicBool::new(false),
            member: Mutex::default(),
            service_set: Mutex::default(),
            planned: Mutex::default(),
            api_parts: AtomicU8::new(0),
            facts: Mutex::new(facts),
        }
    }

    /// The same with partitions that could not be mounted.
    pub fn with_partitions(self, partitions: Arc<Partitions>) -> Node {
        if let Some(problem) = partitions.problem(PartitionName::Data) {
            let problem = problem.lines().next().unwrap_or_default();
            let what =
                format!("{problem}; no pod can run; `ironhull node ADDRESS data` shows what can be done");
            self.claim(DATA_USABLE, Claim::no("Damaged", what));
        }
        Node { partitions, ..self }
    }

    /// Returns the address under which the node was known to its cluster until now.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.planned().address
    }

    /// Returns the cluster that it has joined, if it has.
    pub fn member(&self) -> Option<Member> {
        self.member.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns a client of the cluster's API server with the current certificate. Certificates are renewed, so a client
    /// must not be kept for long.
    ///
    /// # Errors
    /// If the certificate can't be read, or the node has not joined yet. Nothing is sent yet.
    pub fn kube(&self) -> anyhow::Result<Kube> {
        if self.duties.control_plane {
            return kube::connect(self.documents.cluster.spec.api.port);
        }
        Member::kube(&self.member().context("the node has not joined its cluster")?.server)
    }

    /// Returns the implementation of the pod network.
    pub fn provider(&self) -> NetworkProvider {
        let own = self.documents.cluster.spec.network.provider;
        self.member().map_or(own, |m| m.cluster.spec.network.provider)
    }

    /// What the cluster was planned with last.
    pub fn planned(&self) -> MutexGuard<'_, Planned> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called when the API listens and when the network is up; once both are true, reports the stage.
    pub fn api_part_is_ready(&self) {
        if self.api_parts.fetch_add(1, Ordering::Relaxed) == 1 {
            self.init.stage("node-api");
        }
    }

    /// Records a condition, and logs it if it has changed.
    pub fn claim(&self, kind: &'static str, claim: Claim) {
        let text = format!("{kind} is {:?} ({}) {}", claim.status, claim.reason, claim.message);
        if self.lock().conditions.set(kind, claim, sys::boot_ms()) {
            eprintln!("noded: {}", text.trim_end());
        }
    }

    /// Returns all conditions.
    pub fn conditions(&self) -> Vec<Condition> {
        self.lock().conditions.list()
    }

    /// Replaces the list of certificates that the status shows.
    pub fn set_certificates(&self, mut certificates: Vec<CertificateExpiry>) {
        certificates
            .sort_by(|a, b| (a.not_after_epoch_secs, &a.name).cmp(&(b.not_after_epoch_secs, &b.name)));
        self.lock().certificates = certificates;
    }

    /// Fills in what the node knows about itself. Services and stages come from `init`, the upgrade from the
    /// upgrader.
    pub fn describe(&self, status: &mut api::Status) {
        let facts = self.lock();
        status.node_name.clone_from(&self.documents.node.hostname);
        status.image = self.image.clone();
        status.config = facts.config.clone();
        status.conditions = facts.conditions.list();
        status.certificates.clone_from(&facts.certificates);
        status.partitions = self.partitions.list();
        let addresses = self.network.get().map(|n| n.state().addresses).unwrap_or_default();
        status.addresses = addresses.iter().map(ToString::to_string).collect();
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
