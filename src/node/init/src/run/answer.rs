//! Handles the requests of `noded`.

use std::path::Path;

use control::{NODED, Reply, Request, ServiceSpec, Status, validate_all};
use supervise::Event;

use super::{Runner, group};

/// Where the submitted set is kept for people to read.
const SERVICES_PATH: &str = "/run/ironhull/services.json";
/// Most lines of one reply.
const MAX_LINES: u32 = 10_000;
/// Name of the kernel's log.
pub(super) const KERNEL: &str = "kernel";

impl Runner<'_> {
    /// Does what a request asks and returns the reply.
    pub(super) fn answer(&mut self, client: u32, request: Request) -> Reply {
        let result = match request {
            Request::Status { usage } => return Reply::Status(self.status(usage)),
            Request::Logs { service, lines, follow } => {
                return self.answer_logs(client, (service, lines), follow);
            }
            Request::Submit { services } => self.submit(services),
            Request::Restart { service } => self.restart(service),
            Request::Signal { service, signal } => self.signal(&service, signal),
            Request::Stage { name } => {
                self.base.reach(&name);
                Ok(())
            }
            Request::Health { problem, deadline_secs } => {
                self.on_health(problem, deadline_secs);
                Ok(())
            }
            Request::Boot { order } => return self.order_boot(&order),
            Request::MayUpdate => return self.may_update(),
            Request::SlotRotten { slot, generation } => self.note_rotten(slot, generation),
            Request::Shutdown { kind } => {
                self.begin_shutdown(kind, "as asked");
                Ok(())
            }
        };
        result.map_or_else(|message| Reply::Error { message }, |()| Reply::Ok)
    }

    fn status(&self, usage: bool) -> Status {
        let mut services = self.supervisor.status();
        for service in services.iter_mut().filter(|_| usage) {
            service.usage = group::usage(&service.name);
        }
        Status {
            services,
            stages: self.base.stages.clone(),
            uptime_ms: sys::boot_ms(),
            shutting_down: self.supervisor.is_shutting_down(),
            boot: self.boot_status(),
        }
    }

    /// Makes a set of services the wanted one.
    fn submit(&mut self, services: Vec<ServiceSpec>) -> Result<(), String> {
        if self.supervisor.is_shutting_down() {
            return Err("a shutdown is under way".to_owned());
        }
        check_set(&services)?;
        let kept = keep_set(&services);
        self.said(kept);
        self.feed(Event::Submit(services));
        Ok(())
    }

    fn restart(&mut self, service: String) -> Result<(), String> {
        if self.supervisor.spec(&service).is_none() {
            return Err(format!("there is no service {service:?}"));
        }
        self.feed(Event::Restart(service));
        Ok(())
    }

    /// Signals the main process of a service.
    fn signal(&mut self, service: &str, signal: i32) -> Result<(), String> {
        if !(1..=64).contains(&signal) {
            return Err(format!("signal {signal}: expected a number from 1 to 64"));
        }
        let status = self.supervisor.status().into_iter().find(|s| s.name == service);
        let pid = status.ok_or_else(|| format!("there is no service {service:?}"))?.pid;
        let pid = pid.ok_or_else(|| format!("service {service:?} has no process"))?;
        sys::kill(pid, signal).map_err(|e| e.to_string())
    }

    /// Returns the last lines of a log, and makes the client follow it if it wants to.
    fn answer_logs(&mut self, client: u32, (service, lines): (String, u32), follow: bool) -> Reply {
        let count = usize::try_from(lines.min(MAX_LINES)).unwrap_or(usize::MAX);
        let lines = if service == KERNEL {
            Some(self.kernel_lines(count, follow))
        } else {
            let known = self.supervisor.spec(&service).map(|_| Vec::new());
            self.logs.last(&service, count).or(known)
        };
        let Some(lines) = lines else {
            return Reply::Error { message: format!("there is no log {service:?}") };
        };
        if follow {
            self.follow(client, service);
        }
        Reply::Logs { lines }
    }
}

/// Checks a set as a whole; names that have a meaning here are refused.
fn check_set(services: &[ServiceSpec]) -> Result<(), String> {
    let taken = [NODED, super::logs::INIT, KERNEL];
    if let Some(s) = services.iter().find(|s| taken.contains(&s.name.as_str())) {
        return Err(format!("service name {:?} is taken", s.name));
    }
    validate_all(services).map_err(|e| e.to_string())
}

/// Writes the set to its file, whole or not at all.
fn keep_set(services: &[ServiceSpec]) -> anyhow::Result<()> {
    let text = serde_json::to_vec_pretty(services)?;
    Ok(durable::replace(Path::new(SERVICES_PATH), &text, 0o644)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_meaning_are_refused() {
        let mut spec = super::super::noded::spec();
        assert_eq!(check_set(std::slice::from_ref(&spec)), Err("service name \"noded\" is taken".into()));
        spec.name = "etcd".into();
        assert_eq!(check_set(&[spec]), Ok(()));
    }
}
