//! Reads an [`ImageProfile`].

use crate::checks;
use crate::decode::{Context, Fault, Fields, checked, list, number, one_of, text};
use crate::profile::default_outputs;
use crate::value::Node;
use crate::{
    Architecture, Component, Compression, ImageProfile, Kernel, Kubernetes, Output, Qcow2, Role, SecureBoot,
    Slots,
};

const ROLES: &[(&str, Role)] = &[
    (Role::Single.name(), Role::Single),
    (Role::Controller.name(), Role::Controller),
    (Role::Worker.name(), Role::Worker),
];
const ARCHITECTURES: &[(&str, Architecture)] = &[("amd64", Architecture::Amd64)];
const OUTPUTS: &[(&str, Output)] = &{
    let mut outputs = [("", Output::Raw); Output::ALL.len()];
    let mut i = 0;
    while i < outputs.len() {
        outputs[i] = (Output::ALL[i].name(), Output::ALL[i]);
        i += 1;
    }
    outputs
};
const COMPRESSIONS: &[(&str, Compression)] = &[("zstd", Compression::Zstd), ("zlib", Compression::Zlib)];
const COMPONENTS: &[(&str, Component)] = &[
    (Component::Kubernetes.name(), Component::Kubernetes),
    (Component::Etcd.name(), Component::Etcd),
    (Component::Kine.name(), Component::Kine),
    (Component::Containerd.name(), Component::Containerd),
    (Component::Runc.name(), Component::Runc),
    (Component::Cni.name(), Component::Cni),
    (Component::Coredns.name(), Component::Coredns),
    (Component::Calico.name(), Component::Calico),
];
const PLANNED: &[&str] = &["addons", "embeddedConfig", "compression"];

/// Reads the document; `None` if an error was reported.
pub(crate) fn profile(cx: &mut Context, node: &Node) -> Option<ImageProfile> {
    let mut f = Fields::new(cx, node, PLANNED)?;
    f.required(cx, "apiVersion", text);
    f.required(cx, "kind", text);
    let name = f.required(cx, "name", checked(checks::name));
    let version = f.optional(cx, "version", checked(checks::image_version));
    let epoch = f.optional(cx, "epoch", number(0, u32::MAX.into()));
    let role = f.required(cx, "role", one_of(ROLES, &[]));
    let architecture = f.optional(cx, "architecture", one_of(ARCHITECTURES, &["arm64"]));
    let kubernetes = f.required(cx, "kubernetes", kubernetes);
    let kernel = f.required(cx, "kernel", kernel);
    let slots = f.optional(cx, "slots", slots);
    let components = f.optional(cx, "components", |cx, node| components(cx, node, role));
    let outputs = f.optional(cx, "outputs", outputs);
    let qcow2 = f.optional(cx, "qcow2", qcow2);
    let secure_boot = f.optional(cx, "secureBoot", secure_boot);
    let update_keys = f.optional(cx, "updateKeys", checked(checks::file));
    let overlay = f.optional(cx, "overlay", list(checked(checks::file)));
    f.finish(cx);
    Some(ImageProfile {
        name: name?,
        version,
        epoch: epoch.unwrap_or_default(),
        role: role?,
        architecture: architecture.unwrap_or_default(),
        kubernetes: kubernetes?,
        kernel: kernel?,
        slots: slots.unwrap_or_default(),
        components: components.unwrap_or_else(|| role.map(Role::default_components).unwrap_or_default()),
        outputs: outputs.unwrap_or_else(default_outputs),
        qcow2: qcow2.unwrap_or_default(),
        secure_boot,
        update_keys,
        overlay: overlay.unwrap_or_default(),
    })
}

fn kubernetes(cx: &mut Context, node: &Node) -> Option<Kubernetes> {
    let mut f = Fields::new(cx, node, &[])?;
    let version = f.required(cx, "version", checked(checks::version));
    f.finish(cx);
    Some(Kubernetes { version: version? })
}

fn kernel(cx: &mut Context, node: &Node) -> Option<Kernel> {
    let mut f = Fields::new(cx, node, &["commandLine"])?;
    let config = f.required(cx, "config", |cx, node| {
        let names = list(checked(checks::fragment))(cx, node)?;
        each_once(cx, node, names, "fragment")
    });
    f.finish(cx);
    Some(Kernel { config: config? })
}

fn slots(cx: &mut Context, node: &Node) -> Option<Slots> {
    let mut f = Fields::new(cx, node, &[])?;
    let default = Slots::default();
    let slots = Slots {
        root_mib: f.optional(cx, "rootMiB", number(64, 16 << 10)).unwrap_or(default.root_mib),
        kernel_mib: f.optional(cx, "kernelMiB", number(16, 1 << 10)).unwrap_or(default.kernel_mib),
        state_mib: f.optional(cx, "stateMiB", number(256, 64 << 10)).unwrap_or(default.state_mib),
        data_mib: f.optional(cx, "dataMiB", number(1 << 10, 1 << 20)).unwrap_or(default.data_mib),
    };
    f.finish(cx);
    Some(slots)
}

/// Reads the components: those that the role needs must be among them.
fn components(cx: &mut Context, node: &Node, role: Option<Role>) -> Option<Vec<Component>> {
    let planned = &["konnectivity", "metrics-server", "kube-router"];
    let found = list(one_of(COMPONENTS, planned))(cx, node)?;
    let needs = role.map(Role::needs).unwrap_or_default();
    let missing: Vec<&str> = needs.into_iter().filter(|c| !found.contains(c)).map(Component::name).collect();
    if let Some(role) = role
        && cx.errors.is_empty()
        && !missing.is_empty()
    {
        let message = format!("role {} also needs {}", role.name(), missing.join(", "));
        cx.report(node.place, Fault::new(message));
    }
    each_once(cx, node, found, "component")
}

fn outputs(cx: &mut Context, node: &Node) -> Option<Vec<Output>> {
    let planned = &["vhdx", "gce"];
    let found = list(one_of(OUTPUTS, planned))(cx, node)?;
    each_once(cx, node, found, "output")
}

fn qcow2(cx: &mut Context, node: &Node) -> Option<Qcow2> {
    let mut f = Fields::new(cx, node, &[])?;
    let compression = f.optional(cx, "compression", one_of(COMPRESSIONS, &[]));
    f.finish(cx);
    Some(Qcow2 { compression: compression.unwrap_or_default() })
}

fn secure_boot(cx: &mut Context, node: &Node) -> Option<SecureBoot> {
    let mut f = Fields::new(cx, node, &[])?;
    let key = f.required(cx, "key", checked(checks::file));
    let certificate = f.required(cx, "certificate", checked(checks::file));
    f.finish(cx);
    Some(SecureBoot { key: key?, certificate: certificate? })
}

/// Checks that a list is not empty and has no duplicates.
fn each_once<T: PartialEq>(cx: &mut Context, node: &Node, items: Vec<T>, what: &str) -> Option<Vec<T>> {
    let crate::value::Value::List(nodes) = &node.value else { return Some(items) };
    if nodes.is_empty() {
        cx.report(node.place, Fault::new(format!("expected at least one {what}, found none")));
    }
    if nodes.len() == items.len() {
        let repeated = (0..items.len()).filter(|i| items[..*i].contains(&items[*i]));
        repeated.for_each(|i| cx.report(nodes[i].place, Fault::new(format!("{what} is repeated"))));
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_has_one_name_wherever_it_is_written() {
        for (name, output) in OUTPUTS {
            assert_eq!(Output::from_name(name), Some(*output));
            assert_eq!(serde_json::to_value(output).unwrap(), *name);
        }
        assert_eq!(OUTPUTS.len(), Output::ALL.len());
        assert_eq!(Output::from_name("img"), None);
    }
}
