//! Converts the types of `init` to those of the node API, so that the two may change independently.

/// A boot stage.
pub fn stage(from: control::Stage) -> api::Stage {
    api::Stage { name: from.name, at_ms: from.at_ms }
}

/// Slots and trial.
pub fn boot(from: control::BootStatus) -> api::Boot {
    let slot = |s: control::SlotStatus| api::Slot {
        name: s.name.to_string(),
        generation: s.entry.generation,
        epoch: s.entry.epoch,
        flags: s.entry.flags,
        tries_left: s.entry.tries_left,
        last_failure: s.entry.last_failure.to_string(),
    };
    let trial = |t: control::Trial| api::Trial {
        left_ms: t.left_ms,
        healthy_since_ms: t.healthy_since_ms,
        waits_for: t.waits_for,
    };
    api::Boot {
        slot: from.slot.to_string(),
        generation: from.generation,
        why: from.why.to_string(),
        next: from.next.map(|s| s.to_string()),
        boots: from.boots,
        slots: from.slots.into_iter().map(slot).collect(),
        trial: from.trial.map(trial),
    }
}

/// A service.
pub fn service(from: control::ServiceStatus) -> api::Service {
    use control::ServiceState as From;
    let state = match from.state {
        From::Waiting => api::ServiceState::Waiting,
        From::Starting => api::ServiceState::Starting,
        From::Ready => api::ServiceState::Ready,
        From::Stopping => api::ServiceState::Stopping,
        From::BackOff => api::ServiceState::BackOff,
        From::Done => api::ServiceState::Done,
        From::Failed => api::ServiceState::Failed,
    };
    api::Service {
        name: from.name,
        state,
        pid: from.pid,
        restarts: from.restarts,
        last_exit: from.last_exit,
        since_ms: from.since_ms,
        memory_bytes: from.usage.map(|u| u.memory_bytes),
        cpu_ms: from.usage.map(|u| u.cpu_ms),
    }
}
