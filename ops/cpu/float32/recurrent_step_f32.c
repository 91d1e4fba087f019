#include "ops/cpu/float32/recurrent_step_f32.h"

const nn_recurrent_steps_f32 *nn_recurrent_steps_f32_best(void) {
#if defined(__x86_64__)
    const nn_cpu *cpu = nn_cpu_get();
    if (!cpu->reference_only && cpu->isa >= NN_ISA_AVX512) return &nn_recurrent_steps_f32_avx512;
    if (!cpu->reference_only && cpu->isa >= NN_ISA_AVX2) return &nn_recurrent_steps_f32_avx2;
#endif
    return &nn_recurrent_steps_f32_portable;
}
