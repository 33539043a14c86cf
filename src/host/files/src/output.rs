//! An output named by the user: a file to replace, or a stream to write to.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::draft::Draft;
use crate::target::{Target, find};
use crate::{Access, Error, Result, directory};

/// Size of the write buffer.
const BUFFER_BYTES: usize = 1 << 20;
/// A block of this size that is all zeros becomes a hole.
const HOLE_BYTES: usize = 64 << 10;

/// An output path of the user, checked before the work begins, so that a wrong path fails at once.
#[derive(Debug)]
pub struct Output {
    /// The path as given by the user.
    named: PathBuf,
    access: Access,
    target: Target,
}

/// Replaces the file at `path`, following links, or writes to the stream that it names.
///
/// # Errors
/// Those of [`Output::at`] and [`Output::write_all`].
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    Output::at(path, access)?.write_all(bytes)
}

/// Moves a finished file to `to`, with links, mode and owner treated as in [`Output`]. If `to` is on another
/// file system, the file is copied with its holes, and `from` is kept.
///
/// # Errors
/// Those of [`Output::at`]; [`Error::Io`] if it can't be moved. `to` is unchanged then.
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
    /// Examines what `path` names, following links.
    ///
    /// # Errors
    /// [`Error::Directory`] or [`Error::NotAFile`] if it can't be an output; [`Error::Io`] if it can't be
    /// examined, or is a file that this user must not write. Nothing changes.
    pub fn at(path: &Path, access: Access) -> Result<Output> {
        Ok(Output { named: path.to_owned(), access, target: find(path)? })
    }

    /// Checks that the output is not the file that the content comes from, under whatever name.
    ///
    /// # Errors
    /// [`Error::Input`] if it is.
    pub fn check_input(&self, input: &Path) -> Result<()> {
        let Target::File { old: Some(old), .. } = &self.target else { return Ok(()) };
        let same = fs::metadata(input).is_ok_and(|i| (i.dev(), i.ino()) == (old.dev(), old.ino()));
        if same { Err(Error::Input(self.named.clone())) } else { Ok(()) }
    }

    /// Returns a directory for large temporary files: that of the output file, or the system's for a stream,
    /// since there is no space in `/dev`.
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
    /// [`Error::Io`] if they can't be written. A file is unchanged then; a stream may have received the
    /// beginning.
    pub fn write_all(self, bytes: &[u8]) -> Result<()> {
        let failed = Error::io("writing", self.named.clone());
        self.write(|out| out.write_all(bytes).map_err(failed))
    }

    /// Writes what `fill` produces, and returns its result.
    ///
    /// # Errors
    /// Any error of `fill`; [`Error::Io`] if its output can't be written. A file is unchanged then; a stream
    /// may have received the beginning.
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

    /// Writes through a buffer, which is flushed at the end.
    fn fill<T, E: From<Error>>(
        &self,
        file: &File,
        fill: impl FnOnce(&mut dyn Write) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let done = match fill(&mut out) {
            Ok(done) => done,
            Err(e) => {
                // Flushing the rest of the buffer would only fail again.
                drop(out.into_parts());
                return Err(e);
            }
        };
        out.flush().map_err(Error::io("writing", &self.named))?;
        Ok(done)
    }

    /// Creates an empty draft beside `path`. One that replaces a file is accessible only to its owner until
    /// it has its final mode.
    fn draft(&self, path: &Path, old: Option<&Metadata>) -> Result<Draft> {
        let mode = if old.is_some() { 0o600 } else { self.access.mode_of_new() };
        let directory = directory(path);
        Draft::new(directory, mode).map_err(Error::io("making a file in", directory))
    }

    /// Moves a draft to its place.
    fn publish(&self, draft: Draft, path: &Path, old: Option<&Metadata>) -> Result<()> {
        settle(draft.file(), old, self.access).map_err(Error::io("setting the mode of", &self.named))?;
        draft.file().sync_all().map_err(Error::io("writing", &self.named))?;
        draft.persist(path).map_err(Error::io("replacing", &self.named))?;
        sync_directory(directory(path))
    }
}

/// Gives a new file the owner and the mode of the one that it replaces, as far as this user may.
fn settle(file: &File, old: Option<&Metadata>, access: Access) -> io::Result<()> {
    let Some(old) = old else { return Ok(()) };
    let now = file.metadata()?;
    let mut mode = old.mode() & 0o777;
    if (now.uid(), now.gid()) != (old.uid(), old.gid()) {
        // Only root may change the owner; others may still set a group of which they are members.
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

/// Returns a mode whose group permissions equal those of others: its group is not the one that the mode was
/// meant for.
fn without_group(mode: u32) -> u32 {
    mode & 0o707 | (mode & 0o007) << 3 & mode
}

/// Syncs a directory, so that its entries are on the disk.
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
