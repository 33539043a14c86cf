//! Finds code that accesses memory below the stack pointer.
//!
//! The ABI of Linux lets a function use 128 bytes there, its red zone, without moving the pointer. In
//! firmware, interrupts use the same stack and overwrite them. Our own code is compiled without a red zone,
//! but the precompiled parts of `core` that are linked in are not; therefore the linked code is checked. It
//! is decoded linearly, and doubtful cases are reported.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::PeError;
use super::elf::{Access, Elf, Function};

/// A function that uses the red zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedZoneUse {
    /// Its symbol name; empty for code before the first function.
    pub function: String,
    /// Address of the first such instruction.
    pub address: u64,
}

/// Returns the functions of a static-pie x86-64 ELF file that access memory below the stack pointer.
///
/// Reported are operands at a negative offset from `rsp`, and in functions with a frame those from `rbp` that
/// are below the allocated stack. All executable bytes are decoded.
///
/// # Errors
/// [`PeError`] if the file is malformed, has no symbols (the starts of functions would be unknown), or its
/// code contains invalid instructions.
pub fn red_zone(file: &[u8]) -> Result<Vec<RedZoneUse>, PeError> {
    let elf = Elf::parse(file)?;
    if elf.functions.is_empty() {
        return Err(PeError::unfit("it has no symbols, so its functions can't be told apart"));
    }
    let mut found = Vec::new();
    for segment in elf.segments.iter().filter(|s| s.access == Access::Execute) {
        let start = u64::from(segment.address);
        let end = start + segment.bytes.len() as u64;
        let within = elf.functions.iter().filter(|f| (start..end).contains(&f.address));
        let mut functions = vec![Function { address: start, name: String::new() }];
        functions.extend(within.cloned());
        let ends = functions.iter().skip(1).map(|f| f.address).chain([end]);
        for (function, end) in functions.iter().zip(ends) {
            let length = usize::try_from(end - function.address).unwrap_or_default();
            let at = segment.offset(function.address, length).unwrap_or_default();
            let code = segment.bytes.get(at..at + length).unwrap_or_default();
            if let Some(address) = first_use(code, function.address)? {
                found.push(RedZoneUse { function: function.name.clone(), address });
            }
        }
    }
    Ok(found)
}

/// Returns the address of the first instruction of a function that uses the red zone.
fn first_use(code: &[u8], address: u64) -> Result<Option<u64>, PeError> {
    // The distance of the stack pointer below `rbp`, once `rbp` is the frame pointer.
    let mut frame: Option<i64> = None;
    for instruction in Decoder::with_ip(64, code, address, DecoderOptions::NONE) {
        if instruction.is_invalid() {
            return Err(PeError::unfit(format!("there is no instruction at {:#x}", instruction.ip())));
        }
        if is_under(&instruction, frame) {
            return Ok(Some(instruction.ip()));
        }
        if takes_frame(&instruction) {
            frame = Some(0);
        } else if let Some(depth) = &mut frame {
            *depth += taken(&instruction);
        }
    }
    Ok(None)
}

/// Returns by how much an instruction lowers the stack pointer permanently; a call restores it.
fn taken(instruction: &Instruction) -> i64 {
    let of_pointer = instruction.op0_register() == Register::RSP;
    let constant = || instruction.try_immediate(1).map_or(0, u64::cast_signed);
    let lowered = match instruction.mnemonic() {
        Mnemonic::Push => i64::from(instruction.stack_pointer_increment()).saturating_neg(),
        Mnemonic::Sub if of_pointer => constant(),
        // The short form of subtracting 128.
        Mnemonic::Add if of_pointer => constant().saturating_neg(),
        _ => 0,
    };
    lowered.max(0)
}

/// Returns whether an instruction is `mov rbp, rsp`.
fn takes_frame(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Mov
        && instruction.op0_register() == Register::RBP
        && instruction.op1_register() == Register::RSP
}

/// Returns whether an instruction accesses memory below the stack pointer.
fn is_under(instruction: &Instruction, frame: Option<i64>) -> bool {
    let touches = instruction.op_kinds().any(|kind| kind == OpKind::Memory)
        // These only compute an address.
        && !matches!(instruction.mnemonic(), Mnemonic::Lea | Mnemonic::Nop);
    let distance = instruction.memory_displacement64().cast_signed();
    let floor = match instruction.memory_base() {
        Register::RSP | Register::ESP => 0,
        Register::RBP => match frame {
            Some(depth) => -depth,
            // `rbp` is an ordinary register in this function.
            None => return false,
        },
        _ => return false,
    };
    touches && distance < floor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_under_the_stack_pointer_is_found_however_it_is_named() {
        let cases: &[(&str, &[u8], Option<u64>)] = &[
            ("mov [rsp-8],rax; ret", &[0x48, 0x89, 0x44, 0x24, 0xf8, 0xc3], Some(0x1000)),
            ("mov rax,[rsp-0x78]; ret", &[0x48, 0x8b, 0x44, 0x24, 0x88, 0xc3], Some(0x1000)),
            ("movaps [rsp-0x18],xmm0", &[0x0f, 0x29, 0x44, 0x24, 0xe8], Some(0x1000)),
            ("mov [rsp+rax-8],cl", &[0x88, 0x4c, 0x04, 0xf8], Some(0x1000)),
            (
                "push rbp; mov rbp,rsp; mov [rbp-8],rdi",
                &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0x7d, 0xf8],
                Some(0x1004),
            ),
            (
                "push rbp; mov rbp,rsp; sub rsp,16; mov [rbp-0x18],rdi",
                &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x48, 0x89, 0x7d, 0xe8],
                Some(0x1008),
            ),
            (
                "push rbp; mov rbp,rsp; push rbx; push rbx; mov [rbp-0x10],rdi",
                &[0x55, 0x48, 0x89, 0xe5, 0x53, 0x53, 0x48, 0x89, 0x7d, 0xf0],
                None,
            ),
            (
                "push rbp; mov rbp,rsp; sub rsp,16; mov [rbp-0x10],rdi",
                &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x48, 0x89, 0x7d, 0xf0],
                None,
            ),
            (
                "push rbp; mov rbp,rsp; add rsp,-128; mov [rbp-0x80],rdi",
                &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xc4, 0x80, 0x48, 0x89, 0x7d, 0x80],
                None,
            ),
            ("mov [rsp+8],rax; ret", &[0x48, 0x89, 0x44, 0x24, 0x08, 0xc3], None),
            ("lea rax,[rsp-8]; ret", &[0x48, 0x8d, 0x44, 0x24, 0xf8, 0xc3], None),
            ("push rax; call +0; pop rax; ret", &[0x50, 0xe8, 0, 0, 0, 0, 0x58, 0xc3], None),
            ("mov [rbp-8],rax, rbp being any register", &[0x48, 0x89, 0x45, 0xf8], None),
            ("mov [rbx-8],rax", &[0x48, 0x89, 0x43, 0xf8], None),
        ];
        for (text, code, found) in cases {
            assert_eq!(first_use(code, 0x1000), Ok(*found), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_instruction_are_an_error() {
        assert!(matches!(first_use(&[0x90, 0x06], 0x1000), Err(PeError::Unfit(_))));
        assert!(matches!(first_use(&[0x48, 0x89, 0x44], 0x1000), Err(PeError::Unfit(_))));
    }
}
