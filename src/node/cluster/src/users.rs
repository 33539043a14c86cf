//! The users of components: fixed numbers, the same as in the image's `/etc/passwd`.

use config::StorageKind;
use control::User;

/// etcd.
pub const ETCD: User = User { uid: 200, gid: 200 };
/// kube-apiserver.
pub const APISERVER: User = User { uid: 201, gid: 201 };
/// kube-controller-manager.
pub const CONTROLLER_MANAGER: User = User { uid: 202, gid: 202 };
/// kube-scheduler.
pub const SCHEDULER: User = User { uid: 203, gid: 203 };
/// kine.
pub const KINE: User = User { uid: 204, gid: 204 };

/// Returns the user of the store.
#[must_use]
pub fn store(kind: StorageKind) -> User {
    match kind {
        StorageKind::Etcd => ETCD,
        StorageKind::Kine => KINE,
    }
}
