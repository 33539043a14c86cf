//! QEMU's firmware configuration device, as exposed by the kernel (`qemu_fw_cfg`, sysfs).
//!
//! On the host: `-fw_cfg name=opt/ironhull/config,file=node.yaml`. Spec: QEMU, `docs/specs/fw_cfg.rst`; names
//! below `opt/` are free for users.

use config::user_data::{Part, Seed};

use super::source::{Answer, Source};
use crate::error::Error;
use crate::machine::Machine;

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

    fn find(&self, machine: &Machine) -> Result<Answer, Error> {
        let path = raw(OURS);
        if let Some(bytes) = machine.read(&path)? {
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Err(Error::Empty { path: path.into() });
            }
            return Ok(Answer::Found(Seed::alone(Part { label: OURS.to_owned(), bytes })));
        }
        let foreign = raw(FOREIGN);
        match machine.has(&foreign) {
            true => Err(Error::Foreign { path: foreign.into(), ours: OURS }),
            false => Ok(Answer::Nothing(format!("there is no entry {OURS}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Layout;
    use super::*;
    use crate::Found;

    /// Searches on a machine with these entries.
    fn find(entries: &[(&str, &[u8])]) -> Result<Option<Found>, Error> {
        let layout = Layout::new();
        for (entry, bytes) in entries {
            layout.file(&raw(entry), bytes);
        }
        Ok(layout.find()?.found)
    }

    #[test]
    fn finds_its_entry() {
        let found = find(&[(OURS, b"kind: NodeConfig\n"), (FOREIGN, b"{}")]).unwrap().unwrap();
        assert_eq!(found.seed.user_data.bytes, b"kind: NodeConfig\n");
        assert_eq!((found.source, found.seed.user_data.label.as_str()), ("qemu-fw-cfg", OURS));
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
        let long = vec![b'a'; crate::MAX_BYTES + 1];
        assert_eq!(error(OURS, &long), format!("{at}expected at most 1048576 bytes, found more"));
        let foreign = error(FOREIGN, b"{}");
        assert!(foreign.contains("Fedora CoreOS") && foreign.contains("hint: ") && foreign.contains(OURS));
    }

    #[test]
    fn an_unreadable_entry_is_an_error() {
        let layout = Layout::new();
        std::fs::create_dir_all(layout.path(&raw(OURS))).unwrap();
        assert!(matches!(layout.find(), Err(Error::Read { .. })));
    }
}
