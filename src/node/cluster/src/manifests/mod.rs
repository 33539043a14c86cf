//! Kubernetes objects that are applied once the API server is ready.

mod access;
mod calico;
mod dns;
mod join;

use config::NetworkProvider;
use serde_json::Value;

use crate::duties::Duties;
use crate::error::Error;
use crate::facts::Facts;

/// The image of every pod's sandbox, which the root contains.
pub const PAUSE_IMAGE: &str = "ironhull.local/pause:1";

/// Manifests that other nodes wait for. They use no definition, so they need not wait for any.
pub const AWAITED: [&str; 2] = ["ironhull-access", "ironhull-join"];

/// A named list of objects, applied in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Name in messages.
    pub name: String,
    /// Kubernetes objects.
    pub objects: Vec<Value>,
}

/// Returns all manifests of a cluster: our permissions, the network, those of `spec.extensions.manifests`, our add-ons.
/// Add-ons come last, since their pods are larger than a first pod, which would wait for the processor.
///
/// # Errors
/// [`Error::NoContainerImage`] if the node's image lacks one of an add-on, [`Error::Manifest`] if one of the config
/// can't be parsed.
pub(crate) fn all(duties: Duties, facts: &Facts) -> Result<Vec<Manifest>, Error> {
    let spec = &facts.cluster.spec;
    let ours = |name: &str, objects| Manifest { name: format!("ironhull-{name}"), objects };
    let theirs = spec.extensions.manifests.iter().map(theirs).collect::<Result<Vec<_>, _>>()?;
    // With more nodes than one, the cluster's names outlive the loss of any.
    let replicas = if duties.workloads { 1 } else { 2 };
    let dns = dns::objects(&spec.network, image(facts, "coredns")?, replicas);
    let mut all = vec![ours("access", access::objects()), ours("join", join::objects(facts.cluster))];
    // Before all pods that need the network.
    if spec.network.provider == NetworkProvider::Calico {
        all.push(ours("calico", calico::objects(&spec.network)));
    }
    all.extend(theirs);
    all.push(ours("dns", dns));
    Ok(all)
}

/// Returns a manifest of the config. The config's parser has already refused an invalid one, and this does again: an empty
/// one would have its objects removed.
fn theirs(manifest: &config::Manifest) -> Result<Manifest, Error> {
    let config::Manifest { name, manifest } = manifest;
    let objects = config::manifest_objects(name, manifest)
        .map_err(|e| Error::Manifest { name: name.clone(), reason: e.to_string() })?;
    Ok(Manifest { name: name.clone(), objects })
}

/// Returns the reference of a container image in the node's image.
fn image<'a>(facts: &Facts<'a>, name: &'static str) -> Result<&'a str, Error> {
    imagefacts::image_named(facts.container_images, name).ok_or(Error::NoContainerImage { name })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::facts::fixture::{facts, node};
    use config::{ClusterConfig, Role};

    /// Returns all images that an object names.
    fn images(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| match value.as_str() {
                Some(text) if key == "image" => drop(found.insert(text.to_owned())),
                _ => images(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| images(item, found)),
            _ => {}
        }
    }

    #[test]
    fn ours_come_first_and_add_ons_last() {
        let (node, mut cluster) = (node(), ClusterConfig::default());
        let manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n".to_owned();
        cluster.spec.extensions.manifests = vec![config::Manifest { name: "mine".into(), manifest }];
        let found = all(Duties::of(Role::Single), &facts(&node, &cluster)).unwrap();
        let names: Vec<&str> = found.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["ironhull-access", "ironhull-join", "mine", "ironhull-dns"]);
        assert_eq!(names[..AWAITED.len()], AWAITED);
        assert_eq!(found[2].objects[0]["metadata"]["name"], "a");
        let bound: Vec<&Value> = found[0].objects.iter().map(|o| &o["roleRef"]["name"]).collect();
        assert_eq!(bound, ["system:kubelet-api-admin", "cluster-admin"]);
    }

    /// The builder checks an image against the same list.
    #[test]
    fn the_images_of_our_manifests_are_those_that_every_image_must_contain() {
        let (node, cluster) = (node(), ClusterConfig::default());
        let mut facts = facts(&node, &cluster);
        let all_images: Vec<String> =
            imagefacts::OF_MANIFESTS.iter().map(|name| imagefacts::reference(name, "7")).collect();
        facts.container_images = &all_images;
        let mut named = BTreeSet::new();
        for manifest in all(Duties::of(Role::Single), &facts).unwrap() {
            manifest.objects.iter().for_each(|object| images(object, &mut named));
        }
        assert_eq!(named, all_images.iter().cloned().collect());
        facts.container_images = &[];
        let error = all(Duties::of(Role::Single), &facts).unwrap_err().to_string();
        assert!(error.contains("no container image coredns"), "{error}");
    }
}
