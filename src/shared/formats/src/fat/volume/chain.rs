//! Follows the chain of clusters of a file or directory.

use super::Volume;
use super::boot_sector::{Geometry, Width};
use crate::disk::ReadAt;
use crate::volume::VolumeError;

/// The clusters of a file or directory, in order. Ends after as many as the volume has: a chain that is longer is a
/// circle.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    geometry: &'a Geometry,
    next: u32,
    followed: u64,
}

impl<D: ReadAt> Volume<D> {
    /// Returns the chain that begins with cluster `first`.
    pub(super) fn chain(&self, first: u32) -> Chain<'_> {
        Chain { geometry: &self.geometry, next: first, followed: 0 }
    }
}

impl Chain<'_> {
    /// Returns the offset of the next cluster; `None` at the end of the chain.
    pub fn next_offset(&mut self, disk: &impl ReadAt) -> Result<Option<u64>, VolumeError> {
        let g = self.geometry;
        let cluster = self.next;
        if self.followed > 0 && cluster >= last_mark(g.width) {
            return Ok(None);
        }
        let damaged = |reason| VolumeError::Damaged { format: g.width.name(), reason };
        let index = u64::from(cluster).checked_sub(2).filter(|index| *index < g.clusters);
        let Some(index) = index else {
            return Err(damaged(format!("expected a cluster from 2 to {}, found {cluster}", g.clusters + 1)));
        };
        self.followed += 1;
        if self.followed > g.clusters {
            return Err(damaged(format!("cluster {cluster} belongs to a chain without end")));
        }
        self.next = entry(g, disk, cluster)?;
        Ok(Some(g.data + index * g.cluster_bytes))
    }
}

/// Returns the smallest entry that marks the end of a chain.
fn last_mark(width: Width) -> u32 {
    match width {
        Width::Bits12 => 0xff8,
        Width::Bits16 => 0xfff8,
        Width::Bits32 => 0x0fff_fff8,
    }
}

/// Reads the entry of a cluster, which must exist.
fn entry(g: &Geometry, disk: &impl ReadAt, cluster: u32) -> Result<u32, VolumeError> {
    let number = u64::from(cluster);
    let mut bytes = [0; 4];
    let mut read = |length: usize, at: u64| -> Result<u32, VolumeError> {
        disk.read_exact_at(&mut bytes[..length], g.table + at)?;
        Ok(u32::from_le_bytes(bytes))
    };
    match g.width {
        Width::Bits12 => {
            let both = read(2, number + number / 2)?;
            Ok(if number % 2 == 0 { both & 0xfff } else { both >> 4 })
        }
        Width::Bits16 => read(2, number * 2),
        Width::Bits32 => read(4, number * 4).map(|entry| entry & 0x0fff_ffff),
    }
}
