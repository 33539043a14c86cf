//! What the kernel has, whoever set it up: for people who look for the name of a link.

use config::Cidr;

use crate::error::NetError;
use crate::netlink::{Link, Socket};

/// Returns the physical links by name, each with its addresses.
///
/// # Errors
/// [`NetError`] if the kernel can't be asked.
pub fn survey() -> Result<Vec<(Link, Vec<Cidr>)>, NetError> {
    let mut socket = Socket::open()?;
    let mut links: Vec<Link> = socket.links()?.into_iter().filter(|l| l.physical).collect();
    links.sort_by(|a, b| a.name.cmp(&b.name));
    let addresses = socket.addresses()?;
    let of =
        |link: &Link| addresses.iter().filter(|(index, _)| *index == link.index).map(|(_, a)| *a).collect();
    Ok(links
        .into_iter()
        .map(|link| {
            let addresses = of(&link);
            (link, addresses)
        })
        .collect())
}
