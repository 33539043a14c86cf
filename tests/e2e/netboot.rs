//! A machine without a disk starts over the network, beside the segment's own DHCP server: its firmware loads the image by
//! PXE or by HTTP, as the seed says, and the node waits for a config as from any other medium.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use e2e::bare::{CODE, last_code};
use e2e::lab::Lab;
use e2e::pc::{self, Running};
use e2e::seed::Random;
use e2e::segment::{BRIDGE, LENT, Segment};
use e2e::{medium, tool};

/// Memory of the machine in MiB: the medium is in it twice while it starts.
const MEMORY_MIB: u32 = 3072;
/// How OVMF is told to leave PXE out.
const NO_PXE: [&str; 2] = ["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"];

/// Shows it.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    if !judges::present(&["ip", "dnsmasq"]) {
        return;
    }
    let dir = lab.dir().join("netboot");
    let image = medium::build_as(&dir, "netboot", "netboot.efi");
    let log = dir.join("served");
    let segment = Segment::make(&dir);
    let mut server = serve(&segment, &image, &log);

    let by_http = Random::of("netboot").index(2) == 1;
    let mut command = pc::command(&dir, MEMORY_MIB);
    command.args(Segment::adapter());
    if by_http {
        command.args(NO_PXE);
    }
    let mut machine = Running::start(segment.on_host(&command));
    machine.wait_for("it runs from the installation medium loop0, in memory");
    let (_, line) = machine.wait_for(&format!("addresses:    {LENT}"));
    let address = line.rsplit(' ').next().unwrap_or_default().trim().to_owned();
    let (_, line) = machine.wait_for(CODE);
    let code = last_code(&line);
    let mut status = Command::new(tool::ironhull());
    status.args(["--json", "node", &address, "status", "--code", &code]);
    let status = tool::output(&mut segment.on_host(&status));
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((&status["reason"], &status["medium"]), (&"no-config".into(), &"loop0".into()), "{status}");

    server.kill().unwrap();
    server.wait().unwrap();
    let served = std::fs::read_to_string(&log).unwrap();
    let told = if by_http {
        "HTTP boot: told to load http://10.7.0.1:8017/ironhull.efi"
    } else {
        "PXE (UEFI): told to load ironhull.efi"
    };
    assert!(served.contains(told) && served.contains(&format!("{address} loads ironhull.efi")), "{served}");
    assert!(!served.contains("lent"), "an address was given: {served}");
}

/// Starts the server.
fn serve(segment: &Segment, image: &Path, log: &Path) -> Child {
    let mut command = Command::new(tool::ironhull());
    command.args(["netboot", "serve"]).arg(image).args(["--interface", BRIDGE, "--ipxe", "/nonexistent"]);
    let (out, errors) = (File::create(log).unwrap(), Stdio::null());
    segment.on_host(&command).stdin(Stdio::null()).stdout(out).stderr(errors).spawn().unwrap()
}
