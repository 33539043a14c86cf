//! An output: a file to replace, or a stream to write to.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::draft::Draft;
use crate::target::{Target, find};
use crate::{Access, Error, Result, directory};

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes that are left as a hole when all of them are zero.
const HOLE_BYTES: usize = 64 << 10;

/// An output path of the user, checked before the work begins, so that a wrong path fails at once.
#[derive(Debug)]
pub struct Output {
    /// As the user named it.
    named: PathBuf,
    access: Access,
    target: Target,
}

/// Replaces the file that `path` leads to, or writes to the stream that it is.
///
/// # Errors
/// Those of [`Output::at`] and [`Output::write_all`].
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    Output::at(path, access)?.write_all(bytes)
}

/// Moves a finished file to where the user wants it: links, mode and owner as in [`Output`]. Over the border
/// of a file system it is copied, holes stay holes, and `from` is left.
///
/// # Errors
/// Those of [`Output::at`]; [`Error::Io`] if it can't be moved. What is at `to` is then as it was.
pub fn install(from: &Path, to: &Path) -> Result<()> {
    let output = Output::at(to, Access::Public)?;
    let mut file = File::open(from).map_err(Error::io("opening", from))?;
    let Target::File { path, old } = &output.target else {
        let failed = Error::io("writing", to);
        return output.write(|out| io::copy(&mut file, out).map(drop).map_err(failed));
    };
    settle(&file, old.as_ref(), output.access).map_err(Error::io("setting the mode of", from))?;
    file.sync_all().map_err(Error::io("syncing", from))?;
    match fs::rename(from, path) {
        Ok(()) => sync_directory(directory(path)),
        Err(e) if e.kind() == ErrorKind::CrossesDevices => {
            let draft = output.draft(path, old.as_ref())?;
            copy_sparse(&mut file, draft.file()).map_err(Error::io("copying to", to))?;
            output.publish(draft, path, old.as_ref())
        }
        Err(e) => Err(Error::io("moving a file to", to)(e)),
    }
}

impl Output {
    /// Looks at what `path` leads to.
    ///
    /// # Errors
    /// [`Error::Directory`] or [`Error::NotAFile`] if that can't be written; [`Error::Io`] if it can't be
    /// looked at, or is a file that this user may not write.
    pub fn at(path: &Path, access: Access) -> Result<Output> {
        Ok(Output { named: path.to_owned(), access, target: find(path)? })
    }

    /// Refuses to replace the file that the content comes from, by whatever name.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub fn check_input(&self, input: &Path) -> Result<()> {
        let Target::File { old: Some(old), .. } = &self.target else { return Ok(()) };
        let same = fs::metadata(input).is_ok_and(|i| (i.dev(), i.ino()) == (old.dev(), old.ino()));
        if same { Err(Error::Input(self.named.clone())) } else { Ok(()) }
    }

    /// Returns a directory for large temporary files: the one that the file will be in, or the system's for a
    /// stream, since `/dev` has no room.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        match &self.target {
            Target::File { path, .. } => directory(path).to_owned(),
            Target::Stream => std::env::temp_dir(),
        }
    }

    /// Writes these bytes.
    ///
    /// # Errors
    /// [`Error::Io`]. A file is then as it was; a stream has got the beginning.
    pub fn write_all(self, bytes: &[u8]) -> Result<()> {
        let failed = Error::io("writing", self.named.clone());
        self.write(|out| out.write_all(bytes).map_err(failed))
    }

    /// Writes what `fill` gives, and returns what it returns.
    ///
    /// # Errors
    /// That of `fill`, or [`Error::Io`]. A file is then as it was; a stream has got the beginning.
    pub fn write<T, E: From<Error>>(
        self,
        fill: impl FnOnce(&mut dyn Write) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        match &self.target {
            Target::Stream => {
                let file = File::options().append(true).open(&self.named);
                self.fill(&file.map_err(Error::io("opening", &self.named))?, fill)
            }
            Target::File { path, old } => {
                let draft = self.draft(path, old.as_ref())?;
                let done = self.fill(draft.file(), fill)?;
                self.publish(draft, path, old.as_ref())?;
                Ok(done)
            }
        }
    }

    /// Writes through a buffer, to its last byte.
    fn fill<T, E: From<Error>>(
        &self,
        file: &File,
        fill: impl FnOnce(&mut dyn Write) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let done = match fill(&mut out) {
            Ok(done) => done,
            Err(e) => {
                // What is still in the buffer would only fail again.
                drop(out.into_parts());
                return Err(e);
            }
        };
        out.flush().map_err(Error::io("writing", &self.named))?;
        Ok(done)
    }

    /// Makes an empty file beside `path`. One that replaces a file is closed to others until it has its mode.
    fn draft(&self, path: &Path, old: Option<&Metadata>) -> Result<Draft> {
        let mode = if old.is_some() { 0o600 } else { self.access.mode_of_new() };
        let directory = directory(path);
        Draft::new(directory, mode).map_err(Error::io("making a file in", directory))
    }

    /// Puts a draft in its place.
    fn publish(&self, draft: Draft, path: &Path, old: Option<&Metadata>) -> Result<()> {
        settle(draft.file(), old, self.access).map_err(Error::io("setting the mode of", &self.named))?;
        draft.file().sync_all().map_err(Error::io("writing", &self.named))?;
        draft.persist(path).map_err(Error::io("replacing", &self.named))?;
        sync_directory(directory(path))
    }
}

/// Gives a new file the owner and the mode of the one that it replaces, so far as this user may.
fn settle(file: &File, old: Option<&Metadata>, access: Access) -> io::Result<()> {
    let Some(old) = old else { return Ok(()) };
    let now = file.metadata()?;
    let mut mode = old.mode() & 0o777;
    if (now.uid(), now.gid()) != (old.uid(), old.gid()) {
        // Only root gives files away; a member of the group may still set that.
        let given = fchown(file, Some(old.uid()), Some(old.gid()));
        if given.or_else(|_| fchown(file, None, Some(old.gid()))).is_err() {
            mode = without_group(mode);
        }
    }
    if access == Access::Private {
        mode &= 0o600;
    }
    file.set_permissions(Permissions::from_mode(mode))
}

/// Returns a mode in which the group may what all others may: it is another group than the mode was set for.
fn without_group(mode: u32) -> u32 {
    mode & 0o707 | (mode & 0o007) << 3 & mode
}

/// Syncs a directory: then the names in it are on the disk too.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory).and_then(|d| d.sync_all()).map_err(Error::io("syncing", directory))
}

/// Copies a file; blocks of zeros become holes.
fn copy_sparse(from: &mut File, mut to: &File) -> io::Result<()> {
    let length = from.metadata()?.len();
    let mut buffer = vec![0; HOLE_BYTES];
    let mut left = length;
    while left > 0 {
        let count = usize::try_from(left).map_or(HOLE_BYTES, |left| left.min(HOLE_BYTES));
        let block = &mut buffer[..count];
        from.read_exact(block)?;
        match block.iter().all(|b| *b == 0) {
            true => drop(to.seek(SeekFrom::Current(i64::try_from(count).map_err(io::Error::other)?))?),
            false => to.write_all(block)?,
        }
        left -= count as u64;
    }
    to.set_len(length)
}

#[cfg(test)]
mod tests;
