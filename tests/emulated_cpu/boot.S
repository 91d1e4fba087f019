/* The emulated machine's firmware: enters the Linux kernel that lies in memory already, by the 32-bit boot
 * protocol. RAM_BYTES, BLOCK_BYTES, PARAMETERS and KERNEL are given with --defsym. */
        .code16
        .section .text
base:
        cli
        lgdtl   %cs:(descriptors_pointer - base)
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $0x10, $protected

        .code32
protected:
        movl    $0x18, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        movl    %eax, %ss
/* Bochs places blocks of memory in the order in which they are touched first, and reads an image as if they
 * lay in the order of their addresses. */
        xorl    %eax, %eax
touch:
        movb    (%eax), %bl
        addl    $BLOCK_BYTES, %eax
        cmpl    $RAM_BYTES, %eax
        jb      touch
        movl    $PARAMETERS, %esi
        xorl    %ebx, %ebx
        xorl    %ebp, %ebp
        xorl    %edi, %edi
        movl    $KERNEL, %eax
        jmp     *%eax

        .balign 8
descriptors:                            /* __BOOT_CS and __BOOT_DS: all of memory */
        .quad   0, 0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
descriptors_pointer:
        .word   . - descriptors - 1
        .long   descriptors

        .org    base + 0xfff0           /* where a reset CPU starts */
        .code16
        jmp     base
        .org    base + 0x10000, 0
