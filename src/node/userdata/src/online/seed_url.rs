//! User-data at a URL: cloud-init's `ds=nocloud;s=URL` in the serial number or on the kernel command line, and
//! `ironhull.config=URL` there.
//!
//! Below the first kind of URL are the files of a NoCloud volume; the second is that of the user-data itself. Of
//! cloud-init's further settings `h=`, the host name, counts more than `meta-data`; `i=`, the instance, has no effect.
//! Spec: cloud-init, "NoCloud" data source.

use config::user_data::{Beside, Part, Seed};
use formats::smbios;
use ureq::http::Method;
use weburl::WebUrl;

use super::{Asked, part};
use crate::error::Error;
use crate::machine::Machine;
use crate::sources::Answer;
use crate::sources::command_line::{CLOUD_INIT, COMMAND_LINE, OPTION};
use crate::web::{Ask, Web};

/// Names of the sources.
const NO_CLOUD: &str = "nocloud-url";
const DIRECT: &str = "command-line-url";
/// Where a URL is written.
const SERIAL: &str = "the serial number";
const LINE: &str = "the command line";
/// Placeholders for what the firmware says, and where Linux shows it.
const PLACEHOLDERS: [(&str, &str); 8] = [
    ("system-uuid", "product_uuid"),
    ("system-serial-number", "product_serial"),
    ("system-product-name", "product_name"),
    ("system-manufacturer", "sys_vendor"),
    ("chassis-serial-number", "chassis_serial"),
    ("chassis-asset-tag", "chassis_asset_tag"),
    ("baseboard-serial-number", "board_serial"),
    ("baseboard-asset-tag", "board_asset_tag"),
];

/// Asks the URL that the machine was given, if there is one. The command line counts more: an operator wrote it.
pub(super) fn find(machine: &Machine, web: &Web) -> Asked {
    let line = machine.read(COMMAND_LINE)?.unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    let words = || line.split_ascii_whitespace().map(|word| word.trim_matches('"'));
    let value = words().filter_map(|word| word.strip_prefix(OPTION)).next_back();
    if let Some(url) = value.map(|value| value.trim_matches('"')).filter(|value| value.contains("://")) {
        let url = checked(machine, OPTION.trim_end_matches('='), url)?;
        return Ok(Some((DIRECT, direct(web, url))));
    }
    let on_line = words().rfind(|word| word.starts_with(CLOUD_INIT)).map(|word| (LINE, word.to_owned()));
    let given = match on_line {
        Some(given) => Some(given),
        None => serial(machine)?.map(|serial| (SERIAL, serial)),
    };
    let Some((place, text)) = given else { return Ok(None) };
    let Some(seed_url) = SeedUrl::parse(machine, place, &text)? else { return Ok(None) };
    Ok(Some((NO_CLOUD, seed_url.ask(web))))
}

/// Returns the serial number, if it is one of cloud-init's.
fn serial(machine: &Machine) -> Result<Option<String>, Error> {
    let table = machine.read(smbios::TABLE)?.unwrap_or_default();
    let structures = smbios::read(&table);
    let serials = structures.iter().filter_map(|s| s.serial_number()).map(String::from_utf8_lossy);
    Ok(serials.into_iter().find(|serial| serial.starts_with(CLOUD_INIT)).map(std::borrow::Cow::into_owned))
}

fn direct(web: &Web, url: WebUrl) -> Result<Answer, Error> {
    let label = url.to_string();
    Ok(match web.ask(&get(url))? {
        Some(bytes) => Answer::Found(Seed::alone(Part { label, bytes })),
        None => Answer::Nothing(format!("{label} has nothing")),
    })
}

/// What `ds=nocloud;…` says.
struct SeedUrl {
    url: WebUrl,
    hostname: Option<String>,
}

impl SeedUrl {
    /// Reads it; `None` if it names no URL.
    fn parse(machine: &Machine, place: &'static str, text: &str) -> Result<Option<SeedUrl>, Error> {
        let value = |key: &str| {
            let settings = text.split(';').skip(1).map(|setting| setting.trim_end_matches('\\'));
            settings.filter_map(|setting| setting.strip_prefix(key)).last()
        };
        let Some(url) = value("s=").or_else(|| value("seedfrom=")) else { return Ok(None) };
        let url = checked(machine, place, url)?;
        let slash = if url.secret().ends_with('/') { "" } else { "/" };
        let url = WebUrl::new(format!("{}{slash}", url.secret()));
        let hostname = value("h=").or_else(|| value("local-hostname=")).map(str::to_owned);
        Ok(Some(SeedUrl { url, hostname }))
    }

    fn ask(&self, web: &Web) -> Result<Answer, Error> {
        let part = |name: &str| part(web, &get(WebUrl::new(format!("{}{name}", self.url.secret()))));
        let user_data = part("user-data")?;
        let meta_data = match &self.hostname {
            Some(name) => Some(named(&self.url.to_string(), name)),
            None => part("meta-data")?,
        };
        let beside = Beside { network: part("network-config")?, meta_data };
        let reason = format!("there is no user-data below {}", self.url);
        Ok(match user_data {
            Some(user_data) => Answer::Found(Seed { user_data, beside }),
            None if beside == Beside::default() => Answer::Nothing(reason),
            None => Answer::Beside(beside, reason),
        })
    }
}

/// Returns `meta-data` with a host name. JSON is YAML.
pub(super) fn named(label: &str, name: &str) -> Part {
    let text = serde_json::json!({ "local-hostname": name });
    Part { label: label.to_owned(), bytes: text.to_string().into_bytes() }
}

fn get(url: WebUrl) -> Ask<'static> {
    Ask { method: Method::GET, url, headers: &[], may_redirect: true }
}

/// Returns a URL with what the machine says about itself filled in.
fn checked(machine: &Machine, option: &'static str, url: &str) -> Result<WebUrl, Error> {
    let wrong = |reason: String| Error::Url { option, reason };
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) || !plain {
        let scheme = url.split(':').next().unwrap_or_default().escape_debug().to_string();
        return Err(wrong(format!("expected a URL of http or https, found one of {scheme:?}")));
    }
    let (mut filled, mut rest) = (String::new(), url);
    while let Some((before, after)) = rest.split_once("__dmi.") {
        let (name, after) = after.split_once("__").unwrap_or((after, ""));
        let known = PLACEHOLDERS.iter().find(|(own, _)| *own == name);
        let (_, file) = known.ok_or_else(|| wrong(format!("there is no placeholder __dmi.{name}__")))?;
        let value = machine.read(&format!("/sys/class/dmi/id/{file}"))?.unwrap_or_default();
        let value = String::from_utf8_lossy(&value).trim().to_owned();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if value.is_empty() || !value.chars().all(fits) {
            return Err(wrong(format!("the machine has no {name} that can be part of a URL")));
        }
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(WebUrl::new(filled))
}
