//! What a machine in BIOS mode runs of our disks and media: a program that says why nothing starts, and stops.
//!
//! Nothing of ours starts without UEFI. A BIOS would run whatever stands in the first block, or skip the disk in
//! silence. The program is 16-bit real mode code for a first block (below the partitions of the MBR) and for a CD's boot
//! image; it runs wherever the BIOS loads it. Services: interrupt 10h, function 0Eh (write a character).

/// Bytes of a first block before its disk signature and partitions.
pub const CODE_BYTES: usize = 440;

/// What the program says; CR LF ends a line.
const TEXT: &[u8] = b"\r\nIronhull starts in UEFI mode only. This machine is in BIOS (legacy, CSM) mode.\r\n\
    Set it to UEFI in its firmware setup, or choose the boot entry that begins with UEFI.\r\n\
    In a virtual machine: choose UEFI firmware.\r\n\0";

/// The instructions before the text.
const CODE: [u8; 31] = [
    0xfa, //               cli
    0x31, 0xc0, //         xor ax, ax
    0x8e, 0xd0, //         mov ss, ax
    0xbc, 0x00, 0x7c, //   mov sp, 0x7c00
    0xfb, //               sti
    0xfc, //               cld
    0xe8, 0x00, 0x00, //   call next: pushes the address of the next instruction
    0x5e, //               next: pop si
    0x0e, //               push cs
    0x1f, //               pop ds
    0x83, 0xc6, 0x17, //   add si, text - next
    0xac, //               again: lodsb
    0x84, 0xc0, //         test al, al
    0x74, 0x09, //         jz stop
    0xb4, 0x0e, //         mov ah, 0x0e
    0xbb, 0x07, 0x00, //   mov bx, 7
    0xcd, 0x10, //         int 0x10
];
/// The end of the loop, and what is done then.
const STOP: [u8; 5] = [
    0xeb, 0xf2, //         jmp again
    0xf4, //               stop: hlt
    0xeb, 0xfd, //         jmp stop
];

/// Returns the program, padded with zeros.
#[must_use]
pub fn program() -> [u8; CODE_BYTES] {
    let mut program = [0; CODE_BYTES];
    let bytes = CODE.iter().chain(&STOP).chain(TEXT);
    program.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_where_the_program_looks_and_ends() {
        const { assert!(CODE.len() + STOP.len() + TEXT.len() <= CODE_BYTES) };
        let program = program();
        // What is pushed is the address after the call.
        let next = 13;
        assert_eq!(&program[next - 3..=next], [0xe8, 0, 0, 0x5e]);
        let text = next + usize::from(program[18]);
        assert_eq!(&program[text..text + TEXT.len()], TEXT);
        // Jumps count from the instruction after them.
        let again = 19;
        assert_eq!(program[again], 0xac);
        let (jump, stop) = (CODE.len(), CODE.len() + 2);
        assert_eq!(usize::from(program[jump + 1].wrapping_neg()), jump + 2 - again);
        assert_eq!(usize::from(program[23]), stop - 24);
    }
}
