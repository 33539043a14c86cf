//! The outputs of a build, one source file for each kind: a new kind is a file here and a row in [`row`].
//!
//! There are two families. A container is made from a disk, which it only reads. An arrangement is made from
//! the generation itself. The disk is an arrangement, too; it is made if a container needs it.

mod bundle;
mod iso;
mod netboot;
mod ova;
mod qcow2;
mod raw;
mod vhd;
mod vmdk;

use std::fs;
use std::path::Path;

use ::bundle::SecretKey;
use config::{ImageProfile, Output};
use disk::{Contents, Layout, arrange};
use formats::disk::{Composite, Cursor, ReadAt};
use formats::gpt::{self, Guid};
use inputs::Workspace;
use secureboot::Signer;

use crate::Error;
use crate::error::Result;
use crate::generation::Generation;
use crate::hash::hash_file;
use crate::kernel::KernelParts;
use crate::record::BuiltFile;
use crate::step::Step;
use crate::workdir::WorkDir;

/// What the files are written from.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    /// The content of the slot.
    pub generation: &'a Generation<'a>,
    /// The parts of its kernel image.
    pub kernel: KernelParts<'a>,
    /// Signs kernel images.
    pub signer: Option<&'a Signer>,
    /// The boot loader, signed if the kernel image is.
    pub loader: &'a [u8],
    /// Where the partitions of a disk are.
    pub layout: &'a Layout,
    /// The image profile.
    pub profile: &'a ImageProfile,
    /// Keys that sign the bundle.
    pub keys: &'a [SecretKey],
}

/// How one kind of file is written.
struct Row {
    /// File name extension.
    ending: &'static str,
    /// Name of the step, for progress.
    step: &'static str,
    /// Whether the manifest contains its hash.
    hash: Hash,
    writer: Writer,
}

/// Whether the manifest contains the hash of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Yes,
    /// For files that are mostly holes, see [`BuiltFile::sha256`].
    No,
}

/// The function that writes a file.
enum Writer {
    /// From a disk.
    Container(fn(&dyn ReadAt, &Sources<'_>, &Path) -> Result<()>),
    /// From the generation.
    Arrangement(fn(&Sources<'_>, &Path) -> Result<()>),
}

/// Returns how a kind of file is written.
fn row(output: Output) -> Row {
    use Writer::{Arrangement, Container};
    let (ending, step, hash, writer) = match output {
        Output::Raw => ("raw", "write the raw image", Hash::No, Container(raw::write)),
        Output::Qcow2 => ("qcow2", "write the qcow2 image", Hash::Yes, Container(qcow2::write)),
        Output::Vmdk => ("vmdk", "write the VMDK image", Hash::Yes, Container(vmdk::write)),
        Output::Ova => ("ova", "write the OVA", Hash::Yes, Container(ova::write)),
        Output::Vhd => ("vhd", "write the VHD image", Hash::No, Container(vhd::write)),
        Output::Iso => ("iso", "write the installation medium", Hash::Yes, Arrangement(iso::write)),
        Output::Netboot => {
            ("netboot.efi", "write the image for network boot", Hash::Yes, Arrangement(netboot::write))
        }
        Output::Bundle => ("hull", "write the bundle", Hash::Yes, Arrangement(bundle::write)),
    };
    Row { ending, step, hash, writer }
}

/// Returns the file name extensions of all kinds of files that a build can write.
pub(crate) fn endings() -> impl Iterator<Item = &'static str> {
    Output::ALL.into_iter().map(|output| row(output).ending)
}

/// Returns format and file name extension of each kind of file that machines start from.
pub(crate) fn started() -> impl Iterator<Item = (&'static str, &'static str)> {
    let started = Output::ALL.into_iter().filter(|output| *output != Output::Bundle);
    started.map(|output| (output.name(), row(output).ending))
}

/// Writes all files requested by the profile to the work directory, in the order of [`Output::ALL`].
///
/// # Errors
/// [`Error::Disk`] if the disk can't be laid out, [`Error::File`] or [`Error::Format`] if a file can't be
/// written. Incomplete files stay in the work directory.
pub(crate) fn write_all(
    workspace: &Workspace,
    sources: &Sources<'_>,
    work: &WorkDir,
) -> Result<Vec<BuiltFile>> {
    let wanted = Output::ALL.into_iter().filter(|output| sources.profile.outputs.contains(output));
    let mut disk = None;
    let mut files = Vec::new();
    for output in wanted {
        let row = row(output);
        let _step = Step::start(workspace, row.step);
        let path = work.file(row.ending);
        match row.writer {
            Writer::Arrangement(write) => write(sources, &path)?,
            Writer::Container(write) => {
                let there = disk.take().map_or_else(|| arranged(sources), Ok)?;
                write(disk.insert(there), sources, &path)?;
            }
        }
        files.push(described(work, output.name(), &row)?);
    }
    Ok(files)
}

/// Lays out the disk.
fn arranged<'a>(sources: &Sources<'a>) -> Result<Composite<'a>> {
    Ok(arrange(sources.layout, &disk_contents(sources))?)
}

/// Returns what is on a disk or a medium.
fn disk_contents<'a>(sources: &Sources<'a>) -> Contents<'a> {
    let generation = sources.generation;
    Contents {
        name: &generation.facts.name,
        epoch: generation.facts.epoch,
        params: generation.params,
        root: &*generation.root,
        uki: &*generation.uki,
        uki_sha256: generation.uki_sha256,
        loader: sources.loader,
        seed: &[],
    }
}

/// Returns the GUID of a disk, which is derived from its content.
///
/// # Errors
/// [`Error::Format`] if its partition table can't be read.
fn disk_id(disk: &dyn ReadAt) -> Result<Guid> {
    let table = gpt::read(&mut Cursor::new(disk), disk.len() / gpt::BLOCK_BYTES);
    Ok(table.map_err(Error::format("reading the partition table"))?.disk_guid)
}

/// Describes a file in the work directory.
fn described(work: &WorkDir, format: &str, row: &Row) -> Result<BuiltFile> {
    let path = work.file(row.ending);
    let (bytes, sha256) = match row.hash {
        Hash::Yes => hash_file(&path).map(|(bytes, sha256)| (bytes, Some(sha256)))?,
        Hash::No => (fs::metadata(&path).map_err(Error::file("reading", &path))?.len(), None),
    };
    Ok(BuiltFile { format: format.to_owned(), name: work.name(row.ending), bytes, sha256 })
}

#[cfg(test)]
pub(crate) mod tests;
