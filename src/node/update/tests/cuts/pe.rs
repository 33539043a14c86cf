//! The smallest programs of which a kernel image can be made, and the image.

use formats::uki;

/// Writes a field.
fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// A PE32+ EFI application with one section of 512 bytes.
fn program() -> Vec<u8> {
    let mut pe = vec![0; 1024];
    let optional = 0x98;
    put(&mut pe, 0, b"MZ");
    put(&mut pe, 0x3c, &0x80u32.to_le_bytes());
    put(&mut pe, 0x80, b"PE\0\0");
    put(&mut pe, 0x84, &0x8664u16.to_le_bytes());
    put(&mut pe, 0x86, &1u16.to_le_bytes());
    put(&mut pe, 0x94, &240u16.to_le_bytes());
    put(&mut pe, 0x96, &0x22eu16.to_le_bytes());
    put(&mut pe, optional, &0x20bu16.to_le_bytes());
    put(&mut pe, optional + 32, &4096u32.to_le_bytes());
    put(&mut pe, optional + 36, &512u32.to_le_bytes());
    put(&mut pe, optional + 56, &8192u32.to_le_bytes());
    put(&mut pe, optional + 60, &1024u32.to_le_bytes());
    put(&mut pe, optional + 68, &10u16.to_le_bytes());
    put(&mut pe, optional + 108, &16u32.to_le_bytes());
    let section = optional + 240;
    put(&mut pe, section, b".text");
    put(&mut pe, section + 8, &500u32.to_le_bytes());
    put(&mut pe, section + 12, &4096u32.to_le_bytes());
    put(&mut pe, section + 16, &512u32.to_le_bytes());
    put(&mut pe, section + 20, &1024u32.to_le_bytes());
    put(&mut pe, section + 36, &0x6000_0020u32.to_le_bytes());
    pe.extend([1; 512]);
    pe
}

/// A kernel image with this command line and initrd.
pub fn image(cmdline: &str, initrd: &[u8]) -> Vec<u8> {
    let program = program();
    let parts =
        uki::Parts { stub: &program, os_release: "ID=x\n", cmdline, uname: "6.12", initrd, kernel: &program };
    uki::build(&parts).unwrap()
}
