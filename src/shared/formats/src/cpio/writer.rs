//! Writes the records of a tree in order.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use super::CpioError;
use crate::tree::{Kind, Node, Source, Tree};

/// Name of the record at the end of the archive.
const TRAILER: &str = "TRAILER!!!";

/// The variable fields of a record.
#[derive(Default)]
struct Header {
    inode: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: u32,
    bytes: u32,
    device: (u32, u32),
}

/// Writes `tree` as an uncompressed newc archive with this time for every node; returns its length.
///
/// # Errors
/// [`CpioError`] if the format does not support a node, a file can't be read or does not have the announced
/// length, or the output fails. `out` may then contain the beginning.
pub fn write(tree: &Tree, mtime_secs: u32, out: impl Write) -> Result<u64, CpioError> {
    let mut nodes = Vec::new();
    tree.walk(|path, node| nodes.push((path.to_owned(), node)));
    let (names, links) = (names(&nodes), count_links(&nodes));
    let mut out = Counted { out, at: 0 };
    for (serial, (path, node)) in nodes.iter().enumerate() {
        let (path, node) = (path.as_str(), *node);
        let (target, node) = match &node.kind {
            Kind::Hardlink(target) => (target.as_str(), linked(tree, path, target)?),
            _ => (path, node),
        };
        let (first, last) = names.get(target).copied().unwrap_or((serial, serial));
        let header = Header {
            inode: u32::try_from(first + 1).map_err(io::Error::other)?,
            uid: node.uid,
            gid: node.gid,
            links: links.get(target).copied().unwrap_or(1),
            mtime: mtime_secs,
            ..Header::default()
        };
        write_node((path, node), header, serial == last, &mut out)?;
    }
    out.record(&Header { links: 1, ..Header::default() }, TRAILER)?;
    Ok(out.at)
}

/// Returns the indices of the first and the last name of each file with several names.
fn names<'a>(nodes: &'a [(String, &Node)]) -> HashMap<&'a str, (usize, usize)> {
    let mut names: HashMap<&str, (usize, usize)> = HashMap::new();
    for (serial, (path, node)) in nodes.iter().enumerate() {
        let target = match &node.kind {
            Kind::Hardlink(target) => target,
            _ => path,
        };
        names.entry(target).and_modify(|(_, last)| *last = serial).or_insert((serial, serial));
    }
    names
}

/// Returns the file that a hard link refers to.
fn linked<'a>(tree: &'a Tree, path: &str, target: &str) -> Result<&'a Node, CpioError> {
    let node = tree.get(target).filter(|node| matches!(node.kind, Kind::File(_)));
    node.ok_or_else(|| CpioError::Hardlink { path: path.to_owned(), target: target.to_owned() })
}

/// Returns the number of names of each directory, and of each file with several names.
fn count_links<'a>(nodes: &'a [(String, &Node)]) -> HashMap<&'a str, u32> {
    let mut links = HashMap::new();
    for (path, node) in nodes {
        match &node.kind {
            Kind::Hardlink(target) => *links.entry(target.as_str()).or_insert(1) += 1,
            Kind::Directory(below) => {
                let subdirectories = below.values().filter(|n| matches!(n.kind, Kind::Directory(_))).count();
                links.insert(path, u32::try_from(subdirectories).unwrap_or(u32::MAX - 2) + 2);
            }
            _ => {}
        }
    }
    links
}

/// Writes the record of one node. The content of a file with several names follows the last one.
fn write_node<W: Write>(
    (path, node): (&str, &Node),
    mut header: Header,
    last_name: bool,
    out: &mut Counted<W>,
) -> Result<(), CpioError> {
    if !node.xattrs.is_empty() {
        return Err(CpioError::Xattrs { path: path.to_owned() });
    }
    let kind = match &node.kind {
        Kind::Directory(_) => 0o040_000,
        Kind::File(_) | Kind::Hardlink(_) => 0o100_000,
        Kind::Symlink(_) => 0o120_000,
        Kind::CharDevice(..) => 0o020_000,
        Kind::BlockDevice(..) => 0o060_000,
        Kind::Fifo => 0o010_000,
    };
    header.mode = kind | u32::from(node.mode & 0o7777);
    match &node.kind {
        Kind::File(source) if last_name => write_file(path, source.as_ref(), header, out),
        Kind::Symlink(target) => {
            let bytes = target.len() as u64;
            header.bytes = length(path, bytes)?;
            out.record(&header, path)?;
            out.put(target)?;
            out.pad()
        }
        Kind::CharDevice(major, minor) | Kind::BlockDevice(major, minor) => {
            header.device = (*major, *minor);
            out.record(&header, path)
        }
        _ => out.record(&header, path),
    }
}

/// Writes the record and the content of a file.
fn write_file<W: Write>(
    path: &str,
    source: &dyn Source,
    mut header: Header,
    out: &mut Counted<W>,
) -> Result<(), CpioError> {
    let error = |error| CpioError::Source { path: path.to_owned(), error };
    header.bytes = length(path, source.len())?;
    out.record(&header, path)?;
    let mut reader = source.open().map_err(error)?;
    let copied = io::copy(&mut reader.by_ref().take(source.len()), &mut out.out).map_err(error)?;
    if copied != source.len() || reader.read(&mut [0]).map_err(error)? != 0 {
        return Err(error(io::Error::other(format!("its length is no longer {} bytes", source.len()))));
    }
    out.at += copied;
    out.pad()
}

/// Checks that a length fits its field.
fn length(path: &str, bytes: u64) -> Result<u32, CpioError> {
    u32::try_from(bytes).map_err(|_| CpioError::TooLong { path: path.to_owned(), bytes })
}

/// The output, with a count of the bytes written.
struct Counted<W> {
    out: W,
    at: u64,
}

impl<W: Write> Counted<W> {
    /// Writes the header of a record.
    fn record(&mut self, header: &Header, name: &str) -> Result<(), CpioError> {
        let Header { inode, mode, uid, gid, links, mtime, bytes, device } = header;
        let name_bytes = name.len() + 1;
        let fields = format!("{inode:08x}{mode:08x}{uid:08x}{gid:08x}{links:08x}{mtime:08x}{bytes:08x}");
        let (major, minor) = device;
        let head =
            format!("070701{fields}{0:08x}{0:08x}{major:08x}{minor:08x}{name_bytes:08x}{0:08x}{name}\0", 0);
        self.put(head.as_bytes())?;
        self.pad()
    }

    /// Writes `bytes`.
    fn put(&mut self, bytes: &[u8]) -> Result<(), CpioError> {
        self.at += bytes.len() as u64;
        Ok(self.out.write_all(bytes)?)
    }

    /// Writes zeros up to a multiple of four bytes.
    fn pad(&mut self) -> Result<(), CpioError> {
        match self.at % 4 {
            1 => self.put(&[0; 3]),
            2 => self.put(&[0; 2]),
            3 => self.put(&[0; 1]),
            _ => Ok(()),
        }
    }
}
