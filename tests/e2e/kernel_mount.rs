//! The kernel sees in our root what `fsck.erofs` sees: each file's content, mode, owner and links.

use std::path::Path;

use e2e::guest;
use e2e::lab::Lab;
use e2e::listing::{self, MARK};

/// The test.
pub fn show(lab: &mut Lab) {
    let mut expected = Vec::new();
    listing::list(&lab.unpacked(), &mut |line| {
        expected.push(line.to_owned());
        Ok(())
    })
    .unwrap();
    let found = list_in_guest(lab.dir(), &lab.root());
    assert!(expected.len() > 300, "only {} lines", expected.len());
    for (e, f) in expected.iter().zip(&found) {
        assert_eq!(e, f);
    }
    assert_eq!(expected.len(), found.len());
}

/// Boots our kernel with the lister as its only program and `root` as its disk.
fn list_in_guest(dir: &Path, root: &Path) -> Vec<String> {
    let drive = format!("if=virtio,format=raw,readonly=on,file={}", root.display());
    let text = guest::run(dir, Path::new(env!("CARGO_BIN_EXE_lister")), &["-drive".into(), drive]);
    assert!(text.contains("LIST-DONE"), "the guest did not finish:\n{text}");
    text.lines().filter(|l| l.starts_with(MARK)).map(str::to_owned).collect()
}
