//! A kubectl for the machine's cluster: the host's, or the one that was built for the image.
//!
//! All Kubernetes programs are one static binary that acts according to the name it is called by, so a link
//! named `kubectl` to the one in the cache is a kubectl of the cluster's own version.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Name of the program and of the link.
const KUBECTL: &str = "kubectl";

/// Links `built` into the machine's directory, replacing an older link.
pub fn link(dir: &Path, built: &Path) -> Result<()> {
    let link = dir.join(KUBECTL);
    files::link(built, &link).with_context(|| format!("linking {} to {}", link.display(), built.display()))
}

/// Returns how to call kubectl: by name if a directory of `path` contains it, otherwise by the link in `dir`,
/// if its target exists.
pub fn find(dir: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let on_path = path.is_some_and(|p| std::env::split_paths(p).any(|d| is_program(&d.join(KUBECTL))));
    match on_path {
        true => Some(KUBECTL.into()),
        false => Some(dir.join(KUBECTL)).filter(|link| is_program(link)),
    }
}

/// Returns the shell command that lists the nodes with this kubeconfig.
pub fn line(kubectl: &Path, kubeconfig: &Path) -> String {
    format!("KUBECONFIG={} {} get nodes", quoted(kubeconfig), quoted(kubectl))
}

/// Returns whether the file at `path` is executable.
fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Quotes a path for a shell if necessary.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,+".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a program.
    fn program(path: &Path) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_hosts_comes_first_then_the_link_that_leads_somewhere() {
        let root = tempfile::tempdir().unwrap();
        let [host, machine] = ["bin", "m"].map(|d| root.path().join(d));
        for dir in [&host, &machine] {
            fs::create_dir(dir).unwrap();
        }
        let built = root.path().join("kube");
        let found = || find(&machine, Some(host.as_os_str()));
        assert_eq!(found(), None);
        link(&machine, &built).unwrap();
        assert_eq!(found(), None);
        program(&built);
        link(&machine, &built).unwrap();
        assert_eq!(found(), Some(machine.join("kubectl")));
        assert_eq!(find(&machine, None), Some(machine.join("kubectl")));
        program(&host.join("kubectl"));
        assert_eq!(found(), Some("kubectl".into()));
    }

    #[test]
    fn the_line_is_what_a_shell_takes() {
        let line = line(Path::new("/m/it's/kubectl"), Path::new("/m/k"));
        assert_eq!(line, r"KUBECONFIG=/m/k '/m/it'\''s/kubectl' get nodes");
    }
}
