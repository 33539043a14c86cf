//! What a node in maintenance says on its console. Pure.

use api::{ImageFacts, MaintenanceReason, PairingCode};
use net::NetworkState;

/// What there is to say.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The product and its version.
    pub image: &'a ImageFacts,
    /// Why the node does not take its role.
    pub reason: MaintenanceReason,
    /// What is wrong, in full.
    pub problem: &'a str,
    /// The network; `None` if it could not be started.
    pub network: Option<&'a NetworkState>,
    /// The code; `None` if nothing is served, or whoever reads this may not know it.
    pub code: Option<PairingCode>,
    /// The installation medium that it runs from.
    pub medium: Option<&'a str>,
}

/// Writes it, without a line end after the last line.
pub fn text(said: &Said<'_>) -> String {
    let Said { image, reason, problem, network, code, medium } = said;
    let waits = match reason {
        MaintenanceReason::NoConfig | MaintenanceReason::ConfigRefused => "waits for a config",
        MaintenanceReason::Installing => "is busy",
        _ => "waits for an operator",
    };
    let mut lines = vec![format!("ironhull: {} {} {waits}: {}", image.name, image.version, reason.text())];
    if let Some(medium) = medium {
        lines.push(format!("it runs from the installation medium {medium}, in memory"));
    }
    lines.extend(problem.lines().map(str::to_owned));
    let addresses: Vec<String> =
        network.iter().flat_map(|n| &n.addresses).map(|a| a.address().to_string()).collect();
    lines.push(format!(
        "addresses:    {}",
        if addresses.is_empty() { none(*network) } else { addresses.join(", ") }
    ));
    if let Some(code) = code {
        let address = addresses.first().map_or("ADDRESS", String::as_str);
        lines.push(format!("pairing code: {code}"));
        let order = match reason {
            MaintenanceReason::NoConfig | MaintenanceReason::ConfigRefused => Some("apply node.yaml"),
            MaintenanceReason::StateUnusable => Some("state"),
            _ => None,
        };
        if let Some(order) = order {
            lines.push(format!("hint: ironhull node {address} {order} --code {code}"));
        }
        if medium.is_some() && *reason != MaintenanceReason::Installing {
            let order = "install --disk /dev/DISK --config node.yaml";
            lines.push(format!("hint: ironhull node {address} {order} --code {code}"));
        }
    }
    lines.join("\n")
}

/// Says why there is no address.
fn none(network: Option<&NetworkState>) -> String {
    let why = match network {
        None => "the network could not be started".to_owned(),
        Some(state) if !state.problems.is_empty() => state.problems.join("; "),
        Some(state) => state.remarks.iter().chain(&state.waits).cloned().collect::<Vec<_>>().join("; "),
    };
    if why.is_empty() { "none yet".to_owned() } else { format!("none yet ({why})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ImageFacts {
        ImageFacts { name: "single".into(), version: "0.1.0".into(), ..ImageFacts::default() }
    }

    #[test]
    fn everything_that_an_operator_needs_is_said() {
        let state = NetworkState {
            addresses: ["10.0.2.15/24", "192.0.2.7/32"].map(|a| a.parse().unwrap()).into(),
            ..NetworkState::default()
        };
        let code: PairingCode = "WERC-8GMR-ZGE1-0005-00ZZ".parse().unwrap();
        let image = image();
        let said = Said {
            image: &image,
            reason: MaintenanceReason::NoConfig,
            problem: "no config found",
            network: Some(&state),
            code: Some(code),
            medium: None,
        };
        let expected = "\
ironhull: single 0.1.0 waits for a config: it has no config
no config found
addresses:    10.0.2.15, 192.0.2.7
pairing code: WERC-8GMR-ZGE1-0005-00ZZ
hint: ironhull node 10.0.2.15 apply node.yaml --code WERC-8GMR-ZGE1-0005-00ZZ";
        assert_eq!(text(&said), expected);
        let log = text(&Said { code: None, ..said });
        assert!(!log.contains("ZGE1") && log.contains("10.0.2.15"), "{log}");
        let damaged =
            text(&Said { reason: MaintenanceReason::StateUnusable, problem: "bad superblock", ..said });
        let live = text(&Said { medium: Some("sr0"), ..said });
        assert!(
            live.contains("\nit runs from the installation medium sr0, in memory\nno config found\n"),
            "{live}"
        );
        assert!(
            live.ends_with("install --disk /dev/DISK --config node.yaml --code WERC-8GMR-ZGE1-0005-00ZZ")
        );
        let busy = text(&Said { medium: Some("sr0"), reason: MaintenanceReason::Installing, ..said });
        assert!(busy.contains("is busy: it is being installed") && !busy.contains("hint"), "{busy}");
        assert!(damaged.contains("waits for an operator: its state partition") && !damaged.contains("apply"));
        assert!(damaged.ends_with("hint: ironhull node 10.0.2.15 state --code WERC-8GMR-ZGE1-0005-00ZZ"));
    }

    #[test]
    fn a_node_without_an_address_says_why() {
        let image = image();
        let of = |network: Option<&NetworkState>| {
            let reason = MaintenanceReason::ConfigRefused;
            let said = Said { image: &image, reason, problem: "a\nb", network, code: None, medium: None };
            text(&said).lines().last().unwrap().to_owned()
        };
        assert_eq!(of(None), "addresses:    none yet (the network could not be started)");
        let mut state = NetworkState::default();
        assert_eq!(of(Some(&state)), "addresses:    none yet");
        state.remarks.push("link eth0: no carrier".into());
        assert_eq!(of(Some(&state)), "addresses:    none yet (link eth0: no carrier)");
        state.problems.push("link eth0: refused".into());
        assert_eq!(of(Some(&state)), "addresses:    none yet (link eth0: refused)");
    }
}
