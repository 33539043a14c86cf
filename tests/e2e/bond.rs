//! Bonds and virtual LANs are made as configured, and go with the config. In a guest of our own kernel, since the one
//! that the tests run on often has neither.

use std::path::Path;

use e2e::guest;
use e2e::lab::Lab;

/// The test.
pub fn show(lab: &mut Lab) {
    let ports = ["first", "second"].map(|port| {
        [
            "-netdev",
            &format!("hubport,id={port},hubid=0"),
            "-device",
            &format!("virtio-net-pci,netdev={port}"),
        ]
        .map(str::to_owned)
    });
    let text = guest::run(lab.dir(), Path::new(env!("CARGO_BIN_EXE_bonder")), &ports.concat());
    assert!(text.contains("BOND-DONE"), "{text}");
    let has = |stage: &str, line: &str| text.lines().any(|l| l.strip_prefix(stage) == Some(line));
    for line in [
        " addresses: 10.5.0.5/24",
        " mode: active-backup 1",
        " miimon: 100",
        " slaves: eth0 eth1",
        " vlan: lan5 5 bond0",
    ] {
        assert!(has("made", line), "no line {line:?} in:\n{text}");
    }
    assert!(has("gone", " links: bonding_masters eth0 eth1"), "{text}");
    assert!(has("gone", " eth0/master: none"), "{text}");
}
