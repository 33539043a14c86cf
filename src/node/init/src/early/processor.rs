//! Identifies the processor.

use core::arch::x86_64::{__cpuid, CpuidResult};

/// Leaf 1, register `ecx`: something virtual is under the system.
const HYPERVISOR_BIT: u32 = 1 << 31;
/// The leaf in which it names itself.
const NAME_LEAF: u32 = 0x4000_0000;

/// Returns whether the processor is emulated by QEMU in software (TCG), where vector instructions cost more
/// than the plain ones that they replace.
pub(super) fn is_emulated() -> bool {
    __cpuid(1).ecx & HYPERVISOR_BIT != 0 && names_tcg(__cpuid(NAME_LEAF))
}

/// Returns whether that leaf has QEMU's name for itself, `TCGTCGTCGTCG` (`target/i386/cpu.c`).
fn names_tcg(leaf: CpuidResult) -> bool {
    [leaf.ebx, leaf.ecx, leaf.edx]
        == [u32::from_le_bytes(*b"TCGT"), u32::from_le_bytes(*b"CGTC"), u32::from_le_bytes(*b"GTCG")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_qemus_own_name_is_taken() {
        let word = |text: &[u8; 4]| u32::from_le_bytes(*text);
        let leaf =
            CpuidResult { eax: 0x4000_0001, ebx: word(b"TCGT"), ecx: word(b"CGTC"), edx: word(b"GTCG") };
        assert!(names_tcg(leaf));
        assert!(!names_tcg(CpuidResult {
            ebx: word(b"KVMK"),
            ecx: word(b"VMKV"),
            edx: word(b"M\0\0\0"),
            ..leaf
        }));
    }

    #[test]
    fn it_is_told_without_a_fault() {
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        assert!(!is_emulated() || cpus.contains(" hypervisor"), "only a virtual processor is emulated");
    }
}
