//! Writes a small volume: some files in its root directory, with Joliet names; and, for a medium that machines start
//! from, the catalogue of El Torito (1.0), which names what they run.
//!
//! Joliet rather than Rock Ridge, because every system reads it. No clock: all times are 1980-01-01, as in our FAT. The
//! whole image is made in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Names;
use super::{FIRST_DESCRIPTOR, MAGIC, SECTOR_BYTES};
use crate::le::put;

/// Length of a sector, for lengths.
const SECTOR: usize = SECTOR_BYTES as usize;
/// The sector of the primary descriptor, and of the boot record, where El Torito wants it.
const PRIMARY: u32 = FIRST_DESCRIPTOR;
const BOOT_RECORD: u32 = PRIMARY + 1;
/// Length of a path table that has only the root, in bytes.
const PATH_TABLE_BYTES: u32 = 10;
/// Maximum length of a name: with `.;1` a plain one still has the 31 characters that ECMA-119 allows.
const MAX_NAME: usize = 28;
/// Maximum length of a label: Joliet has 16 characters.
const MAX_LABEL: usize = 16;
/// Maximum length of all files in bytes.
const MAX_BYTES: usize = 64 << 20;
/// 1980-01-01 in a directory record.
const DATE: [u8; 7] = [80, 1, 1, 0, 0, 0, 0];
/// 1980-01-01 in a volume descriptor.
const LONG_DATE: &[u8; 17] = b"1980010100000000\0";

/// Why a volume can't be written.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    /// The label does not fit.
    #[error("label {0:?}: expected 1 to {MAX_LABEL} of the characters A-Z, a-z, 0-9, - and _")]
    Label(String),
    /// The name of a file does not fit, or differs from another one only in ways that plain names do not show.
    #[error(
        "name {0:?}: expected 1 to {MAX_NAME} of the characters A-Z, a-z, 0-9, -, _ and ., and no name like it"
    )]
    Name(String),
    /// The files are too long.
    #[error("files of {0} bytes: expected at most {MAX_BYTES}")]
    TooLong(usize),
    /// What is started does not fit.
    #[error("what machines start from the medium does not fit into it")]
    Boot,
}

/// A file and its place.
struct Placed<'a> {
    name: &'a str,
    bytes: &'a [u8],
    sector: u32,
}

/// What machines run that start from the medium, of which the volume is only the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot<'a> {
    /// For machines in BIOS mode: at most 2048 bytes, loaded and run as they are.
    pub bios: &'a [u8],
    /// For UEFI: where the file system with the boot loader begins, in sectors of 2048 bytes.
    pub efi_sector: u32,
    /// Its length in units of 512 bytes.
    pub efi_blocks: u16,
    /// Length of the medium in sectors of 2048 bytes.
    pub sectors: u32,
}

/// Where everything is, in sectors.
struct Places {
    joliet: u32,
    terminator: u32,
    /// Path tables: for each tree in little-endian and in big-endian order.
    path_tables: u32,
    /// The catalogue, then what a BIOS runs.
    catalogue: u32,
    directories: u32,
}

impl Places {
    fn new(boot: Option<&Boot<'_>>) -> Places {
        let (record, catalogue_sectors) = if boot.is_some() { (1, 2) } else { (0, 0) };
        let joliet = PRIMARY + 1 + record;
        let path_tables = joliet + 2;
        let catalogue = path_tables + 4;
        let directories = catalogue + catalogue_sectors;
        Places { joliet, terminator: joliet + 1, path_tables, catalogue, directories }
    }
}

/// Returns the image of a volume with these files. The same files give the same bytes.
///
/// # Errors
/// [`IsoError`] if the label or a name has other characters than `A-Z`, `a-z`, `0-9`, `-`, `_` (a name also `.`), if
/// the label is longer than 16 characters or a name than 28, if two names are the same without regard to case and
/// punctuation, or if the files have more than 64 MiB.
pub fn write(label: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, IsoError> {
    image(label, files, None)
}

/// Returns the front of a medium that machines start from: the volume as [`write()`] makes it, with a catalogue of what to
/// run. The first 32 KiB are zeros: a partition table fits there.
///
/// # Errors
/// Those of [`write()`]; [`IsoError::Boot`] if what a BIOS runs is too long, or the volume reaches what UEFI runs.
pub fn write_bootable(
    label: &str,
    files: &BTreeMap<String, Vec<u8>>,
    boot: &Boot<'_>,
) -> Result<Vec<u8>, IsoError> {
    let image = image(label, files, Some(boot))?;
    let fits = boot.bios.len() <= SECTOR && sectors(image.len()) <= boot.efi_sector;
    if fits && boot.efi_sector < boot.sectors { Ok(image) } else { Err(IsoError::Boot) }
}

fn image(
    label: &str,
    files: &BTreeMap<String, Vec<u8>>,
    boot: Option<&Boot<'_>>,
) -> Result<Vec<u8>, IsoError> {
    check(label, files)?;
    let places = Places::new(boot);
    let plain = directory_sectors(files, Names::Plain);
    let joliet = directory_sectors(files, Names::Joliet);
    let roots = [(places.directories, plain), (places.directories + plain, joliet)];
    let mut next = places.directories + plain + joliet;
    let mut placed = Vec::new();
    for (name, bytes) in files {
        placed.push(Placed { name, bytes, sector: next });
        next += sectors(bytes.len());
    }
    let volume = boot.map_or(next, |boot| boot.sectors);
    let mut image = vec![0; next as usize * SECTOR];
    let trees =
        [(PRIMARY, Names::Plain, places.path_tables), (places.joliet, Names::Joliet, places.path_tables + 2)];
    for ((which, names, table), root) in trees.into_iter().zip(roots) {
        put(&mut image, at(which), &descriptor(label, names, volume, (table, root)));
        put(
            &mut image,
            at(table),
            &[&[1, 0][..], &root.0.to_le_bytes(), &1u16.to_le_bytes(), &[0, 0]].concat(),
        );
        put(
            &mut image,
            at(table + 1),
            &[&[1, 0][..], &root.0.to_be_bytes(), &1u16.to_be_bytes(), &[0, 0]].concat(),
        );
        put(&mut image, at(root.0), &directory(&placed, names, root));
    }
    if let Some(boot) = boot {
        put(&mut image, at(BOOT_RECORD), &boot_record(places.catalogue));
        put(&mut image, at(places.catalogue), &catalogue(boot, places.catalogue + 1));
        put(&mut image, at(places.catalogue + 1), boot.bios);
    }
    put(&mut image, at(places.terminator), &[&[255], MAGIC, &[1]].concat());
    for file in &placed {
        put(&mut image, at(file.sector), file.bytes);
    }
    Ok(image)
}

/// Returns the descriptor that names the catalogue's sector.
fn boot_record(catalogue: u32) -> Vec<u8> {
    let mut bytes = [&[0][..], MAGIC, &[1], b"EL TORITO SPECIFICATION"].concat();
    bytes.resize(71, 0);
    bytes.extend(catalogue.to_le_bytes());
    bytes
}

/// Returns the catalogue: an entry that validates it, the one of a BIOS, and the one of UEFI in a section of its own.
/// `bios` is the sector of what a BIOS runs.
fn catalogue(boot: &Boot<'_>, bios: u32) -> Vec<u8> {
    const BOOTABLE: u8 = 0x88;
    const LAST_SECTION: u8 = 0x91;
    const EFI: u8 = 0xef;
    let mut validation = [0; 32];
    put(&mut validation, 0, &[1]);
    put(&mut validation, 30, &[0x55, 0xaa]);
    let sum =
        validation.as_chunks::<2>().0.iter().fold(0u16, |sum, w| sum.wrapping_add(u16::from_le_bytes(*w)));
    put(&mut validation, 28, &sum.wrapping_neg().to_le_bytes());
    let entry = |blocks: u16, sector: u32| {
        let mut entry = [0; 32];
        put(&mut entry, 0, &[BOOTABLE]);
        put(&mut entry, 6, &blocks.to_le_bytes());
        put(&mut entry, 8, &sector.to_le_bytes());
        entry
    };
    let mut section = [0; 32];
    put(&mut section, 0, &[LAST_SECTION, EFI, 1, 0]);
    // A BIOS loads one sector, as four of its blocks.
    [validation, entry(4, bios), section, entry(boot.efi_blocks, boot.efi_sector)].concat()
}

/// Returns the offset of a sector.
fn at(sector: u32) -> usize {
    sector as usize * SECTOR
}

/// Returns the number of sectors that `bytes` take; the length was checked.
fn sectors(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(SECTOR)).unwrap_or(u32::MAX)
}

fn check(label: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<(), IsoError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(1..=MAX_LABEL).contains(&label.len()) || !label.chars().all(word) {
        return Err(IsoError::Label(label.to_owned()));
    }
    let mut seen = BTreeSet::new();
    for name in files.keys() {
        let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(|c| word(c) || c == '.');
        if !fits || !seen.insert(encoded(name, Names::Plain)) {
            return Err(IsoError::Name(name.clone()));
        }
    }
    let bytes = files.values().map(Vec::len).fold(0, usize::saturating_add);
    if bytes > MAX_BYTES { Err(IsoError::TooLong(bytes)) } else { Ok(()) }
}

/// Returns a name as a directory record has it.
fn encoded(name: &str, names: Names) -> Vec<u8> {
    match names {
        Names::Joliet => name.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Names::Plain => {
            let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
            let word = |text: &str| text.replace(['-', '.'], "_").to_ascii_uppercase();
            format!("{}.{};1", word(base), word(extension)).into_bytes()
        }
    }
}

/// A number in both byte orders.
fn both(number: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    put(&mut bytes, 0, &number.to_le_bytes());
    put(&mut bytes, 4, &number.to_be_bytes());
    bytes
}

fn both_short(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}

/// Returns the record of a file or directory. Names are short enough for every length to fit.
fn record(name: &[u8], sector: u32, bytes: u32, flags: u8) -> Vec<u8> {
    let length = (33 + name.len()).next_multiple_of(2);
    let mut record = vec![0; length];
    record[0] = u8::try_from(length).unwrap_or_default();
    put(&mut record, 2, &both(sector));
    put(&mut record, 10, &both(bytes));
    put(&mut record, 18, &DATE);
    record[25] = flags;
    put(&mut record, 28, &both_short(1));
    record[32] = u8::try_from(name.len()).unwrap_or_default();
    put(&mut record, 33, name);
    record
}

/// Returns the record of a root directory, under the name 0 (itself) or 1 (its parent).
fn root_record(name: u8, (sector, sectors): (u32, u32)) -> Vec<u8> {
    record(&[name], sector, sectors * u32::from(SECTOR_BYTES), 0x02)
}

/// Returns a root directory, padded to whole sectors.
fn directory(files: &[Placed], names: Names, root: (u32, u32)) -> Vec<u8> {
    let mut entries: Vec<(Vec<u8>, &Placed)> = files.iter().map(|f| (encoded(f.name, names), f)).collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut bytes = [root_record(0, root), root_record(1, root)].concat();
    for (name, file) in entries {
        let length = u32::try_from(file.bytes.len()).unwrap_or_default();
        let record = record(&name, file.sector, length, 0);
        // No record crosses a sector.
        if bytes.len() % SECTOR + record.len() > SECTOR {
            bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        }
        bytes.extend(record);
    }
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    bytes
}

/// Returns the number of sectors of a root directory, which does not depend on where anything is.
fn directory_sectors(files: &BTreeMap<String, Vec<u8>>, names: Names) -> u32 {
    let nowhere = |(name, bytes)| Placed {
        name: <String as AsRef<str>>::as_ref(name),
        bytes: Vec::as_slice(bytes),
        sector: 0,
    };
    sectors(directory(&files.iter().map(nowhere).collect::<Vec<_>>(), names, (0, 0)).len())
}

/// Returns a volume descriptor.
///
/// `sectors` is the length of the volume; the rest are the places of the path tables and the root directory.
fn descriptor(label: &str, names: Names, sectors: u32, (table, root): (u32, (u32, u32))) -> Vec<u8> {
    let mut bytes = vec![0; SECTOR];
    let text = |text: &str, length: usize| -> Vec<u8> {
        let padded = format!("{text:length$}");
        match names {
            Names::Plain => padded.into_bytes(),
            Names::Joliet => padded.encode_utf16().flat_map(u16::to_be_bytes).take(length).collect(),
        }
    };
    let (kind, escape): (u8, &[u8]) = match names {
        Names::Plain => (1, b""),
        Names::Joliet => (2, b"%/E"),
    };
    put(&mut bytes, 0, &[&[kind], MAGIC, &[1]].concat());
    put(&mut bytes, 8, &text("", 32));
    put(&mut bytes, 40, &text(label, 32));
    put(&mut bytes, 80, &both(sectors));
    put(&mut bytes, 88, escape);
    put(&mut bytes, 120, &both_short(1));
    put(&mut bytes, 124, &both_short(1));
    put(&mut bytes, 128, &both_short(SECTOR_BYTES));
    put(&mut bytes, 132, &both(PATH_TABLE_BYTES));
    put(&mut bytes, 140, &table.to_le_bytes());
    put(&mut bytes, 148, &(table + 1).to_be_bytes());
    put(&mut bytes, 156, &root_record(0, root));
    // Volume set, publisher, preparer, application; copyright, abstract and bibliography.
    for (at, length) in [(190, 128), (318, 128), (446, 128), (574, 128), (702, 37), (739, 37), (776, 37)] {
        put(&mut bytes, at, &text("", length));
    }
    put(&mut bytes, 813, LONG_DATE);
    put(&mut bytes, 830, LONG_DATE);
    put(&mut bytes, 847, b"0000000000000000\0");
    put(&mut bytes, 864, b"0000000000000000\0");
    bytes[881] = 1;
    bytes
}
