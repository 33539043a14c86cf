//! What is served: the image, parts of it, iPXE.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use formats::uki;

use crate::error::Error;
use crate::offer::{IMAGE, IPXE_BIOS, IPXE_UEFI};

/// The files of a server.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    image: PathBuf,
    image_bytes: u64,
    kernel: Range<u64>,
    initrd: Range<u64>,
    /// The command line of the image.
    pub cmdline: String,
    ipxe_bios: Option<PathBuf>,
    ipxe_uefi: Option<PathBuf>,
}

impl Files {
    /// Looks at the image, and for iPXE in a directory.
    ///
    /// # Errors
    /// [`Error::Image`] if the image can't be read, or is not one for network boot.
    pub(crate) fn open(image: &Path, ipxe: Option<&Path>) -> Result<Files, Error> {
        let failed = |what: String| Error::Image { path: image.to_owned(), what };
        let mut file = File::open(image).map_err(|e| failed(e.to_string()))?;
        let image_bytes = file.metadata().map_err(|e| failed(e.to_string()))?.len();
        let mut head = Vec::new();
        file.by_ref().take(uki::HEAD_BYTES).read_to_end(&mut head).map_err(|e| failed(e.to_string()))?;
        let section = |name: &str| {
            let found = uki::locate(&head, name).map_err(|e| failed(e.to_string()))?;
            let range = found.filter(|range| range.end <= image_bytes);
            range.ok_or_else(|| failed(format!("it has no section {name}")))
        };
        let (kernel, initrd, cmdline) = (section(".linux")?, section(".initrd")?, section(".cmdline")?);
        let cmdline = read(&file, cmdline).map_err(|e| failed(e.to_string()))?;
        let ipxe = |name: &str| ipxe.map(|directory| directory.join(name)).filter(|path| path.is_file());
        let (ipxe_bios, ipxe_uefi) = (ipxe(IPXE_BIOS), ipxe(IPXE_UEFI));
        Ok(Files { image: image.to_owned(), image_bytes, kernel, initrd, cmdline, ipxe_bios, ipxe_uefi })
    }

    /// Returns the path of a file that is served over TFTP; `None` if there is none of this name.
    pub(crate) fn over_tftp(&self, name: &str) -> Option<&Path> {
        match name {
            IMAGE => Some(&self.image),
            IPXE_BIOS => self.ipxe_bios.as_deref(),
            IPXE_UEFI => self.ipxe_uefi.as_deref(),
            _ => None,
        }
    }

    /// Returns the file that has what is served over HTTP under this name, and which bytes of it.
    pub(crate) fn over_http(&self, name: &str) -> Option<(&Path, Range<u64>)> {
        let range = match name {
            IMAGE => 0..self.image_bytes,
            "kernel" => self.kernel.clone(),
            "initrd" => self.initrd.clone(),
            _ => return None,
        };
        Some((&self.image, range))
    }

    /// Returns whether there is iPXE for machines with BIOS, and for those with UEFI.
    pub(crate) fn has_ipxe(&self) -> (bool, bool) {
        (self.ipxe_bios.is_some(), self.ipxe_uefi.is_some())
    }
}

/// Reads a command line.
fn read(file: &File, range: Range<u64>) -> std::io::Result<String> {
    use std::os::unix::fs::FileExt;
    let length = (range.end - range.start).min(uki::MAX_CMDLINE_BYTES);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\0', '\n', ' ']).to_owned())
}
