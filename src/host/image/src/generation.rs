//! A generation: the content of a slot, independent of a disk and of where its bytes are stored.
//!
//! A build creates it before it lays out a disk ([`make`]); an existing image has one in slot A. Outputs are
//! the same from either.

use std::fmt;
use std::io::Write;

use disk::Layout;
use formats::disk::ReadAt;
use formats::tree::Tree;
use imagefacts::ImageFacts;
use secureboot::Signer;
use sha2::{Digest, Sha256};
use slots::{Partition, RootParams, UKI_OFFSET};

use crate::error::Result;
use crate::kernel::{KernelParts, kernel_image};
use crate::room::check_fill;
use crate::verity::write_root;

/// The content of a slot.
pub struct Generation<'a> {
    /// The facts it states about itself.
    pub facts: ImageFacts,
    /// The parameters of the root on its command line.
    pub params: RootParams,
    /// EROFS, verity superblock and verity tree.
    pub root: Box<dyn ReadAt + 'a>,
    /// The kernel image.
    pub uki: Box<dyn ReadAt + 'a>,
    /// SHA-256 of the kernel image.
    pub uki_sha256: [u8; 32],
}

impl fmt::Debug for Generation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("facts", &self.facts)
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

/// The inputs of a generation.
#[derive(Debug)]
pub(crate) struct Recipe<'a> {
    /// The tree of the root.
    pub root: &'a Tree,
    /// The kernel.
    pub kernel: KernelParts<'a>,
    /// Signs the kernel image.
    pub signer: Option<&'a Signer>,
    /// The facts the image states about itself.
    pub facts: ImageFacts,
    /// The partitions that the parts must fit into.
    pub layout: &'a Layout,
}

/// Makes a generation. The root, some hundreds of MB, is written to `spool`; the kernel image stays in
/// memory.
///
/// # Errors
/// [`crate::Error::TooLarge`] if a part exceeds its share of its partition, [`crate::Error::Format`] if one
/// can't be written. The content of `spool` is useless then.
pub(crate) fn make<'a, S>(recipe: Recipe<'_>, mut spool: S) -> Result<Generation<'a>>
where
    S: Write + ReadAt + 'a,
{
    let Recipe { root, kernel, signer, facts, layout } = recipe;
    let params = write_root(&mut spool, layout.place(Partition::RootA), root, &facts)?;
    let uki = signed(kernel_image(&kernel, &params, &facts)?, signer)?;
    check_fill(layout.place(Partition::KernelA), UKI_OFFSET + uki.len() as u64)?;
    let uki_sha256 = Sha256::digest(&uki).into();
    Ok(Generation { facts, params, root: Box::new(spool), uki: Box::new(uki), uki_sha256 })
}

/// Returns the program, signed if there is a signer.
///
/// # Errors
/// [`crate::Error::SecureBoot`] if it can't be signed.
pub(crate) fn signed(program: Vec<u8>, signer: Option<&Signer>) -> Result<Vec<u8>> {
    Ok(match signer {
        Some(signer) => signer.sign_program(&program)?,
        None => program,
    })
}
