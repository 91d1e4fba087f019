/* This machine's measured ceilings: compute per ISA and precision, bandwidth per memory level.
 * Measured once, kept under the cache folder with the CPU's identity, remeasured on request. */
#ifndef NN_ROOFLINE_H
#define NN_ROOFLINE_H

#include "base/cpu.h"
#include "base/status.h"

/* What a step multiplies. */
typedef enum nn_arithmetic {
    NN_ARITHMETIC_FLOAT,
    NN_ARITHMETIC_BF16,
    NN_ARITHMETIC_INT8,
} nn_arithmetic;

const char *nn_arithmetic_name(nn_arithmetic arithmetic); /* "float", "bf16", "int8" */

typedef struct nn_roofline {
    double fp32_flops;                                 /* FLOP/s of one core at the ISA in use */
    double int8_ops;                                   /* OP/s of one core (2 per MAC) */
    double bf16_flops;                                 /* 0: the CPU has no such unit */
    double l1_bytes, l2_bytes, l3_bytes, memory_bytes; /* bytes/s of one core reading */
    double scale_compute, scale_memory; /* all usable cores together, as multiples of one */
    int cores;
    char cpu[64];
    nn_isa isa;
    char date[32];
} nn_roofline;

/* From the cache, else measured (about a second) and cached. `remeasure` ignores the cache. */
nn_status nn_roofline_get(bool remeasure, nn_roofline *out);
/* What `threads` threads reach together, as a multiple of one: arithmetic, and reading memory. */
void nn_roofline_scales(const nn_roofline *roofline, int threads, double *compute, double *memory);
/* Attainable seconds for this much work on `threads` threads: the larger of compute and traffic,
 * the traffic at the bandwidth of the smallest level that holds `working_set` bytes. */
double nn_roofline_seconds(const nn_roofline *roofline, double flops, nn_arithmetic arithmetic,
                           double bytes, double working_set, int threads);

#endif
