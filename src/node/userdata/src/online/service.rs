//! The metadata services of platforms, all at one address that leads nowhere but to them.
//!
//! Each is a row of a table. Specs: Amazon EC2, "Instance metadata and user data", version 2; OpenStack Nova, "Metadata
//! service"; Google Compute Engine, "VM metadata"; Azure, "Instance Metadata Service", `userData`; Hetzner Cloud,
//! "Server metadata"; DigitalOcean, "Metadata API". Left out: Azure's older `customData`, which is on a volume.

use config::user_data::{Beside, Seed};
use formats::smbios::{self, Structure};
use ureq::http::Method;

use super::seed_url::named;
use super::{Asked, part};
use crate::error::Error;
use crate::machine::Machine;
use crate::sources::Answer;
use crate::web::{Ask, Web};

/// Azure's asset tag.
const AZURE: &str = "7783-7084-3265-9085-8269-3286-77";
/// Seconds for which a token of EC2 is asked.
const TOKEN_SECS: &str = "300";

/// A metadata service.
#[derive(Debug)]
struct Service {
    name: &'static str,
    is_here: fn(&Firmware) -> bool,
    /// Path from which a token comes first, with the name of its header.
    token: Option<(&'static str, &'static str)>,
    headers: &'static [(&'static str, &'static str)],
    user_data: &'static str,
    /// Path of the host name as text.
    hostname: Option<&'static str>,
    /// Path of OpenStack's `meta_data.json`.
    meta_data: Option<&'static str>,
    /// Path of the description of the network.
    network: Option<&'static str>,
}

/// A service that has only what all have.
const PLAIN: Service = Service {
    name: "",
    is_here: |_| false,
    token: None,
    headers: &[],
    user_data: "",
    hostname: None,
    meta_data: None,
    network: None,
};

const SERVICES: [Service; 6] = [
    Service {
        name: "ec2",
        is_here: |f| f.manufacturer == "Amazon EC2",
        token: Some(("/latest/api/token", "X-aws-ec2-metadata-token")),
        user_data: "/latest/user-data",
        hostname: Some("/latest/meta-data/local-hostname"),
        ..PLAIN
    },
    Service {
        name: "openstack",
        is_here: |f| f.manufacturer == "OpenStack Foundation" || f.product.starts_with("OpenStack "),
        user_data: "/openstack/latest/user_data",
        meta_data: Some("/openstack/latest/meta_data.json"),
        network: Some("/openstack/latest/network_data.json"),
        ..PLAIN
    },
    Service {
        name: "gce",
        is_here: |f| f.manufacturer == "Google" || f.product == "Google Compute Engine",
        headers: &[("Metadata-Flavor", "Google")],
        user_data: "/computeMetadata/v1/instance/attributes/user-data",
        hostname: Some("/computeMetadata/v1/instance/hostname"),
        ..PLAIN
    },
    Service {
        name: "azure",
        is_here: |f| f.asset_tag == AZURE,
        headers: &[("Metadata", "true")],
        user_data: "/metadata/instance/compute/userData?api-version=2021-01-01&format=text",
        hostname: Some("/metadata/instance/compute/name?api-version=2021-01-01&format=text"),
        ..PLAIN
    },
    Service {
        name: "hetzner",
        is_here: |f| f.manufacturer == "Hetzner",
        user_data: "/hetzner/v1/userdata",
        hostname: Some("/hetzner/v1/metadata/hostname"),
        ..PLAIN
    },
    Service {
        name: "digitalocean",
        is_here: |f| f.manufacturer == "DigitalOcean",
        user_data: "/metadata/v1/user-data",
        hostname: Some("/metadata/v1/hostname"),
        ..PLAIN
    },
];

/// What the firmware says about the machine.
#[derive(Debug, Default)]
struct Firmware {
    manufacturer: String,
    product: String,
    asset_tag: String,
}

impl Firmware {
    fn of(machine: &Machine) -> Result<Firmware, Error> {
        let table = machine.read(smbios::TABLE)?.unwrap_or_default();
        let structures = smbios::read(&table);
        Ok(Firmware {
            manufacturer: first(&structures, Structure::manufacturer),
            product: first(&structures, Structure::product_name),
            asset_tag: first(&structures, Structure::asset_tag),
        })
    }
}

/// Returns the first value of a field, as text.
fn first<'a>(structures: &[Structure<'a>], field: impl Fn(&Structure<'a>) -> Option<&'a [u8]>) -> String {
    let found = structures.iter().find_map(field).map(String::from_utf8_lossy);
    found.unwrap_or_default().trim().to_owned()
}

/// Asks the service of the platform on which the machine is, if it has one.
pub(super) fn find(machine: &Machine, web: &Web) -> Asked {
    let firmware = Firmware::of(machine)?;
    let here = SERVICES.iter().find(|service| (service.is_here)(&firmware));
    Ok(here.map(|service| (service.name, service.ask(web))))
}

impl Service {
    fn ask(&self, web: &Web) -> Result<Answer, Error> {
        let token = self.token.map(|(path, header)| Ok((header, token(web, path)?))).transpose()?;
        let token = token.as_ref().map(|(header, token)| (*header, token.as_str()));
        let headers: Vec<(&str, &str)> = self.headers.iter().copied().chain(token).collect();
        let get = |path: &str| {
            let url = web.service(path);
            part(web, &Ask { method: Method::GET, url, headers: &headers, may_redirect: false })
        };
        let maybe = |path: Option<&str>| path.map_or(Ok(None), get);
        let user_data = get(self.user_data)?;
        let told = maybe(self.hostname)?;
        let told = told.map(|part| named(&part.label, String::from_utf8_lossy(&part.bytes).trim()));
        let meta_data = if told.is_some() { told } else { maybe(self.meta_data)? };
        let beside = Beside { network: maybe(self.network)?, meta_data };
        Ok(match user_data {
            Some(user_data) => Answer::Found(Seed { user_data, beside }),
            None => Answer::Beside(beside, format!("{} has no user-data", web.service(self.user_data))),
        })
    }
}

/// Asks for a token, which the service wants with each request.
fn token(web: &Web, path: &str) -> Result<String, Error> {
    let url = web.service(path);
    let headers = [("X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECS)];
    let bytes =
        web.ask(&Ask { method: Method::PUT, url: url.clone(), headers: &headers, may_redirect: false })?;
    let token = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let plain = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    token.filter(plain).ok_or_else(|| Error::Web { url, reason: "expected a token, found none".to_owned() })
}
