//! `noded`, the first service of a node: accepts the config, brings up network and cluster, serves the node
//! API.
//!
//! `init` runs it and everything that it submits. It may end at any time and be restarted: every step can be
//! repeated without disturbing what is running. The API is served by an async runtime on the main thread;
//! everything else blocks, on a few threads with small stacks, which uses less memory and is easier to read.
//! The same program contains the small commands that services use as probes and tasks.
#![forbid(unsafe_code)]

mod back_off;
mod bring_up;
mod command;
mod condition;
mod config_source;
mod console;
mod convert;
mod failed_logs;
mod followers;
mod health;
mod hostname;
mod init;
mod issue;
mod join;
mod kube;
mod maintenance;
mod manifests;
mod memory;
mod node;
mod partitions;
mod plan;
mod prefetch;
mod room;
mod scrub;
mod serve;
mod state;
mod store;
#[cfg(test)]
mod testing;
mod thread;
mod timekeeper;
mod tokens;
mod trust;
mod upgrade;
mod upload;
mod vouched;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use api::ImageFacts;

use crate::command::Command;
use crate::condition::{CONFIG_ACCEPTED, Claim};
use crate::init::Init;
use crate::maintenance::Left;
use crate::node::Node;
use crate::partitions::Partitions;
use crate::store::{Care, Restorer};
use crate::timekeeper::Doubt;
use crate::upgrade::Upgrader;

/// Path of the facts that the builder wrote into the image.
const IMAGE_FACTS: &str = "/usr/share/ironhull/image.json";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match command::parse(&arguments) {
        Ok(command) => command,
        Err(e) => {
            eprintln!("error: {e:#}");
            return ExitCode::from(2);
        }
    };
    let result = match command {
        Command::Serve => serve_node(),
        small => command::run(&small),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs as the node's first service, for ever.
fn serve_node() -> Result<()> {
    let init = Init::at(Path::new(control::SOCKET_PATH));
    init.stage("noded");
    thread::spawn_or_tell("prefetch", prefetch::programs);
    let image = image_facts()?;
    let role = plan::role(&image.role)?;
    let doubt = Doubt::default();
    let judge = doubt.clone();
    let check = move |documents: &config::NodeDocuments| {
        plan::check_role(role, &documents.node)?;
        hostname::check(&documents.node.hostname)?;
        serve::server_config(&documents.node.api, judge.clone())
    };
    let partitions = Arc::new(Partitions::load());
    let Left { mut accepted, network } =
        maintenance::config_or_wait(&init, &image, Box::new(check), &partitions)?;
    accepted.log();
    init.stage("config");
    console::announce(&format!("ironhull: config from {}", accepted.facts.source.as_deref().unwrap_or("?")));
    let network = hostname::settle(&mut accepted, network);
    let tls = accepted.checked;
    let facts = (accepted.facts.clone(), doubt.clone());
    let node = Node::new(init, (image, role), accepted.documents, facts);
    let node = Arc::new(node.with_partitions(partitions));
    node.time.begin();
    node.claim(CONFIG_ACCEPTED, config_claim(&accepted.facts));
    let upgrader = Arc::new(Upgrader::new(Arc::clone(&node)));
    let restorer = Arc::new(Restorer::new(Arc::clone(&node)));
    let care = Arc::new(Care::new(Arc::clone(&node)));
    let start = bring_up::Start { given: accepted.given, network };
    bring_up::start(Arc::clone(&node), Arc::clone(&upgrader), start)?;
    let runtime = serve::runtime()?;
    runtime.block_on(async {
        let listener = serve::listen(node.documents.node.api.port).await;
        let listening = Arc::clone(&node);
        health::follow(&listening);
        scrub::follow(&listening);
        room::follow(&listening);
        if listening.duties.control_plane {
            store::keep_snapshots(&listening);
        }
        drop(tokio::task::spawn_blocking(move || listening.api_part_is_ready()));
        let routes = serve::router(serve::Served { node, upgrader, restorer, care });
        serve::serve(listener, serve::Service { tls, admission: serve::Admission::Certificate, routes })
            .await;
    });
    Ok(())
}

/// Reads the facts that the image states about itself.
fn image_facts() -> Result<ImageFacts> {
    let text = fs::read(IMAGE_FACTS).with_context(|| format!("reading {IMAGE_FACTS}"))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {IMAGE_FACTS}"))
}

/// Returns the condition for the accepted config.
fn config_claim(facts: &api::ConfigFacts) -> Claim {
    let source = facts.source.clone().unwrap_or_default();
    match facts.errors.is_empty() {
        true => Claim { message: format!("from {source}"), ..Claim::yes("Accepted") },
        false => {
            Claim::no("Refused", format!("running on {source}; {} errors in a newer one", facts.errors.len()))
        }
    }
}
