//! `ironhull bundle`: creates, signs, shows and verifies upgrade bundles, and creates their keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bundle::{KeySet, Manifest, PublicKey, SecretKey, Signature};
use files::{Access, NewFile};
use image::bundle::Order;
use image::inspect::Image;
use serde_json::{Value, json};

use crate::cmdline::{Bundle, BundleCommand, BundleCreate, Global};
use crate::hint::hinted;
use crate::output;

/// Runs the command.
pub fn run(global: &Global, options: &Bundle) -> Result<()> {
    match &options.command {
        BundleCommand::Create(options) => create(global, options),
        BundleCommand::Sign { bundle, key } => sign(global, bundle, key),
        BundleCommand::Inspect { bundle } => inspect(global, bundle),
        BundleCommand::Verify { bundle, keys } => verify(global, bundle, keys),
        BundleCommand::Keygen { name } => keygen(global, name),
        BundleCommand::Keyset { keys, threshold, number } => keyset(keys, *threshold, *number),
    }
}

fn create(global: &Global, options: &BundleCreate) -> Result<()> {
    let output = options.output.clone().unwrap_or_else(|| options.image.with_extension("hull"));
    let keys = secret_keys(&options.key)?;
    let key_set = options.next_keys.as_deref().map(key_set).transpose()?;
    let expires = options.expires.map(|time| now_secs().saturating_add(time.as_secs()));
    let image = Image::open(&options.image)?;
    output::tell(&format!("packing {} …", options.image.display()));
    let (manifest, signatures) = image::bundle::create(&image, Order { expires, key_set }, &keys, &output)?;
    let json = json(&output, &manifest, &signatures);
    output::result_beside(&output, global.json, &json, |_| bundle::dump(&manifest, &signatures))
}

fn sign(global: &Global, bundle: &Path, keys: &[PathBuf]) -> Result<()> {
    image::bundle::sign(bundle, &secret_keys(keys)?)?;
    show(global, bundle)
}

fn inspect(global: &Global, bundle: &Path) -> Result<()> {
    show(global, bundle)
}

/// Prints the manifest of a bundle.
fn show(global: &Global, path: &Path) -> Result<()> {
    let sealed = image::bundle::open(path)?;
    let manifest = sealed.claims().with_context(|| format!("reading {}", path.display()))?;
    let json = json(path, &manifest, sealed.signatures());
    output::result(global.json, &json, |_| bundle::dump(&manifest, sealed.signatures()))
}

/// Reads and verifies a complete bundle.
fn verify(global: &Global, path: &Path, keys: &Path) -> Result<()> {
    let doing = || format!("reading {}", path.display());
    let set = key_set(keys)?;
    let sealed = image::bundle::open(path)?;
    let signatures = sealed.signatures().to_vec();
    let mut bundle = sealed.verify(&set).with_context(doing)?;
    while bundle.next_part().is_some() {
        bundle = bundle.unpack(&mut std::io::sink()).with_context(doing)?;
    }
    let manifest = bundle.finish().with_context(doing)?;
    if let Some(expires) = manifest.expires.filter(|e| *e < now_secs()) {
        return Err(hinted(
            format!("{} expired at {expires} s since 1970", path.display()),
            "nodes no longer accept it: create a new one with `ironhull bundle create`",
        ));
    }
    let json = json(path, &manifest, &signatures);
    output::result(global.json, &json, |_| bundle::dump(&manifest, &signatures) + "verified\n")
}

/// Makes a key pair.
fn keygen(global: &Global, name: &Path) -> Result<()> {
    let [private, public] = [".key", ".pub"].map(|ending| {
        let mut path = name.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    });
    let key = SecretKey::generate()?;
    let file = |path: &Path, access, text: String| NewFile { path: path.into(), access, bytes: text.into() };
    files::create_new(&[
        file(&private, Access::Private, key.to_pem()),
        file(&public, Access::Public, key.public().to_pem()),
    ])?;
    let [at_private, at_public] = [&private, &public].map(|p| output::path(p));
    let json = json!({ "private": at_private, "public": at_public, "key": key.public() });
    output::result(global.json, &json, |_| {
        let (private, public) = (private.display(), public.display());
        format!("{private}  signs bundles: keep it safe\n{public}  belongs into a key set\n")
    })
}

/// Prints a key set.
fn keyset(keys: &[PathBuf], threshold: u32, number: u32) -> Result<()> {
    let key = |path: &PathBuf| {
        PublicKey::from_pem(&files::read_pem(path)?).with_context(|| format!("reading {}", path.display()))
    };
    let keys = keys.iter().map(key).collect::<Result<Vec<_>>>()?;
    output::print(&KeySet::new(number, threshold, keys)?.to_json())
}

/// Reads private keys.
///
/// # Errors
/// If a file can't be read or is not a private key; the message names the file.
pub fn secret_keys(paths: &[PathBuf]) -> Result<Vec<SecretKey>> {
    let key = |path: &PathBuf| {
        SecretKey::from_pem(&files::read_pem(path)?).with_context(|| format!("reading {}", path.display()))
    };
    paths.iter().map(key).collect()
}

/// Reads a key set.
fn key_set(path: &Path) -> Result<KeySet> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    KeySet::parse(&text).with_context(|| format!("reading {}", path.display()))
}

/// Returns the manifest and the signers of a bundle as JSON.
fn json(path: &Path, manifest: &Manifest, signatures: &[Signature]) -> Value {
    let keys: Vec<PublicKey> = signatures.iter().map(|s| s.key).collect();
    json!({ "file": output::path(path), "manifest": manifest, "signedBy": keys })
}

/// Returns the time in seconds since 1970.
fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
