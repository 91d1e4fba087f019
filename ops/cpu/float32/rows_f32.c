#include "ops/cpu/float32/rows_f32.h"

const nn_rows_f32 *nn_rows_f32_best(void) {
    const nn_cpu *cpu = nn_cpu_get();
    if (cpu->reference_only || cpu->isa < NN_ISA_AVX2) return &nn_rows_f32_portable;
    return cpu->isa < NN_ISA_AVX512 ? &nn_rows_f32_avx2 : &nn_rows_f32_avx512;
}

bool nn_accepts_float_rows(const nn_node_view *node, const nn_target *target) {
    bool are_bf16 = target->precision == NN_PRECISION_BF16 &&
                    nn_in_types_are(node, 0, -1, NNOPT_BFLOAT16) &&
                    nn_epilogue_is_empty(&node->epilogue);
    return are_bf16 || nn_accepts_float(node, target);
}

bool nn_accepts_float(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_in_types_are(node, 0, -1, NNOPT_FLOAT);
}
