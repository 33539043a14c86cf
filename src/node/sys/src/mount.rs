//! Mounts, and the change of root.

use std::ffi::CString;
use std::path::Path;

use rustix::mount as sys;

use crate::error::{During, SysError};

pub use rustix::mount::MountFlags;

/// Mounts `source` of type `fstype` at `target`; `data` are the file system's own options.
///
/// # Errors
/// [`SysError`] naming `target`, if the kernel refuses; nothing is mounted.
pub fn mount(
    (fstype, source): (&str, &str),
    target: &Path,
    flags: MountFlags,
    data: &str,
) -> Result<(), SysError> {
    let data = CString::new(data).map_err(|_| SysError::value("mounting with options", data))?;
    sys::mount(source, target, fstype, flags, data.as_c_str()).during("mounting", target.display())
}

/// Bind-mounts the tree at `from` to `to`.
///
/// # Errors
/// [`SysError`] naming `to`, if the kernel refuses; nothing is mounted.
pub fn bind(from: &Path, to: &Path) -> Result<(), SysError> {
    sys::mount_bind(from, to).during("binding", to.display())
}

/// Moves the mount at `from` to `to`.
///
/// # Errors
/// [`SysError`] naming `from`; the usual cause is that the mount above `from` is shared.
pub fn move_mount(from: &Path, to: &Path) -> Result<(), SysError> {
    sys::mount_move(from, to).during("moving mount", from.display())
}

/// Makes the mount at `target` and all mounts below it shared: later mounts there propagate to copies.
///
/// # Errors
/// [`SysError`] naming `target`, if it is not a mount point.
pub fn share(target: &Path) -> Result<(), SysError> {
    let flags = sys::MountPropagationFlags::SHARED | sys::MountPropagationFlags::REC;
    sys::mount_change(target, flags).during("sharing mount", target.display())
}

/// Makes the file system mounted at `target` read-only.
///
/// # Errors
/// [`SysError`] naming `target`, for instance if a file is open for writing; it stays writable.
pub fn remount_read_only(target: &Path) -> Result<(), SysError> {
    sys::mount_remount(target, MountFlags::RDONLY, "").during("remounting read-only", target.display())
}

/// Unmounts the file system at `target`.
///
/// # Errors
/// [`SysError`] naming `target`, for instance if it is in use; it stays mounted.
pub fn unmount(target: &Path) -> Result<(), SysError> {
    sys::unmount(target, sys::UnmountFlags::NOFOLLOW).during("unmounting", target.display())
}

/// Detaches the mount at `target` at once; the file system is released when its last user ends.
///
/// # Errors
/// [`SysError`] naming `target`, if it is not a mount point.
pub fn unmount_lazily(target: &Path) -> Result<(), SysError> {
    let flags = sys::UnmountFlags::NOFOLLOW | sys::UnmountFlags::DETACH;
    sys::unmount(target, flags).during("unmounting lazily", target.display())
}

/// Makes the mount at `new_root` the root of the mount tree and of this process, over the initrd.
///
/// # Errors
/// [`SysError`] naming `new_root`; the root may be the new or the old one then.
pub fn change_root(new_root: &Path) -> Result<(), SysError> {
    let name = &new_root.display();
    rustix::process::chdir(new_root).during("entering", name)?;
    sys::mount_move(".", "/").during("moving to /", name)?;
    rustix::process::chroot(".").during("changing root to", name)?;
    rustix::process::chdir("/").during("entering", "/")
}
