# The KVM probe: goes through the modes of a 64-bit guest, then ends the machine with one write.
# Runs from the reset vector of a 64 KiB firmware image mapped at 0xf0000.
# as probe.S -o probe.o && objcopy -O binary -j .text probe.o probe.bin
        .set BASE, 0xf0000
        .code16
start:  cli
        fninit
        lgdtl   %cs:(gdtr - start)
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $8, $(BASE + protected - start)
        .code32
protected:
        movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        xorl    %eax, %eax
        movl    $0x1000, %edi
        movl    $0xc00, %ecx
        rep stosl
        movl    $0x2003, 0x1000
        movl    $0x3003, 0x2000
        movl    $0x83, 0x3000
        movl    $0x1000, %eax
        movl    %eax, %cr3
        movl    %cr4, %eax
        orl     $0x620, %eax
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x100, %eax
        wrmsr
        movl    %cr0, %eax
        andl    $0xfffffffb, %eax
        orl     $0x80000003, %eax
        movl    %eax, %cr0
        ljmpl   $24, $(BASE + long - start)
        .code64
long:   movl    $8, %eax
        movd    %eax, %xmm0
        paddd   %xmm0, %xmm0
        movd    %xmm0, %eax
        movw    $0xf4, %dx
        outb    %al, %dx
        hlt
        .balign 8
gdt:    .quad   0
        .quad   0x00cf9a000000ffff
        .quad   0x00cf92000000ffff
        .quad   0x00af9a000000ffff
gdtr:   .word   . - gdt - 1
        .long   BASE + gdt - start
