//! The same image takes its config from a URL in the serial number, and from the metadata service of the platform that
//! the firmware names. QEMU's own address on the link is that of the services, with a server of this host behind it.
//!
//! Each needs a boot of its own, so a run takes two of them, other ones with each commit; `IRONHULL_PLATFORMS` sets how
//! many.

use std::fs;
use std::path::Path;

use e2e::bare::{Machine, Setting, ironhull};
use e2e::lab::Lab;
use e2e::node::wait;
use e2e::seed::Random;
use e2e::{image, setting, web_server};

/// Number of platforms, unless the environment sets it.
const TAKEN: usize = 2;
/// A link on which the host is where metadata services are.
const LINK: &str = ",net=169.254.169.0/24,host=169.254.169.254,dns=169.254.169.3,dhcpstart=169.254.169.15";
/// A platform: its name, what its firmware says, and its requests.
type Platform = (&'static str, &'static [&'static str], &'static [Wanted]);
/// A request and the header that it must have; the first of a platform is for the user-data, the second for the host name,
/// the third for a token.
type Wanted = (&'static str, &'static str);
/// All of them.
const PLATFORMS: &[Platform] = &[
    (
        "ec2",
        &["type=1,manufacturer=Amazon EC2,product=t3.micro"],
        &[
            ("GET /latest/user-data", "x-aws-ec2-metadata-token: s3cret"),
            ("GET /latest/meta-data/local-hostname", "x-aws-ec2-metadata-token: s3cret"),
            ("PUT /latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds: 300"),
        ],
    ),
    (
        "openstack",
        &["type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova"],
        &[("GET /openstack/latest/user_data", ""), ("GET /openstack/latest/meta_data.json", "")],
    ),
    (
        "gce",
        &["type=1,manufacturer=Google,product=Google Compute Engine"],
        &[
            ("GET /computeMetadata/v1/instance/attributes/user-data", "metadata-flavor: google"),
            ("GET /computeMetadata/v1/instance/hostname", "metadata-flavor: google"),
        ],
    ),
    (
        "azure",
        &[
            "type=1,manufacturer=Microsoft Corporation,product=Virtual Machine",
            "type=3,asset=7783-7084-3265-9085-8269-3286-77",
        ],
        &[
            ("GET /metadata/instance/compute/userData?api-version=2021-01-01&format=text", "metadata: true"),
            ("GET /metadata/instance/compute/name?api-version=2021-01-01&format=text", "metadata: true"),
        ],
    ),
    (
        "nocloud-url",
        &["type=1,serial=ds=nocloud;s=http://169.254.169.254/seed/"],
        &[("GET /seed/user-data", ""), ("GET /seed/meta-data", "")],
    ),
];

/// The test.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let dir = lab.dir().join("metadata");
    fs::create_dir_all(&dir).unwrap();
    let me = dir.join("me").display().to_string();
    assert!(ironhull(&["config", "init", &me]).status.success());
    let config = fs::read_to_string(dir.join("me/node.yaml")).unwrap();
    let config = config.replace("hostname: \"node-1\"\n", "");
    let answer = move |request: &web_server::Request| {
        let requests = PLATFORMS
            .iter()
            .flat_map(|(name, _, requests)| requests.iter().enumerate().map(move |r| (name, r)));
        let asked = |(_, (_, (line, header))): &(&&str, (usize, &(&str, &str)))| {
            *line == request.line && (header.is_empty() || request.has(header))
        };
        let (name, (kind, _)) = requests.into_iter().find(asked)?;
        Some(match (kind, *name) {
            (0, "azure") => data_encoding::BASE64.encode(config.as_bytes()),
            (0, _) => config.clone(),
            (1, "openstack") => r#"{"hostname": "node-openstack.novalocal"}"#.to_owned(),
            (1, "nocloud-url") => "instance-id: i\nlocal-hostname: node-nocloud-url\n".to_owned(),
            (1, name) => format!("node-{name}.internal"),
            _ => "s3cret".to_owned(),
        })
    };
    if web_server::start(80, answer).is_none() {
        return;
    }
    let taken = setting::number("IRONHULL_PLATFORMS", TAKEN).min(PLATFORMS.len());
    let first = Random::of("platforms").index(PLATFORMS.len());
    for (name, firmware, _) in PLATFORMS.iter().cycle().skip(first).take(taken) {
        println!("     {name}");
        configured(&dir, name, firmware);
    }
}

/// Boots a machine of a platform until it has its config.
fn configured(dir: &Path, name: &str, firmware: &[&str]) {
    let disk = dir.join("disk.qcow2");
    image::overlay((&image::qcow2(), "qcow2"), &disk);
    let devices: Vec<String> =
        firmware.iter().flat_map(|strings| ["-smbios".to_owned(), (*strings).to_owned()]).collect();
    let machine = Machine::start(dir, &Setting { network: LINK, devices: &devices, ..Setting::default() });
    wait("the node has its config", || machine.has("ConfigAccepted"));
    let status = machine.status();
    assert_eq!(
        (&status["config"]["source"], &status["nodeName"]),
        (&name.into(), &format!("node-{name}").into()),
        "{status}"
    );
    assert!(!machine.serial().contains("s3cret"));
    drop(machine);
    fs::remove_file(disk).unwrap();
}
