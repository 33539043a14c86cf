//! The set of services that `noded` submits: what is refused, and its copy for people to read.

use std::path::Path;

use control::{NODED, ServiceSpec, validate_all};

use super::kernel_log::KERNEL;
use super::logs::INIT;

/// Where the submitted set is kept.
const SERVICES_PATH: &str = "/run/ironhull/services.json";

/// Checks a set as a whole; names that have a meaning here are refused.
pub(super) fn check(services: &[ServiceSpec]) -> Result<(), String> {
    let taken = [NODED, INIT, KERNEL];
    if let Some(s) = services.iter().find(|s| taken.contains(&s.name.as_str())) {
        return Err(format!("service name {:?} is taken", s.name));
    }
    validate_all(services).map_err(|e| e.to_string())
}

/// Writes the set to its file, whole or not at all. The file is in memory.
pub(super) fn keep(services: &[ServiceSpec]) -> anyhow::Result<()> {
    let text = serde_json::to_vec_pretty(services)?;
    Ok(durable::replace(Path::new(SERVICES_PATH), &text, 0o644)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_meaning_are_refused() {
        let mut spec = super::super::noded::spec();
        assert_eq!(check(std::slice::from_ref(&spec)), Err("service name \"noded\" is taken".into()));
        spec.name = "etcd".into();
        assert_eq!(check(&[spec]), Ok(()));
    }
}
