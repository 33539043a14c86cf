//! Builds a component with the host's Go.
//!
//! Go's module and build caches are inside our cache: an empty cache is a cold build, and removing it removes
//! everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::recipe::{Cgo, Recipe};
use super::{BuiltComponent, Module, copied, gomod};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::progress::{Progress, Step, Unit};
use crate::run::Tool;
use crate::store::{Key, KeyBuilder, Memo, Mode, Store};

/// Go's settings of how modules are downloaded and verified: the host's, whether from a file or a variable.
const REACH: &[&str] = &["GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOVCS"];

/// Name of the recipe in a component's folder.
const RECIPE: &str = "component.yaml";

/// What building components needs.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    pub(crate) store: &'a Store,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) jobs: usize,
}

/// A component whose folder was read and checked.
#[derive(Debug)]
pub(crate) struct Component<'a> {
    name: &'a str,
    dir: PathBuf,
    recipe: Recipe,
    version: String,
    /// C libraries that are linked in, with their hashes.
    libraries: Vec<(String, Digest)>,
}

impl Component<'_> {
    /// Returns the name of the step that builds it.
    pub(crate) fn step_name(&self) -> String {
        format!("build {} {}", self.name, self.version)
    }
}

/// Reads the component in `folder` and hashes all inputs of its build.
pub(crate) fn prepare<'a>(folder: &Path, memo: &mut Memo, name: &'a str) -> Result<(Component<'a>, Key)> {
    let mut component = load(folder, name)?;
    for library in &component.recipe.libraries {
        component.libraries.push((library.clone(), memo.file(&find_library(library)?)?));
    }
    let key = key(&component, memo)?;
    Ok((component, key))
}

/// Returns the component; builds it if it is not in the cache.
pub(crate) fn build(builder: &Builder<'_>, (component, key): (Component<'_>, Key)) -> Result<BuiltComponent> {
    let dir = builder.store.get_or_make(&key, |dir| make(builder, &component, dir))?;
    let list = dir.join("modules.json");
    let text = fs::read(&list).map_err(Error::io("reading", &list))?;
    let modules = serde_json::from_slice(&text)
        .map_err(|e| Error::Archive { path: list.clone(), message: e.to_string() })?;
    let Component { name, recipe, version, libraries, .. } = component;
    let binaries: BTreeMap<_, _> =
        recipe.binaries.into_keys().map(|b| (b.clone(), dir.join("bin").join(b))).collect();
    let (licence, module) = (recipe.licence, recipe.module);
    Ok(BuiltComponent { name: name.to_owned(), version, licence, module, binaries, modules, libraries })
}

/// Reads a component's folder.
fn load<'a>(folder: &Path, name: &'a str) -> Result<Component<'a>> {
    let dir = folder.join(name);
    let path = dir.join(RECIPE);
    if !path.is_file() {
        return Err(Error::NoRecipe { name: name.to_owned(), path });
    }
    let recipe = Recipe::load(&path)?;
    let gomod = dir.join("go.mod");
    let text = fs::read_to_string(&gomod).map_err(Error::io("reading", &gomod))?;
    let version = gomod::required(&text, &recipe.module).ok_or_else(|| Error::Recipe {
        path,
        message: format!("module: expected a module that go.mod requires, found {:?}", recipe.module),
    })?;
    Ok(Component { name, dir, recipe, version, libraries: Vec::new() })
}

/// Hashes every input: pins, our own sources, recipe, compiler and the C libraries linked in.
fn key(component: &Component<'_>, memo: &mut Memo) -> Result<Key> {
    let Component { name, dir, recipe, version, .. } = component;
    let mut key = KeyBuilder::new("component", 1, &format!("{name} {version}"))
        .with("go.mod", memo.file(&dir.join("go.mod"))?.to_string())
        .with("go.sum", memo.file(&dir.join("go.sum"))?.to_string())
        .with("recipe", format!("{recipe:?}"))
        .with("target", "linux/amd64/v1")
        .with("go", go().args(["env", "GOVERSION"]).output()?);
    if dir.join("cmd").is_dir() {
        key = key.with("cmd", memo.tree(&dir.join("cmd"))?.to_string());
    }
    if recipe.cgo == Cgo::Static {
        key = key.with("gcc", Tool::new("gcc").arg("--version").output()?);
    }
    for (library, digest) in &component.libraries {
        key = key.with(library, digest.to_string());
    }
    Ok(key.finish())
}

/// Asks the C compiler for the path of a static library.
fn find_library(name: &str) -> Result<PathBuf> {
    let found = Tool::new("gcc").arg(format!("-print-file-name={name}")).output()?;
    // The compiler prints a name that it does not find as it is.
    let path = PathBuf::from(found.trim());
    match path.is_absolute() {
        true => Ok(path),
        false => Err(crate::tools::missing_library(name)),
    }
}

/// Builds all binaries of a component into `dir/bin` and writes the list of their modules.
fn make(builder: &Builder<'_>, component: &Component<'_>, dir: &Path) -> Result<()> {
    let Component { name, recipe, version, .. } = component;
    let log = builder.store.new_log(&format!("component-{name}"))?;
    let total = count_packages(builder, component)?;
    check_originals(builder, component)?;
    let step = Step::start(builder.progress, &component.step_name(), Unit::Items, Some(total));
    let mut done = 0;
    let mut modules: BTreeSet<Module> = BTreeSet::new();
    for (binary, package) in &recipe.binaries {
        let out = dir.join("bin").join(binary);
        let tool = environment(builder, recipe)?
            .args(["build", "-trimpath", "-buildvcs=false", "-v"])
            .arg(format!("-p={}", builder.jobs.max(1)))
            .arg(format!("-tags={}", recipe.tags.join(",")))
            .arg(format!("-ldflags={}", recipe.linker_options(version)))
            .arg("-o")
            .arg(&out)
            .arg(package)
            .dir(&component.dir);
        done = tool.logged(&log, (&step, done))?;
        modules.extend(gomod::modules(&go().args(["version", "-m"]).arg(&out).output()?));
    }
    let list = dir.join("modules.json");
    let text = serde_json::to_vec_pretty(&modules).expect("modules are plain data");
    fs::write(&list, text).map_err(Error::io("writing", &list))
}

/// Downloads the needed modules, and counts the packages to build: Go prints a line for each.
fn count_packages(builder: &Builder<'_>, component: &Component<'_>) -> Result<u64> {
    let step = format!("fetch modules of {} {}", component.name, component.version);
    let _step = Step::start(builder.progress, &step, Unit::Items, None);
    let tool = environment(builder, &component.recipe)?
        .args(["list", "-deps"])
        .arg(format!("-tags={}", component.recipe.tags.join(",")))
        .args(component.recipe.binaries.values())
        .dir(&component.dir);
    let packages = tool.output().map_err(|e| not_cached(builder.store.mode(), component, e))?;
    Ok(packages.lines().count() as u64)
}

/// Checks that the upstream files which our sources copy from are the pinned ones.
fn check_originals(builder: &Builder<'_>, component: &Component<'_>) -> Result<()> {
    for (module, originals) in &component.recipe.copied {
        let list = environment(builder, &component.recipe)?;
        let dir = list.args(["list", "-m", "-f", "{{.Dir}}"]).arg(module).dir(&component.dir).output()?;
        copied::check(&component.dir.join(RECIPE), Path::new(dir.trim()), originals)?;
    }
    Ok(())
}

/// Replaces the error by one about missing modules if that is why an offline build failed.
fn not_cached(mode: Mode, component: &Component<'_>, error: Error) -> Error {
    let Error::Tool(failure) = &error else { return error };
    if mode == Mode::Offline && failure.tail.iter().any(|l| l.contains("GOPROXY=off")) {
        let what = format!("component {} {} (its Go modules)", component.name, component.version);
        return Error::Offline { what, command: crate::error::BUILD_COMMAND };
    }
    error
}

/// Returns a `go` command in the build's environment.
fn environment(builder: &Builder<'_>, recipe: &Recipe) -> Result<Tool> {
    let go_dir = builder.store.root().join("go");
    let command = || "go env -json".to_owned();
    let reach = Tool::new("go").pass("HOME").pass("GOENV").pass("XDG_CONFIG_HOME");
    let reach = REACH.iter().fold(reach, |tool, name| tool.pass(name));
    let text = reach.args(["env", "-json"]).args(REACH).output()?;
    let reach: BTreeMap<String, String> = serde_json::from_str(&text)
        .map_err(|e| Error::Output { command: command(), message: e.to_string() })?;
    let mut tool = go()
        .env("GOPATH", go_dir.join("path"))
        .env("GOMODCACHE", go_dir.join("mod"))
        .env("GOCACHE", go_dir.join("build"))
        // Writable, so that the cache can be removed with `rm -rf`.
        .env("GOFLAGS", "-mod=readonly -modcacherw")
        .env("CGO_ENABLED", if recipe.cgo == Cgo::Static { "1" } else { "0" });
    for (name, value) in &reach {
        tool = tool.env(name, value);
    }
    if builder.store.mode() == Mode::Offline {
        tool = tool.env("GOPROXY", "off");
    }
    Ok(tool)
}

/// Returns a `go` command with the settings that are the same for every component.
fn go() -> Tool {
    Tool::new("go")
        .env("HOME", "/nonexistent")
        .env("GOENV", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOTELEMETRY", "off")
        .env("GOOS", "linux")
        .env("GOARCH", "amd64")
        .env("GOAMD64", "v1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../rootfs/components")
    }

    #[test]
    fn the_shipped_recipes_have_the_versions_they_stand_for() {
        for (name, version, binaries) in [
            ("kubernetes", "1.37.2", 1),
            ("etcd", "3.7.3", 1),
            ("kine", "0.16.4", 1),
            ("containerd", "2.4.2", 2),
            ("runc", "1.4.3", 1),
            ("cni", "1.9.1", 4),
            ("coredns", "1.14.7", 1),
            // 3.31.0
            ("calico", "0.0.0-20251021213802-b1f3c43f8437", 1),
        ] {
            let component = load(&folder(), name).unwrap();
            assert_eq!(
                (component.version.as_str(), component.recipe.binaries.len()),
                (version, binaries),
                "{name}"
            );
        }
    }

    #[test]
    fn says_which_recipe_is_missing() {
        let error = load(&folder(), "nonesuch").unwrap_err().to_string();
        assert!(error.starts_with("component \"nonesuch\": no recipe "), "{error}");
        assert!(error.ends_with("rootfs/components/nonesuch/component.yaml"), "{error}");
    }

    #[test]
    fn the_version_must_be_pinned() {
        let dir = tempfile::tempdir().unwrap();
        let component = dir.path().join("x");
        fs::create_dir(&component).unwrap();
        fs::write(component.join("go.mod"), "module x\n").unwrap();
        fs::write(component.join("component.yaml"), "module: a.b/c\nlicence: MIT\nbinaries: {x: a.b/c}\n")
            .unwrap();
        let error = load(dir.path(), "x").unwrap_err().to_string();
        assert!(
            error
                .ends_with("component.yaml: module: expected a module that go.mod requires, found \"a.b/c\""),
            "{error}"
        );
    }
}
