//! What a node does in its cluster. Certificates, services, directories, files, objects, and what "healthy" means, follow
//! from it, not from the role's name.

use config::Role;

/// What a node does in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duties {
    /// It holds the cluster's store and the cluster's authorities, and runs API server, controllers and scheduler.
    pub control_plane: bool,
    /// It runs pods.
    pub workloads: bool,
}

impl Duties {
    /// Returns what a node of this role does.
    #[must_use]
    pub const fn of(role: Role) -> Duties {
        match role {
            Role::Single => Duties { control_plane: true, workloads: true },
            Role::Controller => Duties { control_plane: true, workloads: false },
            Role::Worker => Duties { control_plane: false, workloads: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_a_duty_and_single_has_all() {
        for role in Role::ALL {
            let Duties { control_plane, workloads } = Duties::of(role);
            assert!(control_plane || workloads, "{role:?}");
            assert_eq!(control_plane && workloads, role == Role::Single, "{role:?}");
        }
    }
}
