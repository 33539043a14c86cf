//! `ironhull inspect`: shows the contents of an image.

mod files;

use anyhow::Result;
use data_encoding::HEXLOWER;
use image::inspect::{Image, KernelImage, Root, Slots};
use serde_json::{Value, json};
use slots::Slot;

use crate::cmdline::{Global, Inspect};
use crate::hint::hinted;
use crate::output::{self, bytes, table};

/// Logical block size of the partition table in bytes.
const BLOCK_BYTES: u64 = 512;

/// Runs the command.
pub fn run(global: &Global, options: &Inspect) -> Result<()> {
    let image = Image::open(&options.image)?;
    if options.sbom {
        return output::print(&sbom(&image)?);
    }
    let kernel = image.kernel()?;
    if options.boot {
        return output::result(global.json, &kernel_json(&kernel), |_| kernel_text(&kernel));
    }
    let root = image.root()?;
    if options.files {
        let files: Vec<Value> = root.entries().iter().map(files::entry).collect();
        return output::result(global.json, &files, |_| root.listing());
    }
    let whole = Whole { slots: image.slots()?, image: &image, kernel, root };
    output::result(global.json, &whole_json(&whole), |_| whole_text(&whole))
}

/// Returns the bill of materials in the image.
fn sbom(image: &Image) -> Result<String> {
    let missing = || hinted("the image has no SBOM", "look for NAME.spdx.json beside the image");
    image.root()?.sbom().ok_or_else(missing)
}

/// Everything shown without an option.
struct Whole<'a> {
    image: &'a Image,
    slots: Slots,
    kernel: KernelImage,
    root: Root<'a>,
}

/// Returns everything as JSON.
fn whole_json(Whole { image, slots, kernel, root }: &Whole<'_>) -> Value {
    let partitions = image.table().partitions.iter().map(|p| {
        json!({
            "number": p.number,
            "name": p.name,
            "type": p.type_guid.to_string(),
            "guid": p.unique_guid.to_string(),
            "start": p.first_lba * BLOCK_BYTES,
            "bytes": (p.last_lba - p.first_lba + 1) * BLOCK_BYTES,
            "attributes": p.attributes,
        })
    });
    json!({
        "format": image.format(),
        "bytes": image.disk_bytes(),
        "id": image.id(),
        "partitions": partitions.collect::<Vec<_>>(),
        "slots": slots_json(slots),
        "kernel": kernel_json(kernel),
        "root": { "bytes": root.bytes(), "files": root.count(), "facts": root.facts() },
    })
}

/// Formats everything.
fn whole_text(Whole { image, slots, kernel, root }: &Whole<'_>) -> String {
    let slots = slots_text(slots);
    let head = format!("{} disk of {}, id {}\n", image.format(), bytes(image.disk_bytes()), image.id());
    let facts = root.facts().map_or_else(String::new, |f| {
        let head = format!(
            "image {} {}: {} for {}, Kubernetes {}, security epoch {}, inputs of {} s since 1970\n",
            f.name, f.version, f.role, f.architecture, f.kubernetes, f.epoch, f.build_time
        );
        f.state.iter().fold(head, |text, (name, v)| {
            text + &format!("state {name}: writes {}, reads {} to {}\n", v.writes, v.reads, v.writes)
        })
    });
    let row = |p: &_| partition_row(p);
    let partitions = table(&image.table().partitions.iter().map(row).collect::<Vec<_>>());
    let kernel = kernel_text(kernel);
    let root = format!("root: {} paths, {}\n", root.count(), bytes(root.bytes()));
    format!("{head}{facts}\n{partitions}\n{slots}\n{kernel}\n{root}")
}

/// Returns the boot record and the headers of the slots as JSON.
fn slots_json(slots: &Slots) -> Value {
    let name = |slot: Option<Slot>| slot.map(Slot::name);
    let record = slots.record.map(|r| {
        let entry = |slot: Slot| {
            let e = r.slots.get(slot);
            json!({
                "generation": e.generation,
                "epoch": e.epoch,
                "flags": e.flags.to_string(),
                "triesLeft": e.tries_left,
                "lastFailure": e.last_failure.to_string(),
            })
        };
        json!({
            "sequence": r.sequence,
            "boots": r.boots,
            "epochFloor": r.epoch_floor,
            "a": entry(Slot::A),
            "b": entry(Slot::B),
            "attempt": name(r.attempt),
            "forced": name(r.force),
            "lastStart": name(r.last_start),
            "unsettled": r.unsettled,
        })
    });
    let header = |slot: Slot| {
        slots.headers.get(slot).map(|h| {
            json!({ "generation": h.generation, "epoch": h.epoch, "bytes": h.length, "sha256": HEXLOWER.encode(&h.sha256) })
        })
    };
    json!({ "record": record, "kernelA": header(Slot::A), "kernelB": header(Slot::B) })
}

/// Formats the boot record and the headers of the slots, one fact a line.
fn slots_text(slots: &Slots) -> String {
    let record = slots.record.map_or_else(|| "boot record: none is valid".to_owned(), |r| r.to_string());
    let header = |slot: Slot| match slots.headers.get(slot) {
        Some(header) => format!("kernel {slot}: {header}\n"),
        None => format!("kernel {slot}: none\n"),
    };
    format!("{record}\n{}{}", header(Slot::A), header(Slot::B))
}

/// Returns the table row of a partition.
fn partition_row(p: &image::inspect::TablePartition) -> Vec<String> {
    let length = (p.last_lba - p.first_lba + 1) * BLOCK_BYTES;
    vec![p.number.to_string(), p.name.clone(), bytes(length), p.unique_guid.to_string()]
}

/// Returns the kernel image as JSON.
fn kernel_json(kernel: &KernelImage) -> Value {
    let root = kernel.root.as_ref().map(|r| {
        json!({ "rootHash": HEXLOWER.encode(&r.root_hash), "salt": HEXLOWER.encode(&r.salt), "dataBlocks": r.data_blocks, "hashBlock": r.hash_block })
    });
    json!({ "release": kernel.release, "cmdline": kernel.cmdline, "verity": root })
}

/// Formats the kernel image.
fn kernel_text(kernel: &KernelImage) -> String {
    let hash = kernel.root.as_ref().map_or_else(|| "none".to_owned(), |r| HEXLOWER.encode(&r.root_hash));
    format!(
        "kernel {}\nroot hash {hash}\ncommand line {}\n{}",
        kernel.release, kernel.cmdline, kernel.sections
    )
}
