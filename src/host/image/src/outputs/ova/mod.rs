//! The disk in an OVA: a virtual machine that VMware imports as it is.
//!
//! A tar file with the descriptor, the manifest of hashes, and the disk as VMDK, in this order, so that an import over
//! the network knows the machine before its disk arrives. The VMDK is written to an unnamed file first, since
//! its length and hash precede it. Left out: a signature (`.cert`) and OVF properties, which nodes don't read.
//! Spec: DMTF DSP0243, Open Virtualization Format 1.1, 5 and 6.

mod descriptor;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use formats::disk::{Cursor, ReadAt};
use tar::{Builder, Header};

use super::{Sources, vmdk};
use crate::hash::{hex, sha256};
use crate::spool::Spool;
use crate::{Error, error::Result};

/// Writes the machine.
pub(super) fn write(disk: &dyn ReadAt, sources: &Sources<'_>, path: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut out = BufWriter::with_capacity(1 << 20, Spool::new(directory)?);
    vmdk::write_to(disk, &mut out)?;
    let vmdk = out.into_inner().map_err(|e| Error::file("writing", path)(e.into_error()))?;
    let file = File::create(path).map_err(Error::file("creating", path))?;
    pack(disk, &vmdk, sources, BufWriter::new(file)).map_err(Error::file("writing", path))
}

/// Writes the tar file.
fn pack(disk: &dyn ReadAt, vmdk: &Spool, sources: &Sources<'_>, out: impl Write) -> io::Result<()> {
    let facts = &sources.generation.facts;
    let [ovf_name, mf_name, vmdk_name] =
        ["ovf", "mf", "vmdk"].map(|ending| format!("{}.{ending}", facts.name));
    let ovf = descriptor::text(&descriptor::Machine {
        name: &facts.name,
        vmdk: &vmdk_name,
        vmdk_bytes: vmdk.len(),
        disk_bytes: disk.len(),
    });
    let line = |name: &str, hash: [u8; 32]| format!("SHA256({name})= {}\n", hex(&hash));
    let mf = line(&ovf_name, sha256(&ovf.as_bytes().to_vec())?) + &line(&vmdk_name, sha256(vmdk)?);
    let mut tar = Builder::new(out);
    let mut add = |name: &str, bytes: u64, content: &mut dyn Read| {
        let mut header = Header::new_ustar();
        header.set_size(bytes);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(facts.build_time);
        tar.append_data(&mut header, name, content)
    };
    add(&ovf_name, ovf.len() as u64, &mut ovf.as_bytes())?;
    add(&mf_name, mf.len() as u64, &mut mf.as_bytes())?;
    add(&vmdk_name, vmdk.len(), &mut Cursor::new(vmdk))?;
    tar.into_inner()?.flush()
}
