//! Chooses the config that the node runs: the one in its user-data, otherwise the last one that an operator has given
//! over the API or that was accepted.
//!
//! An accepted config is stored only after the snapshot of the state was taken ([`keep_accepted`]), since the
//! snapshot must contain the config that the previous generation accepted. That generation uses it if it
//! finds no other config that it can read.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use api::{ConfigFacts, PassedOver};
use config::user_data::{Beside, Part, Seed, parse_seed, parse_text};
use config::{MAX_BYTES, NodeDocuments};
use snapshots::Store;
use userdata::{Found, Machine, Search, Web};

use crate::console;
use crate::trust;
use crate::vouched::vouched;

/// Path of the last accepted config.
const ACCEPTED: &str = "state/config/accepted.yaml";
/// Path of a config that an operator has given over the API, until it is the accepted one.
const GIVEN: &str = "state/config/given.yaml";
/// Its name.
const GIVEN_NAME: &str = "given.yaml";
/// Sources of configs that are kept, in the node's status.
const FROM_API: &str = "api";
const LAST_ACCEPTED: &str = "last-accepted";
/// Printed if there is no config at all.
const NOTHING_FOUND: &str = "no config found";
/// Printed after what was looked for.
const HINT: &str = "hint: attach a volume labelled cidata with the file user-data, or in QEMU: -fw_cfg \
                    name=opt/ironhull/config,file=FILE";

/// A config that can be used.
#[derive(Debug)]
pub struct Accepted<T> {
    /// The documents.
    pub documents: NodeDocuments,
    /// The result of the check.
    pub checked: T,
    /// Where they come from, and errors of a newer config.
    pub facts: ConfigFacts,
    /// The text, if it is not the last accepted one: to be stored for the next boot.
    pub given: Option<String>,
    /// What of it has no effect, a text of several lines each.
    pub warnings: Vec<String>,
}

impl<T> Accepted<T> {
    /// Writes to the log where the config comes from, and which sources have none.
    pub fn log(&self) {
        let facts = &self.facts;
        facts.passed_over.iter().for_each(|p| eprintln!("noded: {}: {}", p.source, p.reason));
        facts.warnings.iter().for_each(|w| eprintln!("noded: warning: {w}"));
        facts.found_at.iter().for_each(|at| eprintln!("noded: the config is {at}"));
        self.warnings.iter().for_each(|warning| console::announce(warning.trim_end()));
    }
}

/// Why there is no config that can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong with those that there are, each a text of one line or several; empty if there are none.
    pub problems: Vec<String>,
    /// The sources of user-data that have none.
    pub passed_over: Vec<PassedOver>,
    /// What the platform says beside user-data.
    pub beside: Box<Beside>,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.is_empty() {
            true => {
                writeln!(f, "{NOTHING_FOUND}")?;
                self.passed_over.iter().try_for_each(|p| writeln!(f, "{}: {}", p.source, p.reason))?;
                f.write_str(HINT)
            }
            false => f.write_str(&self.problems.join("\n")),
        }
    }
}

impl std::error::Error for Unusable {}

/// Unpacks, parses and checks what an operator gives; `beside` is what the platform says.
///
/// # Errors
/// All that is wrong with it, as with user-data.
pub fn given_by_operator<T>(
    bytes: &[u8],
    beside: Beside,
    check: &dyn Fn(&NodeDocuments) -> Result<T>,
) -> Result<Accepted<T>> {
    let user_data = Part { label: "config".to_owned(), bytes: bytes.to_vec() };
    let accepted = accept_seed(&Seed { user_data, beside }, check)?;
    let facts = ConfigFacts { source: Some(FROM_API.into()), ..ConfigFacts::default() };
    Ok(Accepted { facts, ..accepted })
}

/// Returns the name, in the folder `config` of the state, of a config that is given to a node which is installed: the
/// node finds it there as one that an operator has given.
pub const fn given_name() -> &'static str {
    GIVEN_NAME
}

/// Keeps a config that an operator gives, at once: beside the last accepted one, which must not change before it is in a
/// snapshot of the state. It counts more than that one, and is gone when it has become the accepted one.
///
/// # Errors
/// If it can't be written; the one before is unchanged then.
pub fn keep_given(root: &Path, text: &str) -> Result<()> {
    keep(&root.join(GIVEN), text)
}

/// Stores a config for the next boot; a failure is logged. A full disk is no reason to refuse a valid config.
pub fn keep_accepted(text: &str) {
    if let Err(e) = make_accepted(Path::new("/"), text) {
        console::announce(&format!("ironhull: keeping the config as /{ACCEPTED}: {e:#}"));
    }
}

/// Makes a config the accepted one, which leaves no other one given.
fn make_accepted(root: &Path, text: &str) -> Result<()> {
    keep(&root.join(ACCEPTED), text)?;
    let given = root.join(GIVEN);
    match fs::remove_file(&given) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).with_context(|| format!("removing {}", given.display()))
        }
        _ => Ok(()),
    }
}

/// Searches once, on the machine whose file system begins at `root`. If the config in user-data is invalid, the errors
/// are reported and the last one that was given or accepted is used. `check` may refuse a well-formed config, for
/// instance if a key does not match its certificate.
///
/// # Errors
/// [`Unusable`], with what is wrong with each config that there is.
pub fn look<T>(root: &Path, check: &dyn Fn(&NodeDocuments) -> Result<T>) -> Result<Accepted<T>, Unusable> {
    let Searched { search, warnings } = search(root);
    let passed_over = search.as_ref().map(passed_over).unwrap_or_default();
    let beside: Box<Beside> = Box::new(search.as_ref().map(beside).unwrap_or_default());
    let refused = match search {
        Ok(Search { found: None, .. }) => None,
        Err(e) => Some(e.to_string()),
        Ok(Search { found: Some(found), .. }) => match accept(&found, check) {
            Err(e) => Some(format!("{e:#}")),
            Ok(accepted) => {
                let facts = ConfigFacts { passed_over, warnings, ..accepted.facts };
                return Ok(Accepted { facts, ..accepted });
            }
        },
    };
    let mut problems: Vec<String> = refused.iter().cloned().collect();
    for (source, kept) in kept_ones(root) {
        let parsed = read(&kept).and_then(|text| match text {
            Some(text) => parse(&kept.display().to_string(), &text, check).map(|parsed| Some((parsed, text))),
            None => Ok(None),
        });
        match parsed {
            Ok(None) => {}
            Ok(Some(((documents, checked), text))) => {
                if let Some(text) = &refused {
                    console::announce(&format!(
                        "ironhull: the new config is refused, the last good one runs\n{text}"
                    ));
                }
                let errors = problems.iter().flat_map(|t| t.lines()).map(str::to_owned).collect();
                let source = Some(source.to_owned());
                let given = (source.as_deref() == Some(FROM_API)).then_some(text);
                let facts = ConfigFacts { source, errors, warnings, passed_over, ..ConfigFacts::default() };
                return Ok(Accepted { documents, checked, facts, given, warnings: Vec::new() });
            }
            Err(e) => problems.push(format!("{e:#}")),
        }
    }
    // A network that can't be used is told, unless it is what is wrong with the config.
    if let Err(e) = beside.network().map_err(|e| e.to_string())
        && !problems.contains(&e)
    {
        problems.push(e);
    }
    Err(Unusable { problems, passed_over, beside })
}

/// What the sources have that need a network.
#[derive(Debug)]
pub struct Online<T> {
    /// A config that can be used.
    pub accepted: Option<Accepted<T>>,
    /// What is missing or wrong otherwise.
    pub unusable: Unusable,
}

/// Asks the sources that need a network. What they leave out is completed by `beside`, which was found without one.
pub fn look_online<T>(
    root: &Path,
    beside: &Beside,
    check: &dyn Fn(&NodeDocuments) -> Result<T>,
) -> Online<T> {
    let searched = userdata::find_online(&machine(root).with_web(Web::new(trust::of_image())));
    let mut unusable = Unusable::default();
    let search = match searched {
        Ok(search) => search,
        Err(e) => {
            unusable.problems.push(e.to_string());
            return Online { accepted: None, unusable };
        }
    };
    unusable.passed_over = passed_over(&search);
    unusable.beside = Box::new(self::beside(&search));
    let accepted = search.found.and_then(|mut found| {
        found.seed.beside.complete(beside);
        match accept(&found, check) {
            Ok(accepted) => Some(accepted),
            Err(e) => {
                unusable.problems.push(format!("{e:#}"));
                None
            }
        }
    });
    Online { accepted, unusable }
}

/// Returns the host name of the config that is kept, if it has one of its own.
pub fn kept_hostname(root: &Path) -> Option<String> {
    let (_, documents) = kept_config(root)?;
    Some(documents.node.hostname).filter(|name| !name.is_empty() && !config::hostname::is_template(name))
}

/// Returns the first config that is kept and can be read, and its text.
fn kept_config(root: &Path) -> Option<(String, NodeDocuments)> {
    let texts = kept_ones(root).filter_map(|(_, path)| Some((read(&path).ok()??, path)));
    texts.into_iter().find_map(|(text, path)| {
        let documents = parse_text(&path.display().to_string(), &text).ok()?;
        Some((text, documents))
    })
}

/// Returns what the platform says beside user-data, whether there is user-data or not.
fn beside(search: &Search) -> Beside {
    let of_found = search.found.as_ref().map(|found| &found.seed.beside);
    of_found.or(search.beside.as_ref()).cloned().unwrap_or_default()
}

/// The result of a search, and what an operator should know of it although the node goes on.
struct Searched {
    search: Result<Search, userdata::Error>,
    warnings: Vec<String>,
}

/// Searches all sources. On a node that keeps a config, a disk counts only if its user-data can be read and the operator
/// of the kept config vouches for it: others than the operator may be able to attach or write one, a pod among them, and
/// must neither configure the node nor hold up its upgrades. What is wrong with it is a warning then. What a disk without
/// user-data says is filled in where another source has user-data.
fn search(root: &Path) -> Searched {
    let machine = machine(root);
    let mut search = userdata::find(&machine);
    let kept = kept_config(root);
    let mut warnings = search.as_ref().map(|s| s.not_searched.clone()).unwrap_or_default();
    let doubt = match &search {
        Ok(Search { found: Some(found), .. }) if found.on_disk => doubt(kept.as_ref(), found),
        Err(e) if e.is_on_disk() && kept.is_some() => Some(e.to_string()),
        _ => None,
    };
    if let Some(reason) = doubt {
        console::announce(&format!("ironhull: passing over user-data on a disk: {reason}"));
        let source = search.ok().and_then(|s| s.found).map_or("disks", |found| found.source);
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        warnings.insert(0, format!("{source}: {reason}"));
        search = userdata::find_beside_disks(&machine).map(|mut other| {
            other.passed_over.insert(0, userdata::PassedOver { source, reason });
            other
        });
    }
    if let Ok(search) = &mut search {
        // Nobody vouches for what is on a disk without a config: from then on what was accepted stays.
        if let (Some(beside), Some((text, _))) = (&mut search.beside, &kept) {
            *beside = Beside::of_kept(text);
        }
        if let (Some(found), Some(beside)) = (&mut search.found, &search.beside) {
            found.seed.beside.complete(beside);
        }
    }
    Searched { search, warnings }
}

/// Returns why a config on a disk may not be from the operator of the kept one; `None` if it is, or none is kept.
fn doubt(kept: Option<&(String, NodeDocuments)>, found: &Found) -> Option<String> {
    let ((_, kept), label) = (kept?, &found.seed.user_data.label);
    match parse_seed(&found.seed) {
        Ok(new) => {
            let refused = vouched(&kept.node.api, &new.documents.node.api).err()?;
            Some(format!("{label}: {refused:#}"))
        }
        Err(e) => Some(format!("{e:#}")),
    }
}

/// Parses and checks what a source has.
fn accept<T>(found: &Found, check: &dyn Fn(&NodeDocuments) -> Result<T>) -> Result<Accepted<T>> {
    let accepted = accept_seed(&found.seed, check)?;
    let label = found.seed.user_data.label.clone();
    let (source, found_at) = (Some(found.source.to_owned()), Some(label));
    let facts = ConfigFacts { source, found_at, ..ConfigFacts::default() };
    Ok(Accepted { facts, ..accepted })
}

/// Parses and checks a seed, whoever has it.
fn accept_seed<T>(seed: &Seed, check: &dyn Fn(&NodeDocuments) -> Result<T>) -> Result<Accepted<T>> {
    let understood = parse_seed(seed)?;
    let checked =
        check(&understood.documents).with_context(|| format!("checking {}", seed.user_data.label))?;
    let (documents, facts) = (understood.documents, ConfigFacts::default());
    let warnings = understood.warnings;
    Ok(Accepted { documents, checked, facts, given: Some(understood.text), warnings })
}

/// Returns the sources that have nothing, as the status shows them.
fn passed_over(search: &Search) -> Vec<PassedOver> {
    let shown =
        |p: &userdata::PassedOver| PassedOver { source: p.source.to_owned(), reason: p.reason.clone() };
    search.passed_over.iter().map(shown).collect()
}

/// Returns the machine whose file system begins at `root`; only the node's own has a hypervisor.
fn machine(root: &Path) -> Machine {
    if root == Path::new("/") { Machine::here() } else { Machine::at(root) }
}

/// Returns the paths where configs may be kept, each with its source: one that an operator has given, the last accepted
/// one, then those in copies of the state, the newest first.
fn kept_ones(root: &Path) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let store = Store::at(&root.join("state"));
    // What can't be listed can't be read either.
    let copies = store.copies().unwrap_or_default();
    let own = [(FROM_API, root.join(GIVEN)), (LAST_ACCEPTED, root.join(ACCEPTED))];
    own.into_iter().chain(copies.into_iter().map(|copy| (LAST_ACCEPTED, copy.join("config/accepted.yaml"))))
}

/// Parses and checks a text.
fn parse<T>(
    label: &str,
    text: &str,
    check: &dyn Fn(&NodeDocuments) -> Result<T>,
) -> Result<(NodeDocuments, T)> {
    let documents = parse_text(label, text)?;
    let checked = check(&documents).with_context(|| format!("checking {label}"))?;
    Ok((documents, checked))
}

/// Reads a config; `None` if the file does not exist.
fn read(path: &Path) -> Result<Option<String>> {
    let reading = || format!("reading {}", path.display());
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(reading),
    };
    let mut text = String::new();
    file.take(MAX_BYTES as u64 + 1).read_to_string(&mut text).with_context(reading)?;
    ensure!(text.len() <= MAX_BYTES, "reading {}: longer than {MAX_BYTES} bytes", path.display());
    Ok(Some(text))
}

/// Writes a config, which contains a key, atomically and readable only by root; does nothing if it is there
/// already.
fn keep(path: &Path, text: &str) -> Result<()> {
    if read(path)?.is_some_and(|there| there == text) {
        return Ok(());
    }
    let folder = path.parent().context("path has a folder")?;
    fs::DirBuilder::new().recursive(true).create(folder)?;
    Ok(durable::replace(path, text.as_bytes(), 0o600)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const USER_DATA: &str = "sys/firmware/qemu_fw_cfg/by_name/opt/ironhull/config/raw";

    fn good(hostname: &str) -> String {
        let certificate = "-----BEGIN CERTIFICATE-----\n      AAAA\n      -----END CERTIFICATE-----";
        let key = "-----BEGIN PRIVATE KEY-----\n      AAAA\n      -----END PRIVATE KEY-----";
        format!(
            "apiVersion: ironhull.dev/v1\nkind: NodeConfig\nhostname: {hostname}\napi:\n  \
             certificateAuthority: |\n      {certificate}\n  certificate: |\n      {certificate}\n  \
             key: |\n      {key}\n"
        )
    }

    /// A check that refuses one host name.
    fn check(documents: &NodeDocuments) -> Result<()> {
        ensure!(documents.node.hostname != "refused", "this one is refused");
        Ok(())
    }

    fn give(root: &Path, text: &str) {
        let path = root.join(USER_DATA);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Searches once and stores a config from user-data.
    fn boot(root: &Path) -> Result<Accepted<()>> {
        let accepted = look(root, &check)?;
        if let Some(text) = &accepted.given {
            make_accepted(root, text)?;
        }
        Ok(accepted)
    }

    /// Lays out a CD with user-data.
    fn insert(root: &Path, text: &str) {
        insert_all(root, &[("user-data", text)]);
    }

    /// Lays out a CD with files.
    fn insert_all(root: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(root.join("sys/block/sr0")).unwrap();
        fs::create_dir_all(root.join("dev")).unwrap();
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        fs::write(root.join("dev/sr0"), formats::iso9660::write("cidata", &files).unwrap()).unwrap();
    }

    /// A network with this address.
    fn network(address: &str) -> String {
        format!("version: 2\nethernets: {{ eth0: {{ addresses: [{address}] }} }}\n")
    }

    fn address(documents: &NodeDocuments) -> Option<String> {
        documents.node.network.ethernets.get("eth0").map(|link| link.addresses[0].to_string())
    }

    #[test]
    fn a_network_beside_user_data_is_part_of_what_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let nameless = good("a").replace("hostname: a\n", "");
        let (data, meta) = (network("10.0.0.5/24"), "local-hostname: web7\n");
        insert_all(root.path(), &[("user-data", &nameless), ("network-config", &data), ("meta-data", meta)]);
        let first = boot(root.path()).unwrap();
        assert_eq!(address(&first.documents).as_deref(), Some("10.0.0.5/24"));
        assert_eq!(kept_hostname(root.path()).as_deref(), Some("web7"));
        fs::remove_file(root.path().join("dev/sr0")).unwrap();
        let second = boot(root.path()).unwrap();
        assert_eq!(second.documents, first.documents);
        assert_eq!(second.facts.source.as_deref(), Some("last-accepted"));
    }

    #[test]
    fn a_network_without_user_data_counts_until_a_config_is_accepted() {
        let root = tempfile::tempdir().unwrap();
        insert_all(root.path(), &[("network-config", &network("10.0.0.5/24"))]);
        let waiting = look(root.path(), &check).unwrap_err();
        assert!(waiting.problems.is_empty(), "{waiting}");
        assert!(waiting.beside.network().unwrap().unwrap().network.ethernets.contains_key("eth0"));
        give(root.path(), &good("a"));
        assert_eq!(address(&boot(root.path()).unwrap().documents).as_deref(), Some("10.0.0.5/24"));
        // A pod that can write a disk must not move the node.
        insert_all(root.path(), &[("network-config", &network("10.6.6.6/24"))]);
        assert_eq!(address(&boot(root.path()).unwrap().documents).as_deref(), Some("10.0.0.5/24"));
        give(root.path(), &good("a").replace("api:", "network: {}\napi:"));
        assert_eq!(address(&boot(root.path()).unwrap().documents), None);
    }

    #[test]
    fn a_network_that_can_not_be_read_is_told() {
        let root = tempfile::tempdir().unwrap();
        insert_all(root.path(), &[("network-config", "version: 2\nethernets: { eth0: { dchp4: true } }\n")]);
        let told = boot(root.path()).unwrap_err().to_string();
        assert!(told.contains("sr0:network-config:2:22") && told.contains("did you mean dhcp4?"), "{told}");
        insert_all(root.path(), &[("user-data", &good("a")), ("network-config", "version: 3\n")]);
        let told = boot(root.path()).unwrap_err().to_string();
        assert_eq!(told.matches("expected 1 or 2").count(), 1, "{told}");
    }

    #[test]
    fn a_cd_of_another_operator_is_passed_over_once_a_config_is_accepted() {
        let root = tempfile::tempdir().unwrap();
        insert(root.path(), &good("first"));
        assert_eq!(boot(root.path()).unwrap().documents.node.hostname, "first");
        let other = good("other").replacen("AAAA", "BBBB", 1);
        insert(root.path(), &other);
        let second = boot(root.path()).unwrap();
        assert_eq!(second.documents.node.hostname, "first");
        assert!(second.facts.errors.is_empty(), "it is nothing that an upgrade has to wait for");
        assert!(second.facts.passed_over[0].reason.contains("sr0:user-data"), "{:?}", second.facts);
        assert!(second.facts.warnings[0].starts_with("nocloud: sr0:user-data: "), "{:?}", second.facts);
        // A hypervisor owns the machine anyway.
        give(root.path(), &other);
        assert_eq!(boot(root.path()).unwrap().documents.node.hostname, "other");
    }

    /// As a pod can make one that has a volume in blocks.
    #[test]
    fn a_broken_volume_is_a_warning_once_a_config_is_accepted() {
        let root = tempfile::tempdir().unwrap();
        insert(root.path(), "kind: Nonsense\n");
        assert!(boot(root.path()).unwrap_err().to_string().contains("Nonsense"), "there is nothing else");
        insert(root.path(), &good("first"));
        boot(root.path()).unwrap();
        let cd = root.path().join("dev/sr0");
        let whole = fs::read(&cd).unwrap();
        let warned = |what: &str| {
            let facts = boot(root.path()).unwrap().facts;
            assert_eq!((facts.source.as_deref(), facts.errors.len()), (Some(LAST_ACCEPTED), 0), "{facts:?}");
            assert!(facts.warnings.len() == 1 && facts.warnings[0].contains(what), "{facts:?}");
        };
        insert(root.path(), "kind: Nonsense\n");
        warned("Nonsense");
        fs::write(&cd, &whole[..whole.len() - 2048]).unwrap();
        warned("reading user-data on volume");
        // What a hypervisor gives is the owner's, and an error as before.
        give(root.path(), "kind: Nonsense\n");
        assert!(!boot(root.path()).unwrap().facts.errors.is_empty());
    }

    #[test]
    fn keeps_what_it_accepts_and_falls_back_to_it() {
        let root = tempfile::tempdir().unwrap();
        give(root.path(), &good("a"));
        let first = boot(root.path()).unwrap();
        assert_eq!(first.documents.node.hostname, "a");
        assert!(first.facts.errors.is_empty());
        assert_eq!(first.facts.found_at.as_deref(), Some("opt/ironhull/config"));
        assert_eq!(first.facts.passed_over[0].source, "nocloud");
        let mode = fs::metadata(root.path().join(ACCEPTED)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        give(root.path(), "kind: Nonsense\n");
        let second = boot(root.path()).unwrap();
        assert_eq!(second.documents.node.hostname, "a");
        assert_eq!(second.facts.source.as_deref(), Some("last-accepted"));
        assert!(!second.facts.errors.is_empty());
        give(root.path(), &good("refused"));
        let third = boot(root.path()).unwrap();
        assert_eq!(third.documents.node.hostname, "a");
        assert!(third.facts.errors[0].contains("this one is refused"));
        fs::remove_file(root.path().join(USER_DATA)).unwrap();
        assert!(boot(root.path()).unwrap().facts.errors.is_empty());
        give(root.path(), &good("b"));
        assert_eq!(boot(root.path()).unwrap().documents.node.hostname, "b");
    }

    #[test]
    fn what_an_operator_gives_outlives_a_power_cut_and_becomes_the_accepted_one() {
        let root = tempfile::tempdir().unwrap();
        keep(&root.path().join(ACCEPTED), "of: the future\n").unwrap();
        assert!(
            given_by_operator(good("refused").as_bytes(), Beside::default(), &check)
                .unwrap_err()
                .to_string()
                .contains("checking config")
        );
        let given = given_by_operator(good("a").as_bytes(), Beside::default(), &check).unwrap();
        assert_eq!(given.facts.source.as_deref(), Some("api"));
        keep_given(root.path(), &good("a")).unwrap();
        let kept = || fs::read_to_string(root.path().join(ACCEPTED)).unwrap();
        assert_eq!(kept(), "of: the future\n", "a snapshot needs it as it was");
        // Before the state is prepared: the node begins again, as after a power cut.
        let again = look(root.path(), &check).unwrap();
        assert_eq!((again.facts.source.as_deref(), again.facts.errors.len()), (Some("api"), 0));
        boot(root.path()).unwrap();
        assert_eq!((kept(), root.path().join(GIVEN).exists()), (good("a"), false));
        assert_eq!(boot(root.path()).unwrap().facts.source.as_deref(), Some("last-accepted"));
        // User-data that comes later counts more, and nothing older comes back.
        keep_given(root.path(), &good("b")).unwrap();
        give(root.path(), &good("c"));
        assert_eq!(boot(root.path()).unwrap().documents.node.hostname, "c");
        fs::remove_file(root.path().join(USER_DATA)).unwrap();
        assert_eq!(boot(root.path()).unwrap().documents.node.hostname, "c");
    }

    /// A newer generation has accepted a config that this one can't read, and has failed.
    #[test]
    fn what_a_snapshot_holds_is_better_than_nothing() {
        let root = tempfile::tempdir().unwrap();
        let copies = [("g9-1", "copy", "old"), ("g8-2", "copy", "new"), ("g11-3", "aside", "aside")];
        for (number, (id, kind, hostname)) in (1..).zip(copies) {
            let folder = root.path().join("state/snapshots").join(id);
            keep(&folder.join("config/accepted.yaml"), &good(hostname)).unwrap();
            let facts = format!(
                r#"{{"generation":1,"versions":{{}},"kind":"{kind}","number":{number},"directories":["config"]}}"#
            );
            fs::write(folder.join("versions.json"), facts).unwrap();
        }
        keep(&root.path().join(ACCEPTED), "of: the future\n").unwrap();
        give(root.path(), "of: the future\n");
        let accepted = boot(root.path()).unwrap();
        assert_eq!(accepted.documents.node.hostname, "new");
        assert!(!accepted.facts.errors.is_empty());
    }

    #[test]
    fn the_name_for_an_installation_is_that_of_the_file() {
        assert_eq!(GIVEN, format!("state/config/{}", given_name()));
    }

    #[test]
    fn says_what_is_missing_or_wrong() {
        let root = tempfile::tempdir().unwrap();
        let error = boot(root.path()).unwrap_err().to_string();
        assert!(error.starts_with("no config found\nnocloud: there is no disk\n"), "{error}");
        assert!(error.contains("\nqemu-fw-cfg: there is no entry opt/ironhull/config\n"), "{error}");
        give(root.path(), "kind: Nonsense\n");
        let error = boot(root.path()).unwrap_err().to_string();
        assert!(error.contains("Nonsense"), "{error}");
        assert!(!root.path().join(ACCEPTED).exists());
    }
}
