//! Verifies the whole bundle before the first write: signatures, whether this node may accept it, every received byte.
//!
//! Compressed frames are checked against their signed hashes and not decompressed: they are decompressed and checked
//! again when they are written.

use std::io::{BufReader, Read};

use bundle::{Bundle, KeySet, Node, Sealed};

use crate::{UpdateError, kubernetes};

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Checks a bundle against the keys and the node, `kubernetes` being the version that its control plane
/// runs; then reads it to its end. `advanced` is called with the number of compressed bytes done so far.
///
/// `open` gives the bundle from its beginning, twice: what is returned is to be written.
///
/// # Errors
/// [`UpdateError::Bundle`] if it is not to be believed, cut off or damaged, [`UpdateError::Refused`] and
/// [`UpdateError::Kubernetes`] if this node must not take it, [`UpdateError::Exchanged`] if it is another
/// one the second time; what `open` answers.
pub fn examine<R: Read>(
    open: impl Fn() -> Result<R, UpdateError>,
    keys: &KeySet,
    (node, kubernetes): (&Node<'_>, &str),
    advanced: &mut dyn FnMut(u64),
) -> Result<Bundle<BufReader<R>>, UpdateError> {
    let sealed = || Ok::<_, UpdateError>(Sealed::open(BufReader::with_capacity(BUFFER_BYTES, open()?))?);
    let mut whole = sealed()?.verify(keys)?;
    bundle::check(whole.manifest(), node)?;
    kubernetes::check_control_plane(kubernetes, &whole.manifest().kubernetes)?;
    let mut done = 0;
    while let Some(part) = whole.next_part() {
        let packed = whole.manifest().parts.get(part).packed_bytes;
        whole = whole.skim(&mut |bytes| advanced(done + bytes))?;
        done += packed;
    }
    let examined = whole.finish()?;
    let again = sealed()?.verify(keys)?;
    // What may be taken was decided by the first manifest; the keys may vouch for others.
    if again.manifest() == &examined { Ok(again) } else { Err(UpdateError::Exchanged) }
}
