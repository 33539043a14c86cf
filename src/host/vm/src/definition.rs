//! The definition of a machine, as data: `qemu/*.yaml`.
//!
//! Compiled into the command, so that it needs no source tree at run time.

use serde::Deserialize;

use crate::{Accelerator, VmError};

/// A machine definition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The QEMU program.
    pub program: String,
    /// `-machine` without the accelerator.
    pub machine: String,
    /// What depends on the accelerator.
    pub accelerators: Accelerators,
    /// More arguments for firmware with Secure Boot.
    pub secure_boot: Vec<Vec<String>>,
    /// `-device` of the disk, whose drive is `disk0`.
    pub disk: String,
    /// `-device` of the network card, whose back end is `net0`.
    pub network: String,
    /// All other arguments; each row is an option and its value.
    pub arguments: Vec<Vec<String>>,
}

/// Options for each accelerator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerators {
    /// The host's processor runs the guest.
    pub kvm: AcceleratorOptions,
    /// QEMU emulates the processor.
    pub tcg: AcceleratorOptions,
}

/// Options for one accelerator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceleratorOptions {
    /// `-accel`.
    pub accel: String,
    /// `-cpu`.
    pub cpu: String,
}

impl Definition {
    /// Parses a definition.
    ///
    /// # Errors
    /// [`VmError::Definition`] if the YAML is malformed or does not fit the type, with line, column and the
    /// line marked.
    pub fn parse(text: &str) -> Result<Definition, VmError> {
        serde_saphyr::from_str(text).map_err(|e| VmError::Definition(e.to_string()))
    }

    /// Returns the machine that `ironhull run` uses.
    #[must_use]
    pub fn q35() -> Definition {
        Definition::parse(include_str!("../../../../qemu/q35.yaml")).expect("a test parses qemu/q35.yaml")
    }

    /// Returns the options for `accelerator`.
    #[must_use]
    pub fn options(&self, accelerator: Accelerator) -> &AcceleratorOptions {
        match accelerator {
            Accelerator::Kvm => &self.accelerators.kvm,
            Accelerator::Tcg => &self.accelerators.tcg,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_machine_is_sound() {
        let machine = Definition::q35();
        assert!(machine.machine.starts_with("q35"));
        assert!(machine.options(Accelerator::Tcg).accel.contains("thread=multi"));
    }

    #[test]
    fn an_unknown_key_is_told_with_its_place() {
        let error = Definition::parse("program: q\nspeed: fast\n").unwrap_err().to_string();
        assert!(error.contains("speed") && error.contains("2:1"), "{error}");
    }
}
