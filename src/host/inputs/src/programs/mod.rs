//! Our own programs that run on a node, each one static file, built by cargo from this workspace; and the
//! boot loader, which runs on the firmware.

mod build;
mod firmware;
mod sources;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use build::{Builder, build, compiler, key};

/// What a program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Linux: a static ELF file.
    Linux,
    /// The firmware: an EFI application.
    Firmware,
}

/// A program of this workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its package.
    pub package: &'static str,
    /// Name of the binary.
    pub binary: &'static str,
    /// What it runs on.
    pub ground: Ground,
}

impl Program {
    /// Returns the name of the step that builds it.
    pub(crate) fn step_name(self) -> String {
        format!("build {}", self.binary)
    }
}

const fn program(package: &'static str, binary: &'static str, ground: Ground) -> Program {
    Program { package, binary, ground }
}

/// The programs in an image.
pub const PROGRAMS: &[Program] = &[
    program("init", "init", Ground::Linux),
    program("noded", "noded", Ground::Linux),
    program("hello", "hello", Ground::Linux),
    program("pause", "pause", Ground::Linux),
    program("loader", "loader", Ground::Firmware),
];

/// The program that tests start instead of a kernel; no image contains it.
pub const PROBE: Program = program("loader", "probe", Ground::Firmware);

/// A crate that is linked into a program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence as stated in its manifest; empty if it states none.
    pub licence: String,
    /// Whether it is a crate of this workspace.
    pub ours: bool,
}

/// A built program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltProgram {
    /// Name of the binary.
    pub name: String,
    /// Version of its package.
    pub version: String,
    /// Its path.
    pub path: PathBuf,
    /// Crates linked into it, including its own.
    pub crates: Vec<Crate>,
}
