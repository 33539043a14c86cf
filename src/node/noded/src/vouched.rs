//! Whether the operator of the accepted config vouches for another one.
//!
//! Whoever can write a disk of the machine can put a volume with user-data on it: a pod can, if it gets a block device.
//! So a node that has accepted a config takes one from a disk only from the same operator: it names the same authority,
//! and the certificate in it, whose key it holds, is issued by that authority. What a hypervisor or firmware passes on is
//! not judged, since those own the machine anyway.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use config::NodeApi;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};

use crate::serve::certificates;

/// Checks that the operator of `accepted` vouches for `new`, whose key is known to belong to its certificate.
///
/// # Errors
/// If `new` names another authority, its certificate is not of that authority, or one of them can't be read; with a hint.
pub fn vouched(accepted: &NodeApi, new: &NodeApi) -> Result<()> {
    check(accepted, new).context(
        "a config on a disk must come from the operator of the accepted one\nhint: to give the node to another operator, \
         write its image again",
    )
}

fn check(accepted: &NodeApi, new: &NodeApi) -> Result<()> {
    let authorities = certificates(&accepted.certificate_authority)?;
    ensure!(
        certificates(&new.certificate_authority)? == authorities,
        "api.certificateAuthority is not that of the accepted config"
    );
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).context("reading api.certificateAuthority")?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build()?;
    let chain = certificates(&new.certificate)?;
    let (own, rest) = chain.split_first().context("reading api.certificate")?;
    // The clock may be wrong, and is judged elsewhere: here it counts who has issued the certificate.
    let begins = cluster::validities_secs(&new.certificate)
        .into_iter()
        .chain(cluster::validities_secs(&new.certificate_authority))
        .map(|(from, _)| from)
        .max();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(begins.unwrap_or_default()));
    let name = ServerName::try_from(api::SERVER_NAME).context("the node's name")?;
    verifier
        .verify_server_cert(own, rest, &name, &[], now)
        .context("api.certificate is not issued by the authority of the accepted config")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use certs::{Authority, Clock, Key, Leaf, Subject, Usage};

    fn subject(common_name: &str) -> Subject<'_> {
        Subject { common_name, organization: None }
    }

    /// An operator's authority and its certificate.
    fn operator() -> (Authority, String) {
        let authority = Authority::new(subject("operator"), Key::generate().unwrap());
        let certificate = authority.certificate(Clock::new(1_790_000_000), 2_000_000_000).unwrap();
        (authority, certificate)
    }

    fn api((authority, certificate): &(Authority, String), names: &str) -> NodeApi {
        let leaf = Leaf {
            subject: subject("node"),
            usage: Usage::Server,
            names: &[names.to_owned()],
            not_after_secs: 1_900_000_000,
        };
        let issued = authority.issue(&leaf, Clock::new(1_790_000_000)).unwrap();
        NodeApi {
            certificate_authority: certificate.clone(),
            certificate: issued.certificate,
            key: config::Secret::new(issued.key),
            port: 9443,
        }
    }

    #[test]
    fn a_new_certificate_of_the_same_operator_is_vouched_for() {
        let ours = operator();
        vouched(&api(&ours, api::SERVER_NAME), &api(&ours, api::SERVER_NAME)).unwrap();
    }

    #[test]
    fn another_operator_is_not_even_under_our_authority() {
        let (ours, other) = (operator(), operator());
        let accepted = api(&ours, api::SERVER_NAME);
        let told = |new: &NodeApi| format!("{:#}", vouched(&accepted, new).unwrap_err());
        let text = told(&api(&other, api::SERVER_NAME));
        assert!(text.contains("hint: ") && text.contains("is not that of the accepted config"), "{text}");
        let posing = NodeApi { certificate_authority: ours.1.clone(), ..api(&other, api::SERVER_NAME) };
        assert!(told(&posing).contains("not issued by the authority"), "{}", told(&posing));
        assert!(
            told(&api(&ours, "other.example")).contains("api.certificate"),
            "another kind of certificate"
        );
    }

    #[test]
    fn what_can_not_be_read_is_not_vouched_for() {
        let ours = operator();
        let accepted = api(&ours, api::SERVER_NAME);
        for broken in [
            NodeApi { certificate_authority: "none".into(), ..accepted.clone() },
            NodeApi { certificate: String::new(), ..accepted.clone() },
        ] {
            vouched(&accepted, &broken).unwrap_err();
        }
    }
}
