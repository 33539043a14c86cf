//! The root as stored in a slot: EROFS, verity superblock, verity tree, written in one pass.

use std::io::{self, BufWriter, Write};

use disk::Place;
use disk::identity::{derive, uuid};
use formats::erofs;
use formats::tree::Tree;
use formats::verity::Hasher;
use imagefacts::ImageFacts;
use slots::RootParams;

use crate::room::check_fill;
use crate::{Error, error::Result};

/// Bytes written at once.
const CHUNK: usize = 1 << 20;

/// Writes the root sequentially to `out`; `place` is the partition it must fit into.
///
/// # Errors
/// [`Error::TooLarge`] if it exceeds its share of the partition; [`Error::Format`] if it can't be written.
/// What was written is useless then.
pub(crate) fn write_root(
    out: &mut impl Write,
    place: Place,
    tree: &Tree,
    facts: &ImageFacts,
) -> Result<RootParams> {
    let parts = [facts.name.as_bytes(), facts.version.as_bytes(), &facts.build_time.to_le_bytes()];
    let salt = derive("verity salt", &parts);
    let options = erofs::Options { uuid: uuid("root file system", &parts), epoch_secs: facts.build_time };
    let mut stream = Stream { out, bytes: 0, room: place.bytes, hasher: Some(Hasher::new(salt)) };
    let mut buffer = BufWriter::with_capacity(CHUNK, &mut stream);
    erofs::write(tree, &options, &mut buffer).map_err(Error::format("writing the root's EROFS"))?;
    buffer.flush().map_err(Error::format("writing the root's EROFS"))?;
    drop(buffer);
    let hasher = stream.hasher.take().expect("the stream began with a hasher");
    let verity = hasher.finish().map_err(Error::format("hashing the root"))?;
    let params = RootParams {
        root_hash: verity.root_hash,
        salt,
        data_blocks: verity.data_blocks,
        hash_block: verity.data_blocks,
    };
    let mut buffer = BufWriter::with_capacity(CHUNK, &mut stream);
    verity.write(params.uuid(), &mut buffer).map_err(Error::format("writing the root's verity tree"))?;
    buffer.flush().map_err(Error::format("writing the root's verity tree"))?;
    drop(buffer);
    check_fill(place, stream.bytes)?;
    Ok(params)
}

/// Hashes the data written through it. Data that exceeds the limit is counted but not written, so that the
/// error can state the complete length.
struct Stream<'a, W> {
    out: &'a mut W,
    bytes: u64,
    room: u64,
    hasher: Option<Hasher>,
}

impl<W: Write> Write for Stream<'_, W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.bytes += buf.len() as u64;
        if self.bytes <= self.room {
            self.out.write_all(buf)?;
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.write_all(buf)?;
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::facts;
    use crate::room::layout;
    use config::Slots;
    use formats::tree::Node;
    use slots::Partition;

    fn write(bytes: usize) -> Result<(RootParams, Vec<u8>)> {
        let layout = layout(&Slots { root_mib: 8, kernel_mib: 16, state_mib: 1, data_mib: 1 });
        let mut tree = Tree::new();
        tree.insert("usr/bin/x", Node::file(vec![7; bytes], 0o755)).unwrap();
        let mut root = Vec::new();
        let params = write_root(&mut root, layout.place(Partition::RootA), &tree, &facts())?;
        Ok((params, root))
    }

    #[test]
    fn the_root_is_found_where_the_command_line_says() {
        let (params, root) = write(1 << 20).unwrap();
        assert_eq!(params.hash_block, params.data_blocks);
        formats::verity::verify(&root, &params).unwrap();
        assert_eq!(write(1 << 20).unwrap(), (params, root));
    }

    #[test]
    fn a_root_too_large_names_its_length() {
        let Err(Error::TooLarge { part, bytes, limit, .. }) = write(7 << 20) else { panic!("it fits") };
        assert_eq!((part, limit), ("root", (8 << 20) * 8 / 10));
        assert!(bytes > 7 << 20);
        let Err(Error::TooLarge { bytes, .. }) = write(9 << 20) else { panic!("it fits") };
        assert!(bytes > 9 << 20);
    }
}
