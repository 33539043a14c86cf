//! The kernel command line: under Secure Boot it must be the one that was built and signed.
//!
//! The systemd stub appends what the machine's SMBIOS tables give it (`io.systemd.stub.kernel-cmdline-extra`), also
//! under Secure Boot. Whoever configures a virtual machine could turn off what the signed line turns on. The builder
//! therefore puts a copy of the line into the initrd, which the signature covers. Without Secure Boot additions are
//! allowed: nothing is verified then, and they help to find faults.

use std::path::Path;

use anyhow::{Context, bail};

use crate::efivar;

/// The copy in the initrd.
const BUILT: &str = "/cmdline";
/// Whether the firmware verifies what it starts (UEFI 2.10, section 3.3).
const SECURE_BOOT: (&str, &str) = ("SecureBoot", "8be4df61-93ca-11d2-aa0d-00e098032b8c");

/// Returns the kernel command line.
///
/// # Errors
/// When it can't be read, or when Secure Boot is on and it is not the line that was built into this initrd.
pub(super) fn read() -> anyhow::Result<String> {
    let found = std::fs::read_to_string("/proc/cmdline").context("reading /proc/cmdline")?;
    if secure_boot_is_on() {
        let built = std::fs::read_to_string(Path::new(BUILT)).context("reading the initrd's /cmdline")?;
        check(&found, &built)?;
    }
    Ok(found)
}

fn secure_boot_is_on() -> bool {
    efivar::read(SECURE_BOOT.0, SECURE_BOOT.1, 1).is_some_and(|v| v.value == [1])
}

/// Compares the two lines, apart from white space at their ends.
fn check(found: &str, built: &str) -> anyhow::Result<()> {
    let (found, built) = (found.trim(), built.trim());
    if found == built {
        return Ok(());
    }
    match found.strip_prefix(built) {
        Some(added) => bail!(
            "Secure Boot is on, and the machine's configuration adds {:?} to the kernel command line: remove it \
             (SMBIOS type 11, io.systemd.stub.kernel-cmdline-extra)",
            added.trim()
        ),
        None => bail!("Secure Boot is on, and the kernel command line is not the signed one: {found:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_built_line_passes() {
        check("a=1 quiet\n", "a=1 quiet").unwrap();
        let added = check("a=1 quiet panic=0\n", "a=1 quiet").unwrap_err().to_string();
        assert!(added.contains("adds \"panic=0\" to the kernel command line"), "{added}");
        let other = check("a=2\n", "a=1 quiet").unwrap_err().to_string();
        assert!(other.ends_with("is not the signed one: \"a=2\""), "{other}");
        assert!(check("a=1", "a=1 quiet").is_err(), "a shorter line is another line");
    }
}
