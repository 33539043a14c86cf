//! The report of the boot loader, from its volatile EFI variable.
//!
//! It is only a hint: without efivarfs, without the variable, or with a long or malformed one there is no report. A
//! variable that survives a reset was not written by the boot loader.

use slots::{HANDOFF_BYTES, Handoff, VARIABLE_GUID, VARIABLE_NAME};

use crate::efivar::{self, Variable};

/// The attribute of variables that outlive a reset.
const NON_VOLATILE: u32 = 1;
/// Longest value that is read: a newer boot loader may say more.
const MAX_BYTES: usize = 4 * HANDOFF_BYTES;

/// Reads what the boot loader said.
pub(super) fn load() -> Option<Handoff> {
    parse(&efivar::read(VARIABLE_NAME, VARIABLE_GUID, MAX_BYTES)?)
}

/// Parses a variable.
fn parse(variable: &Variable) -> Option<Handoff> {
    (variable.attributes & NON_VOLATILE == 0).then_some(())?;
    Handoff::parse(&variable.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Slot, Why};

    /// A variable with these attributes and this text.
    fn variable(attributes: u32, text: &str) -> Variable {
        Variable { attributes, value: text.as_bytes().to_vec() }
    }

    #[test]
    fn volatile_variable_is_believed() {
        let text = "slot=b generation=4 tries=2 reason=has-tries";
        let said =
            Handoff { slot: Slot::B, generation: 4, tries_left: 2, why: Why::HasTries, partition: None };
        assert_eq!(parse(&variable(6, text)), Some(said));
        assert_eq!(parse(&variable(7, text)), None, "one that outlives a reset is somebody else's");
    }

    #[test]
    fn odd_variables_say_nothing() {
        for text in ["", "slot=c", "\u{fffd}"] {
            assert_eq!(parse(&variable(6, text)), None);
        }
    }
}
