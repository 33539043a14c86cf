//! The kinds of parts in a bundle.

use std::fmt;

/// The kind of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The kernel image.
    Uki,
    /// EROFS and verity tree.
    Root,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Uki => "kernel image",
            Kind::Root => "root",
        })
    }
}
