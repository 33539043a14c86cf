//! Kernel images of generations that fail: the image's own kernel and stub, with another initrd or command
//! line, built with the builder's own writers.

use std::fs;

use e2e::image;
use formats::tree::{Kind, Node, Tree};
use formats::{cpio, uki};
use slots::RootParams;

/// The parts of the image's own kernel image, which can be changed.
pub struct Generation {
    image: Vec<u8>,
    pub initrd: Vec<u8>,
    pub cmdline: String,
}

impl Generation {
    /// Returns the parts of the built image.
    pub fn good() -> Generation {
        let image = image::uki();
        let section = |name| image::uki_section(name);
        let cmdline = String::from_utf8(section(".cmdline")).unwrap();
        Generation { initrd: section(".initrd"), cmdline, image }
    }

    /// Returns parts whose first program fails in the given way.
    pub fn dying(death: &str) -> Generation {
        let program = fs::read(env!("CARGO_BIN_EXE_dying")).unwrap();
        let initrd = initrd([("init", Node::file(program, 0o755))]);
        let good = Generation::good();
        Generation { initrd, cmdline: format!("{} death={death}", good.cmdline), ..good }
    }

    /// Returns parts without any program, with this command line.
    pub fn without_init(cmdline: &str) -> Generation {
        let initrd = initrd([("none", Node::directory())]);
        Generation { initrd, cmdline: format!("console=ttyS0,115200 {cmdline}"), ..Generation::good() }
    }

    /// Returns the built image's parts with another root.
    pub fn with_root(params: &RootParams) -> Generation {
        let good = Generation::good();
        let old = image::root_params().to_string();
        assert!(good.cmdline.contains(&old), "{}", good.cmdline);
        Generation { cmdline: good.cmdline.replace(&old, &params.to_string()), ..good }
    }

    /// Builds the kernel image. Its kernel does not check whether the timer ticks while it waits: an emulated
    /// processor that is not scheduled in time fails this check, and would fail in another way than intended.
    pub fn build(&self) -> Vec<u8> {
        let of = |name| image::uki_section(name);
        let [os_release, uname] = [".osrel", ".uname"].map(|name| String::from_utf8(of(name)).unwrap());
        uki::build(&uki::Parts {
            stub: &self.stub(),
            os_release: &os_release,
            cmdline: &format!("{} no_timer_check", self.cmdline),
            uname: &uname,
            initrd: &self.initrd,
            kernel: &of(".linux"),
        })
        .unwrap()
    }

    /// Returns the stub: what precedes the first section that the builder added, with its original number of
    /// sections.
    fn stub(&self) -> Vec<u8> {
        let sections = uki::sections(&self.image).unwrap();
        let count = sections.iter().position(|s| s.name == ".osrel").unwrap();
        let end = sections[count].bytes.as_ptr() as usize - self.image.as_ptr() as usize;
        let mut stub = self.image[..end].to_vec();
        let header = u32::from_le_bytes(stub[0x3c..0x40].try_into().unwrap()) as usize;
        let coff = header + 4;
        stub[coff + 2..coff + 4].copy_from_slice(&u16::try_from(count).unwrap().to_le_bytes());
        stub
    }
}

/// Returns an initrd with the mount points of a first program, and these files.
fn initrd<const N: usize>(files: [(&str, Node); N]) -> Vec<u8> {
    let mut tree = Tree::new();
    for directory in ["dev", "sys"] {
        tree.insert(directory, Node::directory()).unwrap();
    }
    tree.insert("dev/console", Node::new(Kind::CharDevice(5, 1), 0o600)).unwrap();
    for (path, node) in files {
        tree.insert(path, node).unwrap();
    }
    let mut archive = Vec::new();
    cpio::write(&tree, 0, &mut archive).unwrap();
    archive
}
