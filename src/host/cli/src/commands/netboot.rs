//! `ironhull netboot`: starts machines of a network segment.

use std::io::ErrorKind;

use anyhow::Result;
use netboot::{Error, Event, Options, Server};
use serde_json::json;

use crate::cmdline::{Global, Netboot, NetbootCommand, NetbootServe};
use crate::hint::hinted;
use crate::output;

/// Runs the command.
pub fn run(global: &Global, options: &Netboot) -> Result<()> {
    match &options.command {
        NetbootCommand::Serve(options) => serve(global, options),
    }
}

fn serve(global: &Global, options: &NetbootServe) -> Result<()> {
    if let Some(folder) = options.configs.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(hinted(
            format!("--configs {}: there is no such directory", folder.display()),
            "it has a file for each machine, such as 52-54-00-12-34-56.yaml, or default.yaml",
        ));
    }
    let server = Server::open(&Options {
        image: options.image.clone(),
        interface: options.interface.clone(),
        configs: options.configs.clone(),
        ipxe: Some(options.ipxe.clone()),
        lend: options.dhcp.clone(),
        http_port: options.http_port,
    })
    .map_err(explained)?;
    if !server.has_ipxe() {
        let (directory, package) = (options.ipxe.display(), "Debian has it in the package ipxe");
        output::tell(&format!("no iPXE in {directory}: machines with BIOS are not started ({package})"));
    }
    let what = json!({ "serving": server.image_url(), "interface": options.interface });
    output::result(global.json, &what, |_| {
        format!("serving {} on {}; interrupt to end\n", server.image_url(), options.interface)
    })?;
    let json = global.json;
    server.serve(move |event| tell(json, event)).map_err(explained)
}

/// Prints an event. That nobody reads it any more does not stop the server.
fn tell(json: bool, event: &Event) {
    let line = output::printable(&event.to_string()).into_owned();
    drop(output::result(json, &json!({ "event": line }), |_| format!("{line}\n")));
}

/// Adds a remedy.
fn explained(error: Error) -> anyhow::Error {
    let hint = match &error {
        Error::Listen { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            "ports below 1024 need root: sudo ironhull netboot serve …"
        }
        Error::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse => {
            "another server uses the port: see ss -lnp; --http-port chooses another one for HTTP"
        }
        Error::Image { .. } => "build one with ironhull build PROFILE --format netboot",
        Error::Interface { .. } => "ip address lists the interfaces and their addresses",
        _ => return error.into(),
    };
    hinted(error.to_string(), hint)
}
