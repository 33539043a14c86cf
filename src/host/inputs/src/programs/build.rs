//! Builds one program with cargo: static, with remapped paths, so that the same sources give the same bytes
//! in any directory.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{BuiltProgram, Crate, Ground, Program, firmware, sources};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::progress::{Progress, Step, Unit};
use crate::run::{Tool, quote};
use crate::store::{Key, KeyBuilder, Memo, Mode, Store};

/// The target that everything on a node is built for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The cargo profile, in the workspace's Cargo.toml.
const PROFILE: &str = "node";

/// What building programs needs.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    /// Root of the workspace.
    pub(crate) source: &'a Path,
    pub(crate) store: &'a Store,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) jobs: usize,
    /// The output of `rustc -vV`.
    pub(crate) compiler: &'a str,
}

/// Returns the output of `rustc -vV` for the toolchain of the workspace.
pub(crate) fn compiler(source: &Path) -> Result<String> {
    rust("rustc").arg("-vV").dir(source).output()
}

/// Returns a program, built if it is not in the cache.
pub(crate) fn build(builder: &Builder<'_>, key: &Key, program: Program) -> Result<BuiltProgram> {
    let Program { package, binary, .. } = program;
    let dir = builder.store.get_or_make(key, |dir| make(builder, program, dir))?;
    let list = dir.join("crates.json");
    let text = fs::read(&list).map_err(Error::io("reading", &list))?;
    let crates: Vec<Crate> = serde_json::from_slice(&text)
        .map_err(|e| Error::Archive { path: list.clone(), message: e.to_string() })?;
    let version = crates.iter().find(|c| c.ours && c.name == package).map(|c| c.version.clone());
    Ok(BuiltProgram {
        name: binary.to_owned(),
        version: version.unwrap_or_default(),
        path: dir.join(binary),
        crates,
    })
}

/// Hashes every input: the crates of this workspace that are linked in, the pins of all others, profile,
/// compiler.
pub(crate) fn key(builder: &Builder<'_>, memo: &mut Memo, program: Program) -> Result<Key> {
    let Program { package, binary, ground } = program;
    let path = builder.source.join("Cargo.lock");
    let lock = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
    let sources = sources::of(&lock, package).ok_or_else(|| Error::Syntax {
        file: path.display().to_string(),
        line: 1,
        message: format!("expected the package {package:?}"),
    })?;
    let mut key = KeyBuilder::new("program", 1, binary)
        .with("package", package)
        .with("compiler", builder.compiler)
        .with("workspace", memo.file(&builder.source.join("Cargo.toml"))?.to_string())
        .with("linker", Tool::new("gcc").arg("--version").output()?);
    for ours in sources.ours {
        if let Some(dir) = crate_dir(builder.source, ours)? {
            key = key.with(ours, memo.tree(&dir)?.to_string());
        }
    }
    for foreign in sources.foreign {
        key = key.with("crate", foreign);
    }
    if ground == Ground::Firmware {
        let converter = memo.tree(&builder.source.join(firmware::CONVERTER))?;
        key = key.with("converter", converter.to_string());
    }
    Ok(key.finish())
}

/// Returns the directory of a crate of the workspace, `src/FOLDER/NAME`; `None` for a crate in `tests/`,
/// which is in the lock but only linked into tests.
fn crate_dir(source: &Path, name: &str) -> Result<Option<PathBuf>> {
    if source.join("tests").join(name).join("Cargo.toml").is_file() {
        return Ok(None);
    }
    let src = source.join("src");
    let mut folders = fs::read_dir(&src).map_err(Error::io("listing", &src))?;
    let found = folders.find_map(|folder| {
        let dir = folder.ok()?.path().join(name);
        dir.join("Cargo.toml").is_file().then_some(dir)
    });
    found.map(Some).ok_or_else(|| Error::NoRecipe { name: name.to_owned(), path: src.join("*").join(name) })
}

/// Builds into a target directory of the cache; writes the binary and its list of crates to `dir`.
fn make(builder: &Builder<'_>, program: Program, dir: &Path) -> Result<()> {
    let Program { package, binary, ground } = program;
    let log = builder.store.new_log(&format!("program-{binary}"))?;
    let step = Step::start(builder.progress, &program.step_name(), Unit::Items, None);
    let target = target_dir(builder, ground);
    let features: &[&str] = match ground {
        Ground::Linux => &[],
        Ground::Firmware => &["--features", firmware::FEATURE],
    };
    cargo(builder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(builder, ground, &target))
        // Their paths may contain spaces.
        .env("CC_SHELL_ESCAPED_FLAGS", "1")
        .env("CFLAGS", c_flags(&remaps(builder, &target)))
        .arg("build")
        .args(["--locked", "--profile", PROFILE, "--target", TARGET, "--package", package, "--bin", binary])
        .args(features)
        .arg(format!("--jobs={}", builder.jobs.max(1)))
        .arg("--target-dir")
        .arg(&target)
        .logged(&log, (&step, 0))
        .map_err(|e| not_cached(builder.store.mode(), binary, e))?;
    let built = target.join(TARGET).join(PROFILE).join(binary);
    let to = dir.join(binary);
    match ground {
        Ground::Linux => fs::copy(&built, &to).map(drop).map_err(Error::io("copying", &built))?,
        Ground::Firmware => {
            let elf = fs::read(&built).map_err(Error::io("reading", &built))?;
            fs::write(&to, firmware::convert(&elf, &built)?).map_err(Error::io("writing", &to))?;
        }
    }
    let tree = cargo(builder)
        .args([
            "tree",
            "--locked",
            "--package",
            package,
            "--target",
            TARGET,
            "--edges",
            "normal,no-proc-macro",
        ])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}\t{l}"])
        .output()?;
    let list = dir.join("crates.json");
    let text = serde_json::to_vec_pretty(&crates(&tree)).expect("crates are plain data");
    fs::write(&list, text).map_err(Error::io("writing", &list))
}

/// Returns cargo's target directory: one for each checkout and set of flags, since they would overwrite each
/// other's results.
fn target_dir(builder: &Builder<'_>, ground: Ground) -> PathBuf {
    let checkout = Digest::of(builder.source.as_os_str().as_encoded_bytes()).to_string();
    let dir = builder.store.root().join("target").join(&checkout[..16]);
    match ground {
        Ground::Linux => dir,
        Ground::Firmware => dir.join("firmware"),
    }
}

/// Returns the directories that are renamed in the binary, and their new names.
fn remaps(builder: &Builder<'_>, target: &Path) -> Vec<(PathBuf, &'static str)> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|h| Path::new(&h).join(".cargo")));
    let mut remaps = vec![(builder.source.to_owned(), "/ironhull"), (target.to_owned(), "/target")];
    remaps.extend(home.map(|h| (h, "/cargo")));
    remaps
}

/// Returns the compiler's flags in cargo's format: separated by 0x1f.
fn flags(builder: &Builder<'_>, ground: Ground, target: &Path) -> OsString {
    let mut flags = OsString::from("-Ctarget-feature=+crt-static\x1f-Clink-arg=-Wl,--build-id=none");
    if ground == Ground::Firmware {
        flags.push(firmware::flags(builder.source));
    }
    for (from, to) in remaps(builder, target) {
        flags.push("\x1f--remap-path-prefix=");
        flags.push(from);
        flags.push(format!("={to}"));
    }
    flags
}

/// Returns the C compiler's flags, quoted for a shell, for crates that contain C.
fn c_flags(remaps: &[(PathBuf, &str)]) -> String {
    let flag = |(from, to): &(PathBuf, &str)| quote(&format!("-ffile-prefix-map={}={to}", from.display()));
    remaps.iter().map(flag).collect::<Vec<_>>().join(" ")
}

/// Returns a `cargo` command in the build's environment.
fn cargo(builder: &Builder<'_>) -> Tool {
    let tool = rust("cargo").dir(builder.source);
    let offline = builder.store.mode() == Mode::Offline;
    if offline { tool.env("CARGO_NET_OFFLINE", "true") } else { tool }
}

/// Returns a command of the Rust toolchain with only the variables that locate toolchain and registry.
fn rust(program: &str) -> Tool {
    let mut tool = Tool::new(program);
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let reach = ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
        let homes = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_DIST_SERVER"];
        if homes.contains(&name) || reach.iter().any(|r| name.starts_with(r)) {
            tool = tool.pass(name);
        }
    }
    tool
}

/// Replaces the error by one about missing crates if that is why an offline build failed.
fn not_cached(mode: Mode, binary: &str, error: Error) -> Error {
    let Error::Tool(failure) = &error else { return error };
    if mode == Mode::Offline && failure.tail.iter().any(|l| l.contains("offline")) {
        let what = format!("program {binary} (its crates)");
        return Error::Offline { what, command: crate::error::BUILD_COMMAND };
    }
    error
}

/// Parses the output of `cargo tree`: `name v1.2.3 (path)<tab>licence`; a crate appears once for each path to
/// it.
fn crates(tree: &str) -> Vec<Crate> {
    let one = |line: &str| {
        let (package, licence) = line.split_once('\t')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let ours = words.next().is_some_and(|path| path.starts_with("(/"));
        let (name, version, licence) = (name.to_owned(), version.to_owned(), licence.to_owned());
        Some(Crate { name, version, licence, ours })
    };
    let mut crates: Vec<_> = tree.lines().filter_map(one).collect();
    crates.sort();
    crates.dedup();
    crates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_that_the_lock_gives_a_program_has_a_directory() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let lock = fs::read_to_string(source.join("Cargo.lock")).unwrap();
        for program in super::super::PROGRAMS {
            for name in sources::of(&lock, program.package).unwrap().ours {
                crate_dir(&source, name).unwrap();
            }
        }
        assert_eq!(crate_dir(&source, "judges").unwrap(), None);
        assert!(crate_dir(&source, "init").unwrap().is_some());
        assert!(matches!(crate_dir(&source, "nonesuch"), Err(Error::NoRecipe { .. })));
    }

    #[test]
    fn paths_with_spaces_are_one_flag() {
        let flags = c_flags(&[("/a b/src".into(), "/ironhull"), ("/c".into(), "/target")]);
        assert_eq!(flags, "'-ffile-prefix-map=/a b/src=/ironhull' -ffile-prefix-map=/c=/target");
    }

    #[test]
    fn lists_each_crate_once() {
        let tree = "init v0.1.0 (/x/src/node/init)\tApache-2.0\nlibc v0.2.1\tMIT OR Apache-2.0\n\nlibc v0.2.1\tMIT OR Apache-2.0\n";
        let found: Vec<_> =
            crates(tree).into_iter().map(|c| (c.name, c.version, c.licence, c.ours)).collect();
        let row = |n: &str, v: &str, l: &str, o| (n.to_owned(), v.to_owned(), l.to_owned(), o);
        assert_eq!(
            found,
            [row("init", "0.1.0", "Apache-2.0", true), row("libc", "0.2.1", "MIT OR Apache-2.0", false)]
        );
    }
}
