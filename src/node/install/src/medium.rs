//! What an installation medium holds.

use disk::BOOT_PATH;
use formats::disk::{Cursor, ReadAt, Window, read_vec};
use formats::{fat, gpt, verity};
use slots::{HEADER_BYTES, Header, MEDIUM_KERNEL, MEDIUM_ROOT, Partition, RootParams, UKI_OFFSET};

use crate::InstallError;

/// The parts of a medium.
#[derive(Debug)]
pub struct Medium<D> {
    pub(crate) root: Window<Window<D>>,
    pub(crate) uki: Window<Window<D>>,
    pub(crate) header: Header,
    pub(crate) loader: Vec<u8>,
    pub(crate) params: RootParams,
}

impl<D: ReadAt + Copy> Medium<D> {
    /// Reads what is where on the medium `device`, whose root has the parameters `params`. Root and kernel image are not
    /// read yet.
    ///
    /// # Errors
    /// [`InstallError::Table`], [`InstallError::Loader`] or [`InstallError::Medium`] if it is none, or damaged;
    /// [`InstallError::Read`].
    pub fn open(device: D, params: RootParams) -> Result<Medium<D>, InstallError> {
        let table = gpt::read(&mut Cursor::new(device), device.len() / gpt::BLOCK_BYTES)?;
        let part = |partition: Partition, name: &str| {
            let is_it = |p: &&gpt::Partition| (p.number, p.name.as_str()) == (partition.number(), name);
            let found = table.partitions.iter().find(is_it);
            let window = found.and_then(|p| {
                let start = p.first_lba.checked_mul(gpt::BLOCK_BYTES)?;
                let end = (p.last_lba + 1).checked_mul(gpt::BLOCK_BYTES)?;
                Window::new(device, start, end.checked_sub(start)?)
            });
            window.ok_or_else(|| InstallError::Medium(format!("there is no partition {name}")))
        };
        let loader = fat::read(&part(Partition::Esp, Partition::Esp.label())?, BOOT_PATH)?;
        let kernel = part(Partition::KernelA, MEDIUM_KERNEL)?;
        let block = read_vec(&kernel, 0, HEADER_BYTES as u64).map_err(InstallError::Read)?;
        let header = block.try_into().ok().and_then(|block| Header::parse(&block, kernel.len()));
        let header = header.ok_or_else(|| InstallError::Medium("its kernel has no valid header".into()))?;
        let root_bytes = verity::root_bytes(&params);
        let root = part(Partition::RootA, MEDIUM_ROOT)?;
        let root = root_bytes.and_then(|bytes| Window::new(root, 0, bytes));
        Ok(Medium {
            root: root.ok_or_else(|| InstallError::Medium("its root is cut off".into()))?,
            uki: Window::new(kernel, UKI_OFFSET, header.length)
                .ok_or_else(|| InstallError::Medium("its kernel is cut off".into()))?,
            header,
            loader,
            params,
        })
    }
    /// Returns how many bytes root and kernel image have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.root.len() + self.header.length
    }
}
