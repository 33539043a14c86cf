//! A link that is set up here, and what is known of it.

use config::Cidr;

use crate::Link;
use crate::dhcp::Client;
use crate::plan::LinkPlan;
use crate::verdict::Seen;
use crate::wanted::{Leased, Wanted, wanted};

/// One link as it stands.
#[derive(Debug, Default)]
pub(super) struct Managed {
    pub plan: LinkPlan,
    pub leased: Leased,
    /// Its DHCP client, which ends with it.
    pub client: Option<Client>,
    /// What keeps the client from working.
    pub client_problem: Option<String>,
    carrier: bool,
    /// Largest packet of the link before it was changed here.
    pub own_mtu: Option<u32>,
    /// Those of the wanted addresses that the kernel has.
    pub addresses: Vec<Cidr>,
    /// Metric of the default route that the kernel has through it.
    pub default_metric: Option<u32>,
    /// The kernel has all that plan and lease say.
    pub configured: bool,
    /// What failed when it was set up last.
    pub problem: Option<String>,
}

impl Managed {
    /// Takes what the config wants of the link now, and how the link is.
    pub(super) fn take(&mut self, plan: LinkPlan, link: &Link) {
        if self.plan.hardware_address != plan.hardware_address {
            // Servers know the client by it.
            self.client = None;
        }
        if !plan.dhcp {
            // Before it is decided what the link shall have: a lease that nobody asked for is no part of it.
            (self.client, self.leased, self.client_problem) = (None, Leased::Nothing, None);
        }
        if link.carrier
            && !self.carrier
            && let Some(client) = &self.client
        {
            client.carrier();
        }
        self.carrier = link.carrier;
        self.plan = plan;
    }

    /// What it shall have.
    pub(super) fn wanted(&self) -> Wanted {
        wanted(&self.plan, &self.leased, self.own_mtu.unwrap_or_default())
    }

    /// What counts for the state of the network.
    pub(super) fn seen(&self) -> Seen {
        Seen {
            name: self.plan.name.clone(),
            entry: self.plan.entry.clone(),
            optional: self.plan.optional,
            carrier: self.carrier,
            has_address: !self.addresses.is_empty(),
            awaits_lease: self.plan.dhcp && self.leased.lease().is_none(),
            configured: self.configured,
            problem: self.client_problem.clone().or_else(|| self.problem.clone()),
        }
    }
}
