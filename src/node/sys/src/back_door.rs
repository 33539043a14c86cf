//! VMware's back door: an I/O port whose access the hypervisor intercepts.
//!
//! Only the call itself; what the registers mean is known to its callers. Off-spec: VMware publishes it only as source,
//! in open-vm-tools, `lib/backdoor`.

/// The port.
const PORT: u16 = 0x5658;
/// Must be in `eax`.
const MAGIC: u32 = 0x564d_5868;

/// The registers that a call passes and returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackDoorRegisters {
    /// A parameter.
    pub ebx: u32,
    /// Command in the lower half; its subcommand, then its status, in the upper half.
    pub ecx: u32,
    /// Channel in the upper half. The lower half is the port, and ours.
    pub edx: u32,
    /// First cookie of the channel.
    pub esi: u32,
    /// Second cookie of the channel.
    pub edi: u32,
}

/// Calls the hypervisor.
///
/// Only for machines whose firmware says that they are VMware's: elsewhere the port can't be accessed, and the kernel
/// ends the process with SIGSEGV.
#[must_use]
pub fn back_door(registers: BackDoorRegisters) -> BackDoorRegisters {
    let BackDoorRegisters { ebx, ecx, edx, esi, edi } = registers;
    let mut ebx = u64::from(ebx);
    let (mut ecx, mut edx, mut esi, mut edi) = (ecx, edx & 0xffff_0000 | u32::from(PORT), esi, edi);
    // SAFETY: the hypervisor changes the registers that are named here and no memory; rbx, which LLVM keeps for itself,
    // is put back. Without the hypervisor the instruction faults, and nothing after it is executed.
    unsafe {
        core::arch::asm!(
            "xchg {ebx}, rbx",
            "in eax, dx",
            "xchg {ebx}, rbx",
            ebx = inout(reg) ebx,
            inout("eax") MAGIC => _,
            inout("ecx") ecx,
            inout("edx") edx,
            inout("esi") esi,
            inout("edi") edi,
            options(nostack),
        );
    }
    // The upper half is zero, or what the hypervisor left there.
    let ebx = u32::try_from(ebx & u64::from(u32::MAX)).unwrap_or_default();
    BackDoorRegisters { ebx, ecx, edx, esi, edi }
}
