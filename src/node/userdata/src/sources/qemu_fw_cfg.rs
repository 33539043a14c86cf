//! QEMU's firmware configuration device, as exposed by the kernel (`qemu_fw_cfg`, sysfs).
//!
//! On the host: `-fw_cfg name=opt/ironhull/config,file=node.yaml`. Spec: QEMU, `docs/specs/fw_cfg.rst`; names
//! below `opt/` are free for users.

use std::path::Path;

use super::source::{Source, read_bounded};
use crate::error::Error;
use crate::user_data::UserData;

/// The entry with our config.
const OURS: &str = "opt/ironhull/config";
/// The entry that Fedora CoreOS reads; users of both may confuse the two.
const FOREIGN: &str = "opt/com.coreos/config";

/// The source.
#[derive(Debug)]
pub(super) struct QemuFwCfg;

/// Returns the path of an entry's content.
fn raw(entry: &str) -> String {
    format!("/sys/firmware/qemu_fw_cfg/by_name/{entry}/raw")
}

impl Source for QemuFwCfg {
    fn name(&self) -> &'static str {
        "qemu-fw-cfg"
    }

    fn find(&self, root: &Path) -> Result<Option<UserData>, Error> {
        if let Some(text) = read_bounded(root, &raw(OURS))? {
            return Ok(Some(UserData { source: self.name(), label: OURS.to_owned(), text }));
        }
        let foreign = raw(FOREIGN);
        if root.join(foreign.trim_start_matches('/')).exists() {
            return Err(Error::Foreign { path: foreign.into(), ours: OURS });
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Searches on a machine with these entries.
    fn find(entries: &[(&str, &[u8])]) -> Result<Option<UserData>, Error> {
        let root = tempfile::tempdir().unwrap();
        for (entry, bytes) in entries {
            let path = root.path().join(raw(entry).trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        crate::find(root.path())
    }

    #[test]
    fn finds_its_entry() {
        let found = find(&[(OURS, b"kind: NodeConfig\n"), (FOREIGN, b"{}")]).unwrap().unwrap();
        assert_eq!(found.text, "kind: NodeConfig\n");
        assert_eq!((found.source, found.label.as_str()), ("qemu-fw-cfg", OURS));
        assert!(!format!("{found:?}").contains("NodeConfig"));
    }

    #[test]
    fn other_machines_have_none() {
        assert_eq!(find(&[]).unwrap(), None);
        assert_eq!(find(&[("opt/other/config", b"x")]).unwrap(), None);
    }

    #[test]
    fn says_what_is_wrong_with_it() {
        let error = |entry, bytes: &[u8]| find(&[(entry, bytes)]).unwrap_err().to_string();
        let at = "reading user-data /sys/firmware/qemu_fw_cfg/by_name/opt/ironhull/config/raw: ";
        assert_eq!(error(OURS, b" \n"), format!("{at}it is empty"));
        assert_eq!(error(OURS, b"ab\xffc"), format!("{at}expected UTF-8 text, found byte 0xff at offset 2"));
        let long = vec![b'a'; crate::MAX_BYTES + 1];
        assert_eq!(error(OURS, &long), format!("{at}expected at most 1048576 bytes, found more"));
        let foreign = error(FOREIGN, b"{}");
        assert!(foreign.contains("Fedora CoreOS") && foreign.contains("hint: ") && foreign.contains(OURS));
    }

    #[test]
    fn an_unreadable_entry_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(raw(OURS).trim_start_matches('/'))).unwrap();
        assert!(matches!(crate::find(root.path()), Err(Error::Read { .. })));
    }
}
