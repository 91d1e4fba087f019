/* Loops that do nothing but reach a ceiling of the machine: one set per instruction set. */
#ifndef NN_ROOFLINE_PROBE_H
#define NN_ROOFLINE_PROBE_H

#include "base/cpu.h"

typedef struct nn_roofline_probe {
    /* Each does `rounds` of independent multiply-adds in registers on values that are neither zero
     * nor denormal and returns the operations done (2 per multiply-add). */
    double (*fp32)(int64_t rounds);
    double (*int8)(int64_t rounds);
    double (*bf16)(int64_t rounds); /* NULL: no unit for it */
    /* Reads `bytes` (a multiple of 1024) once, in order; returns a value that depends on all of
     * them. */
    uint64_t (*read)(const void *memory, int64_t bytes);
} nn_roofline_probe;

extern const nn_roofline_probe nn_roofline_probe_portable;
#if defined(__x86_64__)
extern const nn_roofline_probe nn_roofline_probe_avx2;
extern const nn_roofline_probe nn_roofline_probe_avx512;
extern const nn_roofline_probe nn_roofline_probe_vnni;
extern const nn_roofline_probe nn_roofline_probe_avx512bf16;
extern const nn_roofline_probe nn_roofline_probe_amx;
#endif

/* Where probes leave results, so that the compiler keeps the work. */
extern volatile float nn_roofline_sink_float;
extern volatile int32_t nn_roofline_sink_int;

#endif
