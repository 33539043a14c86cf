//! Verifies the whole bundle before the first write: signatures, whether this node may accept it, every received byte.
//!
//! Compressed frames are checked against their signed hashes and not decompressed: they are decompressed and checked
//! again when they are written.

use std::io::{BufReader, Read};

use bundle::{Bundle, KeySet, Node, Sealed};

use crate::{UpdateError, kubernetes};

/// Size of the read buffer.
const BUFFER_BYTES: usize = 256 << 10;

/// Checks a bundle against the key set, the node and its control plane's version, `kubernetes`; then reads
/// and verifies it completely. `advanced` is called with the number of compressed bytes verified so far.
/// Returns the bundle, opened again and positioned at its first part, ready for
/// [`install`](crate::install()).
///
/// `open` must return a reader from the beginning of the bundle; it is called twice.
///
/// # Errors
/// [`UpdateError::Bundle`] if the bundle is malformed, truncated, damaged, or not signed by enough trusted
/// keys; [`UpdateError::Refused`] if this node must not accept it; [`UpdateError::Kubernetes`] if the version
/// skew policy forbids the step; [`UpdateError::Exchanged`] if the manifest differs the second time; and any
/// error of `open`. Nothing has been written in any case.
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
    // The first manifest was checked against the node. The second one also has valid signatures, but may be
    // another.
    if again.manifest() == &examined { Ok(again) } else { Err(UpdateError::Exchanged) }
}
