//! `ironhull build`: builds an image from a profile.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Result;
use bundle::SecretKey;
use config::{ImageProfile, Output};
use image::{Built, Outcome};
use serde_json::json;

use crate::cmdline::{Build, Global, Inputs};
use crate::commands::bundle::secret_keys;
use crate::hint::Usage;
use crate::interrupt::Guard;
use crate::output::{self, bytes, table};
use crate::{source_tree, workspace};

/// Runs the command.
pub fn run(global: &Global, options: &Build) -> Result<()> {
    let source = source_tree::find(global)?;
    let file = source_tree::profile_file(&options.profile, &source)?;
    let mut profile = source_tree::load_profile(&file)?;
    if !options.format.is_empty() {
        profile.outputs.clone_from(&options.format);
    }
    if !options.key.is_empty() && !profile.outputs.contains(&Output::Bundle) {
        let message = "--key signs bundles, and none is to be written: add --format bundle";
        return Err(Usage(message.to_owned()).into());
    }
    let keys = secret_keys(&options.key)?;
    let outcome = build(&source, &profile, &keys, &options.inputs)?;
    if matches!(outcome, Outcome::Unchanged(_)) {
        output::tell("nothing has changed");
    }
    let built = outcome.built();
    let directory = &options.inputs.output;
    let json = json!({ "directory": output::path(directory), "image": built });
    output::result(global.json, &json, |_| text(built, directory))
}

/// Builds `profile` from the source tree; `keys` sign its bundle.
pub fn build(source: &Path, profile: &ImageProfile, keys: &[SecretKey], inputs: &Inputs) -> Result<Outcome> {
    let workspace = workspace::open(source, inputs)?;
    if let Some(asked) = inputs.jobs.map(NonZeroUsize::get) {
        let jobs = workspace.jobs();
        if jobs < asked {
            output::tell(&format!("--jobs {asked}: limited to {jobs}, two per CPU of this host"));
        }
        image::limit_jobs(jobs);
    }
    let _guard = Guard::new()?;
    Ok(image::build(&workspace, profile, keys, &inputs.output)?)
}

/// Formats the result.
fn text(built: &Built, directory: &Path) -> String {
    let row = |f: &image::BuiltFile| {
        let hash = f.sha256.as_ref().map(|hash| format!("sha256 {hash}")).unwrap_or_default();
        vec![directory.join(&f.name).display().to_string(), bytes(f.bytes), hash]
    };
    let rows: Vec<Vec<String>> = built.files.iter().map(row).collect();
    let kernel = &built.kernel;
    format!(
        "{}root hash {}\nkernel {}, {}, sha256 {}\n",
        table(&rows),
        built.root_hash,
        kernel.release,
        bytes(kernel.bytes),
        kernel.sha256
    )
}
