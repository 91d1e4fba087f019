/* What this CPU can do, decided once. */
#ifndef NN_CPU_H
#define NN_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Instruction set levels in rising order; a level includes all below it (AVX2 means AVX2 with FMA
 * and F16C, AVX512 means F, BW, DQ, VL, VNNI adds AVX512_VNNI, AMX adds int8 and bf16 tiles and
 * AVX512_BF16, which rounds to bf16). */
typedef enum nn_isa {
    NN_ISA_PORTABLE,
    NN_ISA_AVX2,
    NN_ISA_AVX512,
    NN_ISA_VNNI,
    NN_ISA_BF16,
    NN_ISA_AMX
} nn_isa;

typedef struct nn_cpu {
    nn_isa isa; /* highest level present, usable by the OS, and allowed by NNOPT_CPU_MASK */
    bool has_vbmi, has_vbmi2; /* of AVX-512, which only some CPUs of level AVX512 and above have */
    /* 512-bit operations run as two of 256 bits, so an FMA takes twice as long beside what is read
     * from L2: Zen 4. */
    bool halves_512;
    /* Additions of floats have units beside those of FMAs, as many of them: Zen to Zen 4. */
    bool adds_beside_products;
    uint32_t signature;  /* family, model and stepping as CPUID packs them; 0: not known */
    bool reference_only; /* NNOPT_FORCE_REF=1 */
    char brand[64];
    int cores; /* usable by this process: affinity and cgroup limits honoured */
    int64_t l1d_bytes, l2_bytes, l3_bytes; /* 0: not known */
} nn_cpu;

const nn_cpu *nn_cpu_get(void);
/* The CPU limit of this process's control group (version 1 or 2) in whole cores, rounded up, or
 * INT_MAX; `root` stands before /proc and /sys, "" but in tests. */
int nn_cpu_group_limit(const char *root);

const char *nn_isa_name(nn_isa isa); /* "portable", "AVX2", "AVX-512", "AVX-512 VNNI", "AMX" */

#endif
