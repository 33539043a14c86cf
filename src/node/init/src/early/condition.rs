//! Which partitions are usable after the initrd phase.

/// How whole the machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Why the state partition cannot be used.
    pub(crate) state: Option<String>,
    /// Why the data partition cannot be used.
    pub(crate) data: Option<String>,
}
