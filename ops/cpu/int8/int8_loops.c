#include "ops/cpu/int8/int8_loops.h"

const nn_int8_loops *nn_int8_loops_best(void) {
#if defined(__x86_64__)
    const nn_cpu *cpu = nn_cpu_get();
    if (!cpu->reference_only && cpu->isa >= NN_ISA_AVX512) return &nn_int8_loops_avx512;
    if (!cpu->reference_only && cpu->isa >= NN_ISA_AVX2) return &nn_int8_loops_avx2;
#endif
    return &nn_int8_loops_portable;
}
