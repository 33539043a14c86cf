//! `ironhull config`: creates, validates and describes config documents.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use certs::Issued;
use config::templates::{NodeTemplate, node_documents};
use config::{Diagnostics, Documents};
use serde_json::{Value, json};

use crate::cmdline::{Config, ConfigCommand, ConfigInit, Global};
use crate::credentials;
use crate::hint::Usage;
use crate::output;

use super::seed::Seed;

/// Runs the command.
pub fn run(global: &Global, options: &Config) -> Result<()> {
    match &options.command {
        ConfigCommand::Init(options) => init(global, options),
        ConfigCommand::Validate { files } => {
            validate(global, &files.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        }
        ConfigCommand::Schema { kind } => schema(kind.as_deref()),
    }
}

/// Makes credentials and a node config.
fn init(global: &Global, options: &ConfigInit) -> Result<()> {
    let dir = &options.directory;
    let token = options.join_token.as_deref().map(join_token).transpose()?;
    // Many nodes join with the credentials of one directory.
    let (name, seed) = match token {
        None => ("node".to_owned(), "seed".to_owned()),
        Some(_) => (options.hostname.clone(), format!("{}-seed", options.hostname)),
    };
    let file = dir.join(format!("{name}.yaml"));
    let seed = options.cloud_init.then(|| Seed::named(dir, &seed));
    let network = options.network_config.as_deref().map(network_config).transpose()?;
    files::check_absent(std::slice::from_ref(&file))?;
    seed.iter().try_for_each(Seed::check_absent)?;
    let text = make_joining(dir, &options.hostname, &options.cluster, token.as_deref())?;
    credentials::write_config(&file, &text)?;
    seed.iter().try_for_each(|seed| seed.write(&options.hostname, &text, network.as_deref()))?;
    let json = json!({
        "directory": output::path(dir),
        "node": output::path(&file),
        "hostname": options.hostname,
        "seed": seed.as_ref().map(|seed| output::path(&seed.iso)),
    });
    output::result(global.json, &json, |_| {
        let dir = dir.display();
        let mut text = format!(
            "{dir}/operator-ca.crt  the CA that nodes trust; its key signs operators: keep it safe\n\
             {dir}/operator.crt     your certificate for the node API\n\
             {}  the config of node {}; it holds a private key\n",
            file.display(),
            options.hostname
        );
        if let Some(seed) = &seed {
            text.push_str(&format!("{}         the same config as a CD for that node\n", seed.iso.display()));
        }
        text
    })
}

/// Reads the description of a network, and tells what of it has no effect.
fn network_config(file: &Path) -> Result<String> {
    let (label, text) = load(file)?;
    let Documents::Network(_, warnings) = config::validate(&label, &text)? else {
        let message = "expected network-config of version 1 or 2, found another document";
        return Err(Diagnostics::whole(&label, message, None).into());
    };
    warnings.iter().for_each(|warning| output::tell(warning));
    Ok(text)
}

/// Creates credentials in `dir`; returns the text of a config signed with them, for a node that founds its cluster.
pub fn make(dir: &Path, hostname: &str, cluster: &str) -> Result<String> {
    make_joining(dir, hostname, cluster, None)
}

/// As [`make`], with the token for a node that joins a cluster.
pub fn make_joining(dir: &Path, hostname: &str, cluster: &str, token: Option<&str>) -> Result<String> {
    // First with a temporary CA: nothing must be left behind for an invalid name.
    document(&credentials::new_ca()?, hostname, cluster, token)?;
    fs::create_dir_all(dir).with_context(|| format!("making directory {}", dir.display()))?;
    document(&credentials::ensure(dir)?, hostname, cluster, token)
}

/// Reads and checks a token; `-` is standard input.
fn join_token(file: &Path) -> Result<String> {
    let (label, text) = load(file)?;
    config::JoinToken::parse(&text).with_context(|| format!("reading {label}"))?;
    Ok(text)
}

/// Returns a node config with a new certificate, validated as a node does.
fn document(ca: &Issued, hostname: &str, cluster: &str, token: Option<&str>) -> Result<String> {
    let node = credentials::issue_node(ca)?;
    let text = node_documents(&NodeTemplate {
        hostname,
        cluster,
        certificate_authority: &ca.certificate,
        certificate: &node.certificate,
        key: &node.key,
        join_token: token,
    });
    config::parse_node_documents("node.yaml", &text)?;
    Ok(text)
}

/// Validates files; all of them, even if some are invalid or can't be read.
fn validate(global: &Global, files: &[&Path]) -> Result<()> {
    let checked: Vec<_> = files.iter().map(|f| (*f, check(f))).collect();
    let failed = checked.iter().filter(|(_, c)| c.is_err()).count();
    let json: Vec<Value> = checked.iter().map(|(f, c)| verdict(f, c)).collect();
    let text = |_: &Vec<Value>| {
        let good = checked.iter().filter_map(|(f, c)| Some((f, c.as_ref().ok()?)));
        good.map(|(f, kinds)| format!("{}: {kinds}\n", f.display())).collect()
    };
    output::result(global.json, &json, text)?;
    if failed == 0 {
        return Ok(());
    }
    checked.iter().filter_map(|(_, c)| c.as_ref().err()).for_each(|d| output::tell(&d.to_string()));
    Err(anyhow::anyhow!("{failed} of {} files are invalid", checked.len()))
}

/// Validates one file; returns its kind.
fn check(file: &Path) -> Result<&'static str, Diagnostics> {
    let (label, text) = load(file)?;
    config::validate(&label, &text).map(|documents| match documents {
        Documents::Profile(_) => "a valid image profile",
        Documents::Node(_) => "a valid node and cluster config",
        Documents::Network(_, warnings) => {
            warnings.iter().for_each(|warning| output::tell(warning));
            "a valid network-config"
        }
        Documents::MetaData => "valid meta-data",
    })
}

/// Reads a file, or standard input if it is `-`; returns its label for messages and its text,
/// unpacked.
pub fn load(file: &Path) -> Result<(String, String), Diagnostics> {
    let (label, bytes) = match file.to_str() {
        Some("-") => ("<stdin>".to_owned(), read(std::io::stdin())),
        _ => (file.display().to_string(), File::open(file).and_then(read)),
    };
    let whole = |message: String| Diagnostics::whole(&label, message, None);
    let bytes = bytes.map_err(|e| whole(format!("reading the file: {e}")))?;
    let text = config::user_data::text(&label, &bytes)?;
    Ok((label, text))
}

/// Reads a text; stops one byte after the maximum length, so that a longer text is noticed.
fn read(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(config::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the result for one file as JSON.
fn verdict(file: &Path, checked: &Result<&'static str, Diagnostics>) -> Value {
    match checked {
        Ok(_) => json!({ "file": output::path(file), "valid": true, "errors": [] }),
        Err(diagnostics) => {
            json!({ "file": output::path(file), "valid": false, "errors": diagnostics.errors })
        }
    }
}

/// Prints the schemas.
fn schema(kind: Option<&str>) -> Result<()> {
    let schemas = config::schemas();
    let Some(kind) = kind else {
        let all: Value = schemas.into_iter().map(|(kind, schema)| (kind.to_owned(), schema)).collect();
        return output::result(true, &all, |_| String::new());
    };
    let kinds: Vec<&str> = schemas.iter().map(|(k, _)| *k).collect();
    let found = schemas.iter().find(|(k, _)| *k == kind);
    let (_, schema) =
        found.ok_or_else(|| Usage(format!("kind {kind:?}: expected one of {}", kinds.join(", "))))?;
    output::result(true, schema, |_| String::new())
}
