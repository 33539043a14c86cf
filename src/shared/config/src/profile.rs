//! `kind: ImageProfile`: what to build.

use serde::Serialize;

/// What an image is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct ImageProfile {
    /// Name of the image and of its files: lower-case letters, digits and `-`.
    pub name: String,
    /// Version of the image, chosen by its maker: at most 64 letters, digits and `.+~_-`. Default: the
    /// version of the Ironhull that builds it.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub version: Option<String>,
    /// Security epoch, 0 to 4294967295. Raise it when a flaw is fixed: no node runs an image with a lower one
    /// than it has run or blessed. Default 0.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub epoch: u32,
    /// The role of a node with this image.
    pub role: Role,
    /// Processor architecture. Default `amd64`.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub architecture: Architecture,
    /// Kubernetes in the image.
    pub kubernetes: Kubernetes,
    /// Kernel in the image.
    pub kernel: Kernel,
    /// Sizes of the partitions.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub slots: Slots,
    /// Components in the image. Default: all that a node of the role can use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(default))]
    pub components: Vec<Component>,
    /// Files to write, at least one. Default `[raw]`.
    #[cfg_attr(feature = "schema", schemars(default = "default_outputs"))]
    pub outputs: Vec<Output>,
    /// How the qcow2 image is written.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub qcow2: Qcow2,
    /// Key and certificate that sign boot loader and kernel image for Secure Boot. Default: they are not
    /// signed.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub secure_boot: Option<SecureBoot>,
    /// Path of the key set trusted for upgrade bundles, as printed by `ironhull bundle keyset`, relative to
    /// the profile. Default: none, and nodes with this image accept no bundles.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub update_keys: Option<String>,
    /// Directories whose files are copied over the root, in this order, relative to the profile. Files are
    /// 0755 if their owner may execute them, otherwise 0644, and belong to root. Default: none.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub overlay: Vec<String>,
}

/// The key that signs programs for Secure Boot. Both paths are relative to the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct SecureBoot {
    /// The private key: RSA, PKCS #8, PEM; `db.key` of `ironhull keys create`.
    pub key: String,
    /// Its certificate, PEM; `db.crt`.
    pub certificate: String,
}

/// Returns the default outputs: only the raw disk.
pub(crate) fn default_outputs() -> Vec<Output> {
    vec![Output::Raw]
}

/// The role of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Role {
    /// Control plane and pods on one node.
    Single,
    /// The control plane of a cluster, and no pods.
    Controller,
    /// Pods, in the cluster of a controller.
    Worker,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 3] = [Role::Single, Role::Controller, Role::Worker];

    /// Returns its name, as in profiles and in the facts of an image.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Single => "single",
            Role::Controller => "controller",
            Role::Worker => "worker",
        }
    }

    /// Returns the components that an image of this role must have.
    #[must_use]
    pub fn needs(self) -> Vec<Component> {
        let needed = |c: &Component| match c {
            Component::Kubernetes => true,
            Component::Etcd => self != Role::Worker,
            // Only with `storage.type: kine`, and with `network.provider: calico`.
            Component::Kine | Component::Calico => false,
            Component::Containerd | Component::Runc | Component::Cni => self != Role::Controller,
            // A controller's image only names it: its manifests do, and workers of the same build have it.
            Component::Coredns => true,
        };
        Component::ALL.into_iter().filter(needed).collect()
    }

    /// Returns the components that an image of this role has by default: those that it needs, and kine where there is a
    /// store.
    #[must_use]
    pub fn default_components(self) -> Vec<Component> {
        let needs = self.needs();
        let optional = |c: &Component| *c == Component::Kine && self != Role::Worker;
        Component::ALL.into_iter().filter(|c| needs.contains(c) || optional(c)).collect()
    }

    /// Returns the role with the given name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|r| r.name() == name)
    }
}

/// A processor architecture, by its name in Debian and Go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Architecture {
    /// 64-bit x86.
    #[default]
    Amd64,
}

/// Kubernetes in the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Kubernetes {
    /// Version without `v`, such as `1.36.3`; must be the pinned one.
    pub version: String,
}

/// Kernel in the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Kernel {
    /// Fragments in `kernel-config/` by name, without `.config`. Their order does not matter.
    pub config: Vec<String>,
}

/// Sizes of the partitions in MiB. A slot is one root and one kernel partition; there are two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields, default))]
pub struct Slots {
    /// Root file system with its verity tree, 64 to 16384. Default 512.
    #[serde(rename = "rootMiB")]
    pub root_mib: u32,
    /// Kernel image, 16 to 1024. Default 96.
    #[serde(rename = "kernelMiB")]
    pub kernel_mib: u32,
    /// State: identity, PKI, store, 256 to 65536. Default 4096.
    #[serde(rename = "stateMiB")]
    pub state_mib: u32,
    /// Initial size of the data: containers, pods, logs, 1024 to 1048576. It grows to the end of the disk.
    /// Default 4096.
    #[serde(rename = "dataMiB")]
    pub data_mib: u32,
}

impl Default for Slots {
    fn default() -> Self {
        Slots { root_mib: 512, kernel_mib: 96, state_mib: 4096, data_mib: 4096 }
    }
}

/// A component built from source, by the name of its directory in `rootfs/components/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Component {
    /// All Kubernetes programs in one binary.
    Kubernetes,
    /// etcd.
    Etcd,
    /// kine, for `storage.type: kine`.
    Kine,
    /// containerd, its shim and ctr.
    Containerd,
    /// runc.
    Runc,
    /// The CNI plugins.
    Cni,
    /// CoreDNS, which runs in pods.
    Coredns,
    /// Calico, for `network.provider: calico`.
    Calico,
}

impl Component {
    /// All components, in the order of the documentation.
    pub const ALL: [Component; 8] = [
        Component::Kubernetes,
        Component::Etcd,
        Component::Kine,
        Component::Containerd,
        Component::Runc,
        Component::Cni,
        Component::Coredns,
        Component::Calico,
    ];

    /// Returns its name in profiles and in `rootfs/components/`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Component::Kubernetes => "kubernetes",
            Component::Etcd => "etcd",
            Component::Kine => "kine",
            Component::Containerd => "containerd",
            Component::Runc => "runc",
            Component::Cni => "cni",
            Component::Coredns => "coredns",
            Component::Calico => "calico",
        }
    }

    /// Returns whether it runs in pods: its program is in a container image, not on the node itself.
    #[must_use]
    pub const fn runs_in_pods(self) -> bool {
        matches!(self, Component::Coredns)
    }
}

/// A kind of file that a build writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Output {
    /// The raw disk, as a sparse file.
    Raw,
    /// QEMU's disk format, compressed.
    Qcow2,
    /// VMware's disk format, compressed.
    Vmdk,
    /// A virtual machine for VMware, with its disk.
    Ova,
    /// The disk format of Azure and Hyper-V, of fixed size, as a sparse file.
    Vhd,
    /// An installation medium: a CD, or a USB stick that the whole file is copied to.
    Iso,
    /// A kernel image that brings an installation medium along, for network boot.
    Netboot,
    /// The upgrade bundle for nodes.
    Bundle,
}

impl Output {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Output; 8] = [
        Output::Raw,
        Output::Qcow2,
        Output::Vmdk,
        Output::Ova,
        Output::Vhd,
        Output::Iso,
        Output::Netboot,
        Output::Bundle,
    ];

    /// Returns its name in profiles and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Output::Raw => "raw",
            Output::Qcow2 => "qcow2",
            Output::Vmdk => "vmdk",
            Output::Ova => "ova",
            Output::Vhd => "vhd",
            Output::Iso => "iso",
            Output::Netboot => "netboot",
            Output::Bundle => "bundle",
        }
    }

    /// Returns the kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Output> {
        Output::ALL.into_iter().find(|output| output.name() == name)
    }

    /// Returns the help text for the command line.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Output::Raw => "Raw disk, sparse",
            Output::Qcow2 => "QEMU disk, compressed",
            Output::Vmdk => "VMware disk, compressed (streamOptimized)",
            Output::Ova => "VMware machine with its disk",
            Output::Vhd => "Azure and Hyper-V disk, fixed, sparse",
            Output::Iso => "Installation medium: CD, or USB stick",
            Output::Netboot => "Installation medium for network boot",
            Output::Bundle => "Upgrade bundle for nodes",
        }
    }
}

/// How the qcow2 image is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields, default))]
pub struct Qcow2 {
    /// How its clusters are compressed. Default `zstd`.
    pub compression: Compression,
}

/// How clusters of a qcow2 image are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Compression {
    /// A tenth smaller and faster to read; needs QEMU 5.1 or newer.
    #[default]
    Zstd,
    /// For importers that support nothing else, such as those of many clouds.
    Zlib,
}
