//! Container images that an image of the operating system contains: their references, and which ones a cluster's own
//! manifests need. The builder refuses to leave one of those out, and the node takes references from here only: the
//! registry of these images does not exist, so nothing could be pulled.

/// The registry in their references.
const REGISTRY: &str = "ironhull.local";

/// Names of the container images that the manifests of a cluster can name, besides that of the pods' sandbox.
pub const OF_MANIFESTS: [&str; 1] = ["coredns"];

/// Returns the reference of an image.
#[must_use]
pub fn reference(name: &str, version: &str) -> String {
    format!("{REGISTRY}/{name}:{version}")
}

/// Returns the reference of the image `name` among `references`, whatever its version.
#[must_use]
pub fn image_named<'a>(references: &'a [String], name: &str) -> Option<&'a str> {
    let has_name = |reference: &str| {
        let image = reference.strip_prefix(REGISTRY).and_then(|r| r.strip_prefix('/'));
        image.and_then(|i| i.split_once(':')).is_some_and(|(found, _)| found == name)
    };
    references.iter().map(String::as_str).find(|r| has_name(r))
}

/// Returns the names in [`OF_MANIFESTS`] that are not among `references`.
#[must_use]
pub fn missing(references: &[String]) -> Vec<&'static str> {
    OF_MANIFESTS.into_iter().filter(|name| image_named(references, name).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_found_by_its_whole_name() {
        let all = [reference("pause", "1"), reference("coredns", "1.14.7")];
        assert_eq!(image_named(&all, "coredns"), Some("ironhull.local/coredns:1.14.7"));
        for absent in ["core", "coredns:1", "dns", "", "ironhull.local/pause"] {
            assert_eq!(image_named(&all, absent), None, "{absent}");
        }
        let foreign = ["docker.io/coredns:1".to_owned(), "ironhull.localcoredns:1".to_owned()];
        assert_eq!(missing(&foreign), ["coredns"]);
        assert_eq!(missing(&all), Vec::<&str>::new());
    }
}
