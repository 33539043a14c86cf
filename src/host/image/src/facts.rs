//! The facts that an image states about itself: `os-release(5)` and `image.json`. Pure.

use std::collections::BTreeMap;

use config::{Architecture, ImageProfile, Slots};
use imagefacts::{DiskSizes, ImageFacts, StateVersions};

/// Version of Ironhull: the version of the program that builds the image, and of the image's init and noded.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version that an image writes of each kind of persistent state except Kubernetes objects, and the
/// oldest that it reads. For etcd it is the minor version, 307 for 3.7; etcd reads the storage of the
/// previous one.
const STATE: [(&str, StateVersions); 3] = [
    ("etcd", StateVersions { writes: 307, reads: 306 }),
    ("ironhull", StateVersions { writes: 2, reads: 1 }),
    ("kine", StateVersions { writes: 1, reads: 1 }),
];

/// Returns the facts of an image of `profile`; `build_time` is the date of its newest input in seconds since
/// 1970, `container_images` are the references of those in it.
#[must_use]
pub fn of(profile: &ImageProfile, build_time: u64, container_images: Vec<String>) -> ImageFacts {
    ImageFacts {
        name: profile.name.clone(),
        version: version(profile).to_owned(),
        role: profile.role.name().to_owned(),
        architecture: architecture(profile.architecture).to_owned(),
        kubernetes: profile.kubernetes.version.clone(),
        build_time,
        epoch: profile.epoch,
        state: state(&profile.kubernetes.version),
        container_images,
        disk: Some(sizes(profile.slots)),
    }
}

/// Returns the partitions of a disk that the image is installed to.
fn sizes(slots: Slots) -> DiskSizes {
    let Slots { root_mib, kernel_mib, state_mib, data_mib } = slots;
    DiskSizes { root_mib, kernel_mib, state_mib, data_mib }
}

/// Returns `image.json`.
#[must_use]
pub fn json(facts: &ImageFacts) -> String {
    let text = serde_json::to_string_pretty(facts).expect("facts are plain data with text keys");
    text + "\n"
}

/// Returns `os-release`. The version of the image is quoted, since a shell expands a leading `~`.
#[must_use]
pub fn os_release(facts: &ImageFacts) -> String {
    let ImageFacts { name, version, role, kubernetes, .. } = facts;
    format!(
        "NAME=Ironhull\nID=ironhull\n\
         PRETTY_NAME=\"Ironhull {VERSION} ({name} {version}, Kubernetes {kubernetes})\"\n\
         VERSION_ID={VERSION}\nIMAGE_ID={name}\nIMAGE_VERSION=\"{version}\"\nVARIANT_ID={role}\n"
    )
}

/// Returns the version of an image of `profile`; by default Ironhull's.
#[must_use]
pub fn version(profile: &ImageProfile) -> &str {
    profile.version.as_deref().unwrap_or(VERSION)
}

/// Returns the versions of the persistent state with this Kubernetes, which is identified by its minor
/// version and reads what the previous one wrote.
fn state(kubernetes: &str) -> BTreeMap<String, StateVersions> {
    let minor = kubernetes.split('.').nth(1).and_then(|m| m.parse::<u32>().ok());
    let kubernetes =
        minor.map(|writes| ("kubernetes", StateVersions { writes, reads: writes.saturating_sub(1) }));
    STATE.into_iter().chain(kubernetes).map(|(name, versions)| (name.to_owned(), versions)).collect()
}

/// Returns an architecture's name in Debian and OCI.
#[must_use]
pub fn architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "amd64",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;

    pub(crate) fn facts() -> ImageFacts {
        ImageFacts {
            name: "single".into(),
            version: "0.1.0".into(),
            role: "single".into(),
            architecture: "amd64".into(),
            kubernetes: "1.36.3".into(),
            build_time: 1_790_000_000,
            epoch: 3,
            state: state("1.36.3"),
            container_images: vec!["ironhull.local/pause:1".into()],
            disk: None,
        }
    }

    #[test]
    fn the_node_reads_these_names() {
        let json: serde_json::Value = serde_json::from_str(&json(&facts())).unwrap();
        assert_eq!(json["buildTime"], 1_790_000_000);
        assert_eq!(json["kubernetes"], "1.36.3");
        assert_eq!(json["epoch"], 3);
        let state = serde_json::json!({
            "etcd": { "writes": 307, "reads": 306 },
            "ironhull": { "writes": 2, "reads": 1 },
            "kine": { "writes": 1, "reads": 1 },
            "kubernetes": { "writes": 36, "reads": 35 },
        });
        assert_eq!(json["state"], state);
    }

    /// The kine whose schema has the version in `STATE`.
    const SEEN_KINE: &str = "v0.16.4";

    /// Returns the version of `module` that the component `name` pins.
    fn pinned(name: &str, module: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../rootfs/components")
            .join(name)
            .join("go.mod");
        let text = std::fs::read_to_string(&path).unwrap();
        let words = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
        let found = words.filter_map(|w| match w.as_slice() {
            [found, version, ..] | ["require", found, version] if *found == module => {
                Some((*version).to_owned())
            }
            _ => None,
        });
        let found: Vec<String> = found.collect();
        assert_eq!(found.len(), 1, "{module} in {}", path.display());
        found[0].clone()
    }

    /// A store that writes another version without saying so would make the node restore, or not copy, its data wrongly.
    #[test]
    fn the_versions_of_the_stores_are_those_of_their_components() {
        let of = |name: &str| STATE.iter().find(|(n, _)| *n == name).unwrap().1;
        let etcd = pinned("etcd", "go.etcd.io/etcd/server/v3");
        let numbers: Vec<u32> =
            etcd.trim_start_matches('v').split('.').map_while(|n| n.parse().ok()).collect();
        let [major, minor, ..] = numbers.as_slice() else { panic!("{etcd}") };
        let writes = major * 100 + minor;
        let expected = StateVersions { writes, reads: writes - 1 };
        assert_eq!(of("etcd"), expected, "go.mod has etcd {etcd}: 3.7 is 307, and reads the storage of 3.6");
        // kine has no number for its schema. Whoever updates it looks whether the schema has changed (in
        // `pkg/drivers/sqlite`), raises the version in `STATE` if so, and says here which kine was looked at.
        assert_eq!(pinned("kine", "github.com/k3s-io/kine"), SEEN_KINE, "look at kine's schema");
        assert_eq!(of("kine"), StateVersions { writes: 1, reads: 1 });
    }

    #[test]
    fn an_image_has_version_and_epoch_of_its_profile() {
        let profile = |more: &str| {
            let text = "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: x\nrole: single\n\
                        kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n";
            config::parse_profile("x.yaml", &format!("{text}{more}")).unwrap()
        };
        let found = |more: &str| {
            let facts = of(&profile(more), 0, Vec::new());
            (facts.version, facts.epoch)
        };
        assert_eq!(found(""), (VERSION.to_owned(), 0));
        assert_eq!(found("version: 2026.11.a\nepoch: 4294967295\n"), ("2026.11.a".to_owned(), u32::MAX));
    }

    #[test]
    fn an_older_image_says_nothing_of_epoch_and_state() {
        let older = r#"{"name":"single","version":"0.1.0","role":"single","architecture":"amd64",
            "kubernetes":"1.36.3","buildTime":1790000000}"#;
        let expected =
            ImageFacts { epoch: 0, state: BTreeMap::new(), container_images: Vec::new(), ..facts() };
        assert_eq!(serde_json::from_str::<ImageFacts>(older).unwrap(), expected);
    }

    #[test]
    fn os_release_names_image_and_versions() {
        let facts = ImageFacts { version: "~2026.11+5".into(), ..facts() };
        let expected = format!(
            "NAME=Ironhull\nID=ironhull\n\
             PRETTY_NAME=\"Ironhull {VERSION} (single ~2026.11+5, Kubernetes 1.36.3)\"\n\
             VERSION_ID={VERSION}\nIMAGE_ID=single\nIMAGE_VERSION=\"~2026.11+5\"\nVARIANT_ID=single\n"
        );
        assert_eq!(os_release(&facts), expected);
    }
}
