//! A generation: the contents of a slot, wherever its bytes are, and without a disk.
//!
//! A build creates it before it lays out a disk ([`make`]); an existing image has one in slot A. Outputs are the same
//! from either.

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

/// What fills a slot.
pub struct Generation<'a> {
    /// What it says of itself.
    pub facts: ImageFacts,
    /// What its command line says of the root.
    pub params: RootParams,
    /// EROFS, verity superblock and tree.
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

/// What a generation is made from.
#[derive(Debug)]
pub(crate) struct Recipe<'a> {
    /// The tree of the root.
    pub root: &'a Tree,
    /// The kernel.
    pub kernel: KernelParts<'a>,
    /// What signs the kernel image.
    pub signer: Option<&'a Signer>,
    /// What the image says of itself.
    pub facts: ImageFacts,
    /// Where the parts must fit.
    pub layout: &'a Layout,
}

/// Makes a generation. The root, some hundreds of MB, goes to `spool`; the kernel image stays in memory.
///
/// # Errors
/// [`crate::Error::TooLarge`] if a part fills more than its share of its partition, [`crate::Error::Format`] if
/// one can't be written. What is in `spool` then is of no use.
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

/// Returns the program, signed if something signs.
///
/// # Errors
/// [`crate::Error::SecureBoot`] if it is none that can be signed.
pub(crate) fn signed(program: Vec<u8>, signer: Option<&Signer>) -> Result<Vec<u8>> {
    Ok(match signer {
        Some(signer) => signer.sign_program(&program)?,
        None => program,
    })
}
