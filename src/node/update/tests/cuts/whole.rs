//! Checks whether a slot holds a complete generation, with other code than the updater's.
//!
//! The digests come from another library each time, and the tree is walked from its root down to the data, as
//! the kernel does.

use bundle::Hash;
use formats::uki;
use formats::verity::Superblock;
use sha2::{Digest, Sha256};
use slots::{Header, RootParams, UKI_OFFSET};

/// Length of a block, and of a digest.
const BLOCK: usize = 4096;
const DIGEST: usize = 32;

/// Returns the kernel image of a kernel partition, if boot loader and firmware would start it.
pub fn kernel_image(kernel: &[u8]) -> Result<(Header, &[u8]), String> {
    let header = Header::parse(kernel.first_chunk().ok_or("no room for a header")?, kernel.len() as u64);
    let header = header.ok_or("no valid header")?;
    let at = usize::try_from(UKI_OFFSET).unwrap();
    let image = &kernel[at..at + usize::try_from(header.length).unwrap()];
    if Sha256::digest(image)[..] != header.sha256 {
        return Err("the kernel image has another digest than its header says".to_owned());
    }
    match uki::sections(image) {
        Ok(_) => Ok((header, image)),
        Err(e) => Err(format!("the firmware refuses it: {e}")),
    }
}

/// Returns the header of a slot whose kernel image starts and whose root matches its command line.
pub fn generation(kernel: &[u8], root: &[u8]) -> Result<Header, String> {
    let (header, image) = kernel_image(kernel)?;
    let sections = uki::sections(image).map_err(|e| e.to_string())?;
    let line = sections.iter().find(|s| s.name == ".cmdline").ok_or("no command line")?;
    let params = RootParams::parse(std::str::from_utf8(line.bytes).map_err(|e| e.to_string())?);
    let params = params.map_err(|e| e.to_string())?;
    if verifies(root, &params) { Ok(header) } else { Err("the root does not verify".to_owned()) }
}

/// Walks the tree.
fn verifies(root: &[u8], params: &RootParams) -> bool {
    let [data, start] = [params.data_blocks, params.hash_block].map(|n| usize::try_from(n).unwrap());
    let Some(blocks) = root.get(start * BLOCK..) else { return false };
    let superblock = Superblock { uuid: params.uuid(), data_blocks: params.data_blocks, salt: params.salt };
    if !blocks.starts_with(&superblock.to_block()) {
        return false;
    }
    let mut levels = Vec::new();
    let mut length = data;
    while length > 1 {
        length = length.div_ceil(BLOCK / DIGEST);
        levels.push(length);
    }
    let mut above = params.root_hash.to_vec();
    let mut at = BLOCK;
    for length in levels.into_iter().rev() {
        let Some(level) = blocks.get(at..at + length * BLOCK) else { return false };
        if !agree(level, &above, &params.salt) {
            return false;
        }
        above = level.to_vec();
        at += level.len();
    }
    agree(&root[..data * BLOCK], &above, &params.salt)
}

/// Returns whether each block has the digest that is stored one level up.
fn agree(blocks: &[u8], digests: &[u8], salt: &[u8]) -> bool {
    let digest = |block: &[u8]| Hash::of(&[salt, block].concat()).0;
    blocks.chunks(BLOCK).zip(digests.chunks(DIGEST)).all(|(block, expected)| digest(block) == expected)
}
