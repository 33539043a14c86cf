//! An OVA: `tar` finds its files in order, its manifest their hashes, `xmllint` a descriptor, `qemu-img` a disk.

use super::*;

#[test]
fn an_ova_contains_what_its_manifest_and_its_descriptor_say() {
    let lab = Lab::new(&[Output::Raw, Output::Vmdk, Output::Ova]);
    lab.build(&[]).unwrap();
    let at = |name: &str| lab.at(&format!("out/{name}"));
    let text = |name: &str| at(name).display().to_string();
    let mut archive = tar::Archive::new(File::open(at("small.ova")).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap())
    });
    let names = ["small.ovf", "small.mf", "small.vmdk"];
    assert!(entries.eq(names.map(|name| (name.to_owned(), 0o644))));
    // The files replace that of the output `vmdk`, which must be the same.
    let vmdk = hash_file(&at("small.vmdk")).unwrap().1;
    tar::Archive::new(File::open(at("small.ova")).unwrap()).unpack(lab.at("out")).unwrap();
    assert_eq!(hash_file(&at("small.vmdk")).unwrap().1, vmdk);
    let line = |name| format!("SHA256({name})= {}\n", hash_file(&at(name)).unwrap().1);
    assert_eq!(fs::read_to_string(at("small.mf")).unwrap(), line("small.ovf") + &line("small.vmdk"));
    let ovf = fs::read_to_string(at("small.ovf")).unwrap();
    let length = |name| fs::metadata(at(name)).unwrap().len();
    assert!(ovf.contains(&format!("ovf:size=\"{}\"", length("small.vmdk"))), "{ovf}");
    assert!(ovf.contains(&format!("ovf:capacity=\"{}\"", length("small.raw"))), "{ovf}");
    if let Some(tar) = judges::find("tar") {
        assert!(tar.agrees(&["-tf", &text("small.ova")]).lines().eq(names));
    }
    if let Some(xmllint) = judges::find("xmllint") {
        xmllint.agrees(&["--noout", "--nonet", &text("small.ovf")]);
        let firmware =
            "string(//*[local-name()='Config'][@*[local-name()='key']='firmware']/@*[local-name()='value'])";
        assert_eq!(xmllint.agrees(&["--xpath", firmware, &text("small.ovf")]).trim(), "efi");
    }
    if let Some(qemu) = judges::find("qemu-img") {
        qemu.agrees(&["compare", "-f", "raw", "-F", "vmdk", &text("small.raw"), &text("small.vmdk")]);
    }
}
